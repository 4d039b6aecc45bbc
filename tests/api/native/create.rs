//! `POST /api/mcp-connections`.

use harness::stack::{TestStack, id_of};
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/mcp-connections";

fn body() -> Value {
    json!({ "name": "GitHub", "serverUrl": "https://mcp.example.com/mcp", "authType": "bearer", "bearerToken": "sk-1" })
}

fn with(changes: Value) -> Value {
    let mut body = body();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}

#[tokio::test]
async fn a_new_connection_is_unknown_and_due_at_once() {
    let stack = TestStack::start().await;
    let answer = stack
        .api()
        .post(PATH, &with(json!({ "checkIntervalSeconds": 60 })))
        .await;
    let made = answer.json();
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.header("location"),
        Some(format!("{PATH}/{}", id_of(&made)).as_str())
    );
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let expected = json!({
        "tenantId": stack.acme().tenant_id, "name": "GitHub", "serverUrl": "https://mcp.example.com/mcp", "authType": "bearer",
        "status": "unknown", "statusReason": null, "instructions": null, "lastHealthCheckAt": null,
        "hasCredential": true, "enabled": true, "checkIntervalSeconds": 60, "toolCount": null, "consecutiveFailures": 0,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert!(made["nextCheckAt"].is_string(), "due within a minute");
    assert_eq!(
        stack.read(&id_of(&made)).await,
        made,
        "what was answered is what is read"
    );
    assert!(!answer.text().contains("sk-1"));
}

/// All problems at once, each with its field; and nothing is stored.
#[tokio::test]
async fn every_problem_is_named() {
    let stack = TestStack::start().await;
    let cases = [
        (json!({}), vec!["/name", "/serverUrl", "/authType"]),
        (
            with(
                json!({ "name": "", "serverUrl": "x", "enabled": 1, "checkIntervalSeconds": 59, "nmae": 1 }),
            ),
            vec![
                "/name",
                "/serverUrl",
                "/enabled",
                "/checkIntervalSeconds",
                "/nmae",
            ],
        ),
        (with(json!({ "bearerToken": null })), vec!["/bearerToken"]),
        (with(json!({ "bearerToken": "" })), vec!["/bearerToken"]),
        (
            with(json!({ "bearerToken": "two\r\nlines" })),
            vec!["/bearerToken"],
        ),
        (with(json!({ "bearerToken": 5 })), vec!["/bearerToken"]),
        (with(json!({ "authType": "oauth" })), vec!["/authType"]),
        (with(json!({ "authType": "none" })), vec!["/bearerToken"]),
        (
            with(json!({ "apiKey": "k", "headerName": "x-key" })),
            vec!["/headerName", "/apiKey"],
        ),
        (
            with(json!({ "authType": "api_key", "bearerToken": null })),
            vec!["/headerName", "/apiKey"],
        ),
        (
            with(
                json!({ "authType": "api_key", "bearerToken": null, "apiKey": "k", "headerName": "Host" }),
            ),
            vec!["/headerName"],
        ),
        (
            with(json!({ "serverUrl": "https://user:secret@mcp.example.com/" })),
            vec!["/serverUrl"],
        ),
        (
            with(json!({ "serverUrl": "file:///etc/passwd" })),
            vec!["/serverUrl"],
        ),
        (
            with(json!({ "id": "mine", "status": "active", "tenantId": "other" })),
            vec!["/id", "/status", "/tenantId"],
        ),
        (json!([]), vec![""]),
    ];
    for (body, fields) in cases {
        let answer = stack.api().post(PATH, &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_request"),
            "{body}"
        );
        let mut told: Vec<String> = answer.json()["details"]
            .as_array()
            .unwrap()
            .iter()
            .map(|detail| detail["field"].as_str().unwrap().to_owned())
            .collect();
        let mut expected: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{body}");
        assert!(
            !answer.text().contains("secret"),
            "an answer repeats what could be a secret"
        );
    }
    assert_eq!(stack.api().get(PATH).await.json(), json!([]));
    assert!(stack.stack.secrets_manager.names().is_empty());
}

#[tokio::test]
async fn what_is_no_json_is_refused_by_its_kind() {
    let stack = TestStack::start().await;
    let json_type = [("content-type", "application/json")];
    let big = with(json!({ "name": "x".repeat(70_000) })).to_string();
    for (headers, body, status, code) in [
        (&json_type[..], b"{".to_vec(), 400, "invalid_request"),
        (&json_type[..], b"".to_vec(), 400, "invalid_request"),
        (&json_type[..], b"\xff\xfe".to_vec(), 400, "invalid_request"),
        (
            &json_type[..],
            "[".repeat(5000).into_bytes(),
            400,
            "invalid_request",
        ),
        (&json_type[..], big.into_bytes(), 413, "body_too_large"),
        (
            &[("content-type", "text/plain")][..],
            body().to_string().into_bytes(),
            415,
            "unsupported_media_type",
        ),
        (
            &[][..],
            body().to_string().into_bytes(),
            415,
            "unsupported_media_type",
        ),
    ] {
        let answer = stack
            .api()
            .send_raw(Method::POST, PATH, headers, body)
            .await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(
        stack
            .api()
            .send_raw(
                Method::POST,
                PATH,
                &charset,
                body().to_string().into_bytes()
            )
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let stack = TestStack::start().await;
    stack.register(body()).await;
    let again = stack.api().post(PATH, &body()).await;
    assert_eq!((again.status, again.code().as_str()), (409, "name_taken"));
    assert_eq!(
        stack.stack.secrets_manager.names().len(),
        1,
        "no secret without its connection"
    );
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_repeated() {
    let stack = TestStack::start().await;
    let send = async |key: &str, body: &Value| {
        stack
            .api()
            .send(Method::POST, PATH, &[("idempotency-key", key)], Some(body))
            .await
    };
    let first = send("k1", &body()).await;
    let replay = send("k1", &body()).await;
    assert_eq!((first.status, replay.status), (201, 201));
    assert_eq!(first.json(), replay.json());
    assert_eq!(first.header("location"), replay.header("location"));
    assert_eq!(
        stack.api().get(PATH).await.json().as_array().unwrap().len(),
        1
    );

    let other = send("k1", &with(json!({ "bearerToken": "sk-2" }))).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let other_key = send("k2", &body()).await;
    assert_eq!(
        (other_key.status, other_key.code().as_str()),
        (409, "name_taken")
    );

    // The key belongs to its tenant.
    let stranger = stack
        .stranger()
        .send(
            Method::POST,
            PATH,
            &[("idempotency-key", "k1")],
            Some(&body()),
        )
        .await;
    assert_eq!(stranger.status, 201);
    assert_ne!(stranger.json()["id"], first.json()["id"]);

    for bad in ["", &"x".repeat(256)] {
        let answer = send(bad, &body()).await;
        assert_eq!(
            (answer.status, answer.json()["details"][0]["field"].as_str()),
            (400, Some("Idempotency-Key"))
        );
    }
    stack.clock.turn_seconds(24 * 60 * 60 + 1);
    assert_eq!(
        send("k1", &body()).await.code(),
        "name_taken",
        "after a day the key is forgotten"
    );
}

/// A secret is named by ids, and holds the token alone.
#[tokio::test]
async fn the_credential_is_in_its_secret_and_nowhere_else() {
    let stack = TestStack::start().await;
    let id = id_of(&stack.register(body()).await);
    let secrets = stack.stack.secrets_manager.secrets();
    assert_eq!(secrets.len(), 1);
    assert_eq!(
        secrets[0].name,
        format!("mcp-steward/prod/{}/{id}", stack.acme().tenant_id)
    );
    assert_eq!(secrets[0].versions.len(), 1);
    assert_eq!(secrets[0].versions[0].value, b"sk-1");
    assert_eq!(secrets[0].versions[0].stages, ["AWSCURRENT"]);
}

#[tokio::test]
async fn plain_http_is_for_developers() {
    let strict = TestStack::with(local::stack::Options {
        strict: true,
        ..Default::default()
    })
    .await;
    let plain = with(json!({ "serverUrl": "http://mcp.example.com/mcp" }));
    let answer = strict.api().post(PATH, &plain).await;
    assert_eq!(
        (answer.status, answer.json()["details"][0]["field"].as_str()),
        (400, Some("/serverUrl"))
    );
    assert_eq!(
        TestStack::start()
            .await
            .api()
            .post(PATH, &plain)
            .await
            .status,
        201
    );
}
