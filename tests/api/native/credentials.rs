//! `PUT /api/mcp-connections/{id}/credential`: rotation with proof.

use harness::{
    peers::{Behaviour, Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use serde_json::json;

fn path(id: &str) -> String {
    format!("/api/mcp-connections/{id}/credential")
}

/// The value with this stage.
fn staged(stack: &TestStack, stage: &str) -> Option<String> {
    let secrets = stack.stack.secrets_manager.secrets();
    let versions = secrets.iter().flat_map(|secret| &secret.versions);
    let mut found = versions.filter(|version| version.stages.iter().any(|at| at == stage));
    found
        .next()
        .map(|version| String::from_utf8(version.value.clone()).unwrap())
}

#[tokio::test]
async fn a_new_credential_is_used_once_the_server_accepted_it() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("old").start().await;
    let id = stack.register_bearer("rotating", &peer.url, "old").await;
    stack.tick().await;
    let before = stack.read(&id).await;
    stack.clock.turn_seconds(1);

    peer.set_bearer("new");
    let rotated = stack
        .api()
        .put(&path(&id), &json!({ "bearerToken": "new" }))
        .await;
    let after = rotated.json();
    assert_eq!(
        (rotated.status, rotated.header("etag")),
        (200, Some("\"2\"")),
        "{after}"
    );
    assert_eq!(
        (&after["status"], &after["statusReason"]),
        (&json!("active"), &json!(null)),
        "the proof is a check"
    );
    assert_ne!(after["credentialUpdatedAt"], before["credentialUpdatedAt"]);
    assert_eq!(staged(&stack, "AWSCURRENT").as_deref(), Some("new"));
    assert_eq!(staged(&stack, "AWSPREVIOUS").as_deref(), Some("old"));
    assert_eq!(staged(&stack, "AWSPENDING"), None);

    peer.forget();
    let test = stack
        .api()
        .post(&format!("/api/mcp-connections/{id}/test"), &json!({}))
        .await;
    assert_eq!(test.json()["status"], "active");
    assert!(
        peer.authorizations()
            .into_iter()
            .flatten()
            .all(|sent| sent == "Bearer new")
    );
}

#[tokio::test]
async fn what_the_server_does_not_accept_is_not_used() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("old").start().await;
    let id = stack.register_bearer("rotating", &peer.url, "old").await;
    stack.tick().await;
    stack.clock.turn_to_next_minute();
    let before = stack.read(&id).await;

    let refused = stack
        .api()
        .put(&path(&id), &json!({ "bearerToken": "wrong" }))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (422, "credential_not_proven")
    );
    assert_eq!(refused.json()["statusReason"], "credential_rejected");
    assert!(!refused.text().contains("wrong"));

    peer.down().await;
    let unproven = stack
        .api()
        .put(&path(&id), &json!({ "bearerToken": "new" }))
        .await;
    assert_eq!(
        (unproven.status, &unproven.json()["statusReason"]),
        (422, &json!("connect_refused"))
    );
    peer.up().await;

    assert_eq!(stack.read(&id).await, before, "the connection is as it was");
    assert_eq!(staged(&stack, "AWSCURRENT").as_deref(), Some("old"));
    assert_eq!(staged(&stack, "AWSPENDING"), None);
    let test = stack
        .api()
        .post(&format!("/api/mcp-connections/{id}/test"), &json!({}))
        .await;
    assert_eq!(test.json()["status"], "active", "and works as it did");
}

#[tokio::test]
async fn only_what_has_a_credential_can_rotate_it() {
    let stack = TestStack::start().await;
    let open = stack
        .register_open("open", "https://mcp.example.com/mcp")
        .await;
    let answer = stack
        .api()
        .put(&path(&open), &json!({ "bearerToken": "t" }))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "no_credential")
    );
    let id = stack
        .register_bearer("closed", "https://mcp.example.com/mcp", "t")
        .await;
    for (body, field) in [
        (json!({}), "/bearerToken"),
        (json!({ "bearerToken": "a b" }), "/bearerToken"),
        (json!({ "bearerToken": "a", "apiKey": "b" }), "/apiKey"),
        (json!({ "bearerToken": "a", "proof": false }), "/proof"),
    ] {
        let answer = stack.api().put(&path(&id), &body).await;
        assert_eq!(
            (answer.status, answer.json()["details"][0]["field"].as_str()),
            (400, Some(field)),
            "{body}"
        );
    }
    let keyed = json!({ "name": "keyed", "serverUrl": "https://mcp.example.com/mcp", "authType": "api_key", "headerName": "x-key", "apiKey": "k" });
    let keyed = harness::stack::id_of(&stack.register(keyed).await);
    let wrong = stack
        .api()
        .put(&path(&keyed), &json!({ "bearerToken": "t" }))
        .await;
    let fields: Vec<_> = wrong.json()["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| detail["field"].clone())
        .collect();
    assert_eq!(
        (wrong.status, fields),
        (400, vec![json!("/apiKey"), json!("/bearerToken")])
    );
    let stale = stack
        .api()
        .send(
            Method::PUT,
            &path(&id),
            &[("if-match", "\"9\"")],
            Some(&json!({ "bearerToken": "u" })),
        )
        .await;
    assert_eq!(stale.status, 412);
}

/// A server that repeats what it is sent tells nobody.
#[tokio::test]
async fn a_server_that_echoes_the_credential_is_not_quoted() {
    let stack = TestStack::start().await;
    for behaviour in [Behaviour::Html(200), Behaviour::Status(500)] {
        let peer = Peer::hostile(behaviour).start().await;
        let id = stack.register_bearer(&peer.url, &peer.url, "echo-me").await;
        let test = stack
            .api()
            .post(&format!("/api/mcp-connections/{id}/test"), &json!({}))
            .await;
        assert_eq!(test.json()["status"], "error");
        assert!(!test.text().contains("echo-me"));
    }
}
