//! No secret that a client of Portkey's gave comes back, to anybody but the gateway: not in an answer, not in a row, not in the log's lines.

use harness::stack::TestStack;
use http::Method;
use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, ok, publish_of};

/// A configuration with a secret of its own in every kind of place.
fn configurations() -> Value {
    json!({
        "headers": { "Authorization": "Basic canary-header-1", "X-Key": "canary-header-2" },
        "passthrough_header": { "x-static": "canary-static-3" },
        "forward_headers": ["x-user-id"],
        "oauth_metadata": { "issuer": "https://id.example", "client_id": "canary-client-4", "client_secret": "canary-client-5" },
        "jwt_validation": { "introspectClientSecret": "canary-jwt-6" },
        "token": "canary-token-7",
        "list": [{ "of": ["canary-list-8"] }],
    })
}

#[tokio::test]
async fn no_answer_and_no_row_holds_a_secret() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let mut body = json!({ "name": "secretive", "url": "http://127.0.0.1:9/mcp", "auth_type": "headers", "transport": "http" });
    body["configurations"] = configurations();
    let (integration, server) = publish_of(&stack, "secretive", &body).await;
    let integration = format!("{INTEGRATIONS}/{integration}");
    let server = format!("{SERVERS}/{server}");
    let user = stack.portkey_with(&stack.acme().workspace_user_key);
    ok(&user
        .put(
            &format!("{server}/tokens"),
            &json!({ "access_token": "canary-access-9", "refresh_token": "canary-refresh-10" }),
        )
        .await);

    let mut heard = Vec::new();
    for path in [
        INTEGRATIONS.to_owned(),
        integration.clone(),
        format!("{integration}/workspaces"),
        format!("{integration}/metadata"),
        format!("{integration}/capabilities"),
        format!("{SERVERS}?workspace_id=ws-default"),
        server.clone(),
        format!("{server}/connections?workspace_id=ws-default"),
        format!("{server}/user-access"),
        format!("{server}/metadata"),
        format!("{server}/tokens"),
        format!("{server}/client-info"),
        "/v1/audit-logs?page_size=500".to_owned(),
        "/v1/api-keys".to_owned(),
    ] {
        heard.push(api.get(&path).await.text());
        heard.push(user.get(&path).await.text());
    }
    for path in [
        format!("{integration}/test"),
        format!("{server}/test"),
        format!("{integration}/sync"),
    ] {
        heard.push(api.send(Method::POST, &path, &[], None).await.text());
    }
    // What is refused is not quoted.
    for (method, path, body) in [
        (
            Method::PUT,
            &integration,
            json!({ "configurations": { "headers": { "x": "canary-refused-11\n" } } }),
        ),
        (
            Method::PUT,
            &integration,
            json!({ "url": "https://canary-refused-11@host/" }),
        ),
        (
            Method::PUT,
            &integration,
            json!({ "configurations": "canary-refused-11" }),
        ),
        (
            Method::POST,
            &INTEGRATIONS.to_owned(),
            json!({ "configurations": { "headers": "canary-refused-11" } }),
        ),
    ] {
        let answer = api.send(method, path, &[], Some(&body)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        heard.push(answer.text());
    }
    let natively = stack.api().get("/api/mcp-connections").await;
    heard.push(natively.text());
    for answer in &heard {
        assert!(!answer.contains("canary"), "{answer}");
    }
    let rows = harness::stored::raw_items(&stack.stack);
    let rows = serde_json::to_string(&rows).unwrap();
    assert!(!rows.contains("canary"), "a secret is in the table");
    // It is all in the store, whole.
    let kept = stack.stack.secrets_manager.secrets();
    let kept: Vec<_> = kept
        .iter()
        .flat_map(|secret| &secret.versions)
        .map(|version| String::from_utf8_lossy(&version.value).into_owned())
        .collect();
    let kept = kept.concat();
    for canary in [
        "canary-header-1",
        "canary-header-2",
        "canary-static-3",
        "canary-client-4",
        "canary-client-5",
        "canary-jwt-6",
        "canary-token-7",
        "canary-list-8",
        "canary-access-9",
        "canary-refresh-10",
    ] {
        assert!(kept.contains(canary), "{canary} was lost");
    }
    assert!(!kept.contains("canary-refused"));
}

/// A move to another origin takes nothing along that was not given for it.
#[tokio::test]
async fn stored_values_stay_at_their_origin() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let mut body = json!({ "name": "bound", "url": "https://mcp.example.com/mcp", "auth_type": "headers", "transport": "http" });
    body["configurations"] = configurations();
    let id = super::create(&api, &body).await;
    let path = format!("{INTEGRATIONS}/{id}");
    let shown = super::integration(&api, &id).await;
    for change in [
        json!({ "url": "https://evil.example/mcp" }),
        json!({ "url": "https://evil.example/mcp", "configurations": shown["configurations"] }),
        json!({ "url": "https://evil.example/mcp", "configurations": { "headers": { "x": "new" } } }),
        json!({ "url": "https://evil.example/mcp", "auth_type": "oauth_auto" }),
    ] {
        let told = super::refused(&api.put(&path, &change).await, 400, "AB01");
        assert!(told.contains("another origin"), "{told}");
    }
    // The same origin by another path is none, and what was shown and is sent back changes nothing.
    ok(&api.put(&path, &json!({ "url": "https://mcp.example.com/other", "configurations": shown["configurations"] })).await);
    let mut expected = shown.clone();
    let after = super::integration(&api, &id).await;
    for changed in ["url", "last_updated_at", "health"] {
        expected[changed] = after[changed].clone();
    }
    assert_eq!(after, expected);
}
