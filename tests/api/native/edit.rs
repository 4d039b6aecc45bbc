//! `PATCH` and `DELETE` of `/api/mcp-connections/{id}`.

use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use serde_json::{Value, json};

fn path(id: &str) -> String {
    format!("/api/mcp-connections/{id}")
}

/// What an edit must leave alone.
fn without(connection: &Value, changed: &[&str]) -> Value {
    let mut rest = connection.clone();
    for name in changed.iter().chain(&["updatedAt", "nextCheckAt"]) {
        rest.as_object_mut().unwrap().remove(*name);
    }
    rest
}

#[tokio::test]
async fn what_is_given_changes_and_the_rest_stays() {
    let stack = TestStack::start().await;
    let id = stack
        .register_bearer("old", "https://mcp.example.com/mcp", "t")
        .await;
    for (change, fields) in [
        (json!({ "name": "new" }), vec!["name"]),
        (
            json!({ "checkIntervalSeconds": 3600 }),
            vec!["checkIntervalSeconds"],
        ),
        (json!({ "enabled": false }), vec!["enabled"]),
        (
            json!({ "enabled": true, "name": "newer" }),
            vec!["enabled", "name"],
        ),
        (
            json!({ "serverUrl": "https://mcp.example.com/other" }),
            vec!["serverUrl"],
        ),
    ] {
        stack.clock.turn_to_next_minute();
        let before = stack.read(&id).await;
        stack.clock.turn_seconds(1);
        let answer = stack.api().patch(&path(&id), &change).await;
        assert_eq!(answer.status, 200, "{change}: {answer:?}");
        let after = answer.json();
        assert_eq!(
            without(&after, &fields),
            without(&before, &fields),
            "{change}"
        );
        for field in &fields {
            assert_eq!(after[field], change[field]);
        }
        assert_ne!(after["updatedAt"], before["updatedAt"]);
        assert_eq!(stack.read(&id).await, after);
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_no_new_version() {
    let stack = TestStack::start().await;
    let id = stack
        .register_open("same", "https://mcp.example.com/mcp")
        .await;
    for change in [json!({}), json!({ "name": "same" })] {
        let answer = stack.api().patch(&path(&id), &change).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"1\"")));
    }
}

#[tokio::test]
async fn an_edit_holds_only_for_the_version_it_names() {
    let stack = TestStack::start().await;
    let id = stack
        .register_open("a", "https://mcp.example.com/mcp")
        .await;
    let patch = async |tag: &str, name: &str| {
        stack
            .api()
            .send(
                Method::PATCH,
                &path(&id),
                &[("if-match", tag)],
                Some(&json!({ "name": name })),
            )
            .await
    };
    let edited = patch("\"1\"", "b").await;
    assert_eq!((edited.status, edited.header("etag")), (200, Some("\"2\"")));
    for stale in ["\"1\"", "\"99\"", "W/\"2\"", "2", "x", ""] {
        let refused = patch(stale, "c").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (412, "version_mismatch"),
            "{stale}"
        );
    }
    assert_eq!(patch("*", "c").await.status, 200);
    assert_eq!(
        stack.api().get(&path(&id)).await.header("etag"),
        Some("\"3\"")
    );

    // A check is nobody's edit.
    stack.tick().await;
    assert_eq!(patch("\"3\"", "d").await.status, 200);
    let stale = stack
        .api()
        .send(Method::DELETE, &path(&id), &[("if-match", "\"3\"")], None)
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(
        stack
            .api()
            .send(Method::DELETE, &path(&id), &[("if-match", "\"4\"")], None)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_rename_frees_the_old_name_and_takes_the_new_one() {
    let stack = TestStack::start().await;
    let url = "https://mcp.example.com/mcp";
    let a = stack.register_open("a", url).await;
    stack.register_open("b", url).await;
    let taken = stack.api().patch(&path(&a), &json!({ "name": "b" })).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "name_taken"));
    assert_eq!(stack.read(&a).await["name"], "a");
    assert_eq!(
        stack
            .api()
            .patch(&path(&a), &json!({ "name": "c" }))
            .await
            .status,
        200
    );
    stack.register_open("a", url).await;
    let taken = stack
        .api()
        .post(
            "/api/mcp-connections",
            &json!({ "name": "c", "serverUrl": url, "authType": "none" }),
        )
        .await;
    assert_eq!(taken.status, 409);
}

/// A stored credential is never sent to an address it was not given for.
#[tokio::test]
async fn a_credential_does_not_follow_a_url_to_another_origin() {
    let stack = TestStack::start().await;
    let (own, other) = (
        Peer::rmcp(Rmcp::ALL[0]).bearer("t1").start().await,
        Peer::rmcp(Rmcp::ALL[0]).bearer("t2").start().await,
    );
    let id = stack.register_bearer("moving", &own.url, "t1").await;
    stack.tick().await;
    assert_eq!(stack.read(&id).await["status"], "active");

    let refused = stack
        .api()
        .patch(&path(&id), &json!({ "serverUrl": other.url }))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "credential_required")
    );
    assert_eq!(stack.read(&id).await["serverUrl"], own.url);

    let moved = stack
        .api()
        .patch(
            &path(&id),
            &json!({ "serverUrl": other.url, "bearerToken": "t2" }),
        )
        .await;
    assert_eq!(
        (moved.status, &moved.json()["status"]),
        (200, &json!("unknown")),
        "what it was says nothing about what it is"
    );
    stack.clock.turn_to_next_minute();
    stack.tick().await;
    assert_eq!(stack.read(&id).await["status"], "active");
    let sent: Vec<_> = other.authorizations().into_iter().flatten().collect();
    assert!(
        !sent.is_empty() && sent.iter().all(|sent| sent == "Bearer t2"),
        "{sent:?}"
    );

    // An open server may move as it likes: there is nothing to leak.
    let open = stack.register_open("open", &own.url).await;
    assert_eq!(
        stack
            .api()
            .patch(&path(&open), &json!({ "serverUrl": other.url }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_way_of_authentication_changes_with_its_credential() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0])
        .api_key("x-key", "k1")
        .start()
        .await;
    let id = stack.register_open("auth", &peer.url).await;
    stack.tick().await;
    assert_eq!(stack.read(&id).await["statusReason"], "auth_required");

    for (incomplete, field) in [
        (json!({ "authType": "bearer" }), "/bearerToken"),
        (
            json!({ "authType": "api_key", "apiKey": "k1" }),
            "/headerName",
        ),
        (
            json!({ "authType": "api_key", "headerName": "x-key" }),
            "/apiKey",
        ),
        (json!({ "bearerToken": "t" }), "/bearerToken"),
    ] {
        let answer = stack.api().patch(&path(&id), &incomplete).await;
        assert_eq!(
            (answer.status, answer.json()["details"][0]["field"].as_str()),
            (400, Some(field)),
            "{incomplete}"
        );
    }
    let keyed = stack
        .api()
        .patch(
            &path(&id),
            &json!({ "authType": "api_key", "headerName": "X-Key", "apiKey": "k1" }),
        )
        .await;
    assert_eq!(
        (keyed.status, &keyed.json()["headerName"]),
        (200, &json!("x-key"))
    );
    let test = stack
        .api()
        .post(&format!("{}/test", path(&id)), &json!({}))
        .await;
    assert_eq!(test.json()["status"], "active", "{}", test.text());

    let open = stack
        .api()
        .patch(&path(&id), &json!({ "authType": "none" }))
        .await;
    assert_eq!(
        (open.status, &open.json()["hasCredential"]),
        (200, &json!(false))
    );
    assert!(
        stack.stack.secrets_manager.names().is_empty(),
        "a credential that is not used is not kept"
    );
    assert_eq!(
        stack
            .api()
            .patch(
                &path(&id),
                &json!({ "authType": "bearer", "bearerToken": "t" })
            )
            .await
            .status,
        200
    );
    assert_eq!(stack.stack.secrets_manager.names().len(), 1);
}

#[tokio::test]
async fn a_deleted_connection_is_gone_with_its_secret() {
    let stack = TestStack::start().await;
    let id = stack
        .register_bearer("short-lived", "https://mcp.example.com/mcp", "t")
        .await;
    assert_eq!(stack.api().delete(&path(&id)).await.status, 204);
    assert!(stack.stack.secrets_manager.names().is_empty());
    let again = stack.api().delete(&path(&id)).await;
    assert_eq!((again.status, again.code().as_str()), (404, "not_found"));
    assert_eq!(stack.api().get(&path(&id)).await.status, 404);
    assert_eq!(stack.tick().await["checks"], 0, "nothing is left to check");
    stack
        .register_bearer("short-lived", "https://mcp.example.com/mcp", "t")
        .await;
}
