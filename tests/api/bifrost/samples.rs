//! `POST /api/mcp/client/{id}/verify-headers`: samples of what each user brings, so that checks can be made and tools be known.

use harness::{
    peers::{Peer, Rmcp, other_root_pem, root_pem},
    stack::TestStack,
};
use serde_json::{Value, json};

use super::{CLIENT, REDACTED, UNKNOWN, change, create, ok, open, read, refused, wrong};

const SAMPLE: &str = "s4mple-of-nobody";

/// A client whose users bring a key, beside a header that is the same for all of them.
fn client(url: &str) -> Value {
    let mut body = open("per_user", url);
    body["auth_type"] = json!("per_user_headers");
    body["per_user_header_keys"] = json!(["X-User-Key"]);
    body["headers"] = json!({ "X-All": "for-all" });
    body
}

fn path(id: &str) -> String {
    format!("{CLIENT}/{id}/verify-headers")
}

fn samples(value: &str) -> Value {
    json!({ "user_headers": { "x-user-key": value } })
}

/// A server that lets nobody in without the sample.
async fn picky() -> Peer {
    Peer::rmcp(Rmcp::Modern)
        .api_key("x-user-key", SAMPLE)
        .start()
        .await
}

/// Every value of every secret there is.
fn stored(stack: &TestStack) -> Vec<String> {
    let secrets = stack.stack.secrets_manager.secrets();
    let versions = secrets.iter().flat_map(|secret| &secret.versions);
    let staged = versions.filter(|version| !version.stages.is_empty());
    staged
        .map(|version| String::from_utf8_lossy(&version.value).into_owned())
        .collect()
}

/// Without samples its server cannot be looked into, and that is no fault of the server's.
#[tokio::test]
async fn without_samples_nothing_is_known_and_nothing_is_wrong() {
    let stack = TestStack::start().await;
    let peer = picky().await;
    let id = create(&stack.api(), &client(&peer.url)).await;
    for _ in 0..4 {
        stack.tick().await;
        stack.clock.turn_to_next_minute();
    }
    let shown = read(&stack.api(), &id).await;
    assert_eq!(shown["state"], "pending_tools", "{shown}");
    assert_eq!(shown["tools"], json!([]));
    let native = stack.read(&id).await;
    assert_eq!(native["status"], "active");
    assert_eq!(native["statusReason"], "user_auth_required");
}

/// As Bifrost's own pages make such a client; but it is the first check that tries them.
#[tokio::test]
async fn samples_that_come_with_a_new_client_are_tried_by_the_first_check() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    for (headers, field) in [
        (json!({ "x-other": "1" }), "user_headers.x-user-key"),
        (
            json!({ "x-user-key": SAMPLE, "x-other": "1" }),
            "user_headers.x-other",
        ),
        (json!({ "x-user-key": REDACTED }), "user_headers.x-user-key"),
    ] {
        let mut body = client(&peer.url);
        body["user_headers"] = headers;
        wrong(&api.post(CLIENT, &body).await, field);
    }
    let mut misplaced = open("other", &peer.url);
    misplaced["user_headers"] = json!({ "x-user-key": SAMPLE });
    wrong(&api.post(CLIENT, &misplaced).await, "user_headers");

    let mut body = client(&peer.url);
    body["user_headers"] = json!({ "X-User-Key": { "value": SAMPLE } });
    let id = create(&api, &body).await;
    assert_eq!(peer.requests(), 0);
    stack.tick().await;
    let shown = read(&api, &id).await;
    assert_eq!(shown["state"], "connected", "{shown}");
    assert_eq!(shown["config"]["headers"], json!({ "X-All": REDACTED }));
    assert!(!shown.to_string().contains(SAMPLE));
}

/// That nothing could be listed is no success.
#[tokio::test]
async fn tools_of_a_client_without_samples_cannot_be_refreshed() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let id = create(&api, &client(&peer.url)).await;
    for below in ["refresh-tools", "reconnect"] {
        let answer = api
            .post(&format!("{CLIENT}/{id}/{below}"), &json!({}))
            .await;
        refused(&answer, 422, "check_failed");
        assert_eq!(
            answer.json()["extra_fields"]["reason"],
            "user_auth_required"
        );
    }
}

#[tokio::test]
async fn samples_that_the_server_accepts_are_what_it_is_checked_with() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let id = create(&api, &client(&peer.url)).await;
    stack.tick().await;

    let answer = api.post(&path(&id), &samples(SAMPLE)).await;
    assert_eq!(answer.header("etag"), Some("\"2\""));
    let verified = ok(&answer);
    assert_eq!(
        (&verified["status"], &verified["tools_count"]),
        (&json!("success"), &json!(2)),
        "{verified}"
    );
    let shown = read(&api, &id).await;
    assert_eq!(shown["state"], "connected", "the proof is a check");
    assert_eq!(shown["tools"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        shown["config"]["headers"],
        json!({ "X-All": REDACTED }),
        "samples are no header of the client's"
    );
    assert!(!shown.to_string().contains(SAMPLE));

    peer.forget();
    stack.clock.turn_seconds(600);
    stack.tick().await;
    let seen = peer.seen();
    assert!(!seen.is_empty());
    for request in seen {
        assert_eq!(request.header("x-user-key"), Some(SAMPLE));
        assert_eq!(request.header("x-all"), Some("for-all"));
    }
    assert_eq!(read(&api, &id).await["state"], "connected");
}

#[tokio::test]
async fn samples_that_the_server_refuses_are_not_stored() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let mut body = client(&peer.url);
    body["headers"] = json!({});
    let id = create(&api, &body).await;

    let answer = api.post(&path(&id), &samples("wrong")).await;
    refused(&answer, 422, "credential_not_proven");
    assert_eq!(
        answer.json()["extra_fields"]["reason"],
        "credential_rejected"
    );
    assert_eq!(stored(&stack), [""; 0]);
    assert_eq!(stack.read(&id).await["hasCredential"], false);

    ok(&api.post(&path(&id), &samples(SAMPLE)).await);
    let before = stored(&stack);
    let answer = api.post(&path(&id), &samples("wrong")).await;
    refused(&answer, 422, "credential_not_proven");
    assert_eq!(stored(&stack), before, "those that work stay in use");
    stack.clock.turn_seconds(600);
    stack.tick().await;
    assert_eq!(read(&api, &id).await["state"], "connected");
}

/// What everybody sends and what each user brings change apart from each other.
#[tokio::test]
async fn the_headers_for_all_change_and_the_samples_stay() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let id = create(&api, &client(&peer.url)).await;
    ok(&api.post(&path(&id), &samples(SAMPLE)).await);

    ok(&change(&api, &id, &json!({ "headers": { "X-All": "changed" } })).await);
    peer.forget();
    stack.clock.turn_seconds(600);
    stack.tick().await;
    let seen = peer.seen();
    assert!(!seen.is_empty());
    for request in seen {
        assert_eq!(request.header("x-user-key"), Some(SAMPLE));
        assert_eq!(request.header("x-all"), Some("changed"));
    }
    // A placeholder keeps the sample that is stored.
    ok(&api.post(&path(&id), &samples(REDACTED)).await);
    assert!(stored(&stack).iter().any(|value| value.contains(SAMPLE)));
}

#[tokio::test]
async fn samples_are_of_all_that_users_bring_and_of_nothing_else() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let mut body = client(&peer.url);
    body["per_user_header_keys"] = json!(["x-user-key", "x-tenant"]);
    let id = create(&api, &body).await;
    for (given, field) in [
        (json!({}), "user_headers"),
        (json!({ "user_headers": "x" }), "user_headers"),
        (json!({ "user_headers": {} }), "user_headers.x-user-key"),
        (
            json!({ "user_headers": { "x-user-key": SAMPLE } }),
            "user_headers.x-tenant",
        ),
        (
            json!({ "user_headers": { "x-user-key": SAMPLE, "x-tenant": "t", "x-more": "m" } }),
            "user_headers.x-more",
        ),
        (
            json!({ "user_headers": { "x-user-key": SAMPLE, "x-tenant": 7 } }),
            "user_headers.x-tenant",
        ),
        (
            json!({ "user_headers": { "x-user-key": SAMPLE, "x-tenant": REDACTED } }),
            "user_headers.x-tenant",
        ),
        (
            json!({ "user_headers": { "x-user-key": SAMPLE, "x-tenant": "t" }, "headers": {} }),
            "headers",
        ),
    ] {
        let answer = api.post(&path(&id), &given).await;
        wrong(&answer, field);
        assert!(!answer.json().to_string().contains(SAMPLE));
    }
    let all = json!({ "user_headers": { "X-USER-KEY": SAMPLE, "X-Tenant": "t" } });
    ok(&api.post(&path(&id), &all).await);

    let other = create(&api, &open("other", &peer.url)).await;
    wrong(
        &api.post(&path(&other), &samples(SAMPLE)).await,
        "auth_type",
    );
    let foreign = stack.stranger().post(&path(&id), &all).await;
    let unknown = stack.stranger().post(&path(UNKNOWN), &all).await;
    refused(&foreign, 404, "not_found");
    refused(&unknown, 404, "not_found");
}

/// They were meant for a server that somebody vouched for.
#[tokio::test]
async fn samples_go_when_somebody_new_is_believed() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let id = create(&api, &client(&peer.url)).await;
    ok(&api.post(&path(&id), &samples(SAMPLE)).await);

    let mut wider = json!({ "tls_config": { "ca_cert_pem": root_pem() } });
    for kept in [Value::Null, json!({ "X-All": REDACTED })] {
        wider["headers"] = kept;
        let answer = change(&api, &id, &wider).await;
        refused(&answer, 409, "credential_required");
    }
    wider["headers"] = json!({ "X-All": "again" });
    ok(&change(&api, &id, &wider).await);
    assert!(
        !stored(&stack)
            .iter()
            .any(|value| value.contains("again") && value.contains(SAMPLE))
    );
    stack.tick().await;
    let native = stack.read(&id).await;
    assert_eq!(native["statusReason"], "user_auth_required", "{native}");

    ok(&api.post(&path(&id), &samples(SAMPLE)).await);
    wider["tls_config"]["ca_cert_pem"] = json!(other_root_pem());
    wider["headers"] = json!({});
    ok(&change(&api, &id, &wider).await);
    assert_eq!(stack.read(&id).await["hasCredential"], false);
}
