//! Nothing of a secret comes back, and a placeholder keeps what is stored.

use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use serde_json::json;

use super::{
    CLIENT, CLIENTS, REDACTED, change, create, ok, open, read, refused, with_token, wrong,
};

/// Neither a value nor its length nor its ends, whichever form the client has for it.
#[tokio::test]
async fn what_is_shown_of_a_secret_is_the_same_for_all() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let url = "https://mcp.example.com/mcp";
    let mut shown = Vec::new();
    for (name, secret) in [("short", "s3"), ("long", &*"s3cret-value-".repeat(20))] {
        let mut body = open(name, url);
        body["auth_type"] = json!("headers");
        body["headers"] = json!({ "X-Key": secret, "X-Other": { "value": secret } });
        let id = create(&api, &body).await;
        let listed = ok(&api.get(&format!("{CLIENTS}?server={id}")).await);
        for answer in [read(&api, &id).await, listed] {
            assert!(!answer.to_string().contains("s3"), "{answer}");
        }
        shown.push(read(&api, &id).await["config"]["headers"].clone());
    }
    assert_eq!(shown[0], json!({ "X-Key": REDACTED, "X-Other": REDACTED }));
    assert_eq!(shown[0], shown[1]);
    let process = json!({ "name": "process", "connection_type": "stdio", "stdio_config": { "command": "npx", "args": ["--token", "s3cret"], "envs": ["KEY=s3cret"] } });
    let id = create(&api, &process).await;
    let config = read(&api, &id).await["config"].clone();
    assert_eq!(
        config["stdio_config"],
        json!({ "command": "npx", "args": [REDACTED, REDACTED], "envs": [REDACTED] })
    );
    assert!(!config.to_string().contains("s3cret"));
}

#[tokio::test]
async fn a_placeholder_keeps_the_stored_value_and_any_other_value_replaces_it() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("first").start().await;
    let id = create(&api, &with_token("kept", &peer.url, "first")).await;
    let path = format!("{CLIENT}/{id}");
    let works = async || ok(&api.post(&format!("{path}/reconnect"), &json!({})).await);
    works().await;
    let stored = stack.read(&id).await["credentialUpdatedAt"].clone();

    ok(&change(
        &api,
        &id,
        &json!({ "headers": { "Authorization": REDACTED }, "disabled": false }),
    )
    .await);
    works().await;
    assert_eq!(
        stack.read(&id).await["credentialUpdatedAt"],
        stored,
        "the same value is no new one"
    );
    // Another header beside it, in whatever spelling of the first.
    ok(&change(
        &api,
        &id,
        &json!({ "headers": { "authorization": { "value": REDACTED }, "X-More": "m" } }),
    )
    .await);
    works().await;

    for damaged in [
        "REDACTED",
        "<redacted>",
        "Bearer <REDACTED>",
        "********",
        "Bear************************irst",
        "env.TOKEN",
    ] {
        wrong(
            &change(
                &api,
                &id,
                &json!({ "headers": { "Authorization": damaged } }),
            )
            .await,
            "headers.Authorization",
        );
    }
    wrong(
        &change(&api, &id, &json!({ "headers": { "X-New": REDACTED } })).await,
        "headers.X-New",
    );
    let mut fresh = open("fresh", &peer.url);
    fresh["headers"] = json!({ "X-New": REDACTED });
    wrong(&api.post(CLIENT, &fresh).await, "headers.X-New");
    works().await;

    peer.set_bearer("second");
    refused(
        &api.post(&format!("{path}/reconnect"), &json!({})).await,
        422,
        "check_failed",
    );
    ok(&change(
        &api,
        &id,
        &json!({ "headers": { "Authorization": "Bearer second" } }),
    )
    .await);
    works().await;
    // A header that is missing from the map goes.
    assert_eq!(
        read(&api, &id).await["config"]["headers"],
        json!({ "Authorization": REDACTED })
    );
    ok(&change(&api, &id, &json!({ "headers": {} })).await);
    let client = read(&api, &id).await;
    assert_eq!(client["config"]["headers"], json!({}));
    assert_eq!(stack.read(&id).await["hasCredential"], false);
}
