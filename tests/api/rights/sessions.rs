//! All that can become of what users bring for clients.

use harness::{
    client::Client,
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use http::Method;
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use super::branches::fail_at;

const CLIENT: &str = "/api/mcp/client";
const SESSIONS: &str = "/api/mcp/sessions";
const HEADERS: &str = "/api/mcp/per-user-headers";

async fn client(watched: &Watched, peer: &Peer) -> String {
    let body = json!({
        "name": "per_user", "connection_type": "http", "connection_string": peer.url, "auth_type": "per_user_headers",
        "per_user_header_keys": ["x-user-key"], "headers": { "x-all": "for-all" },
    });
    let made = watched.api().post(CLIENT, &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["mcp_client_id"].as_str().unwrap().to_owned()
}

fn user(watched: &Watched) -> Client {
    watched.with_key(&watched.acme().workspace_user_key)
}

async fn asked(watched: &Watched, id: &str) -> String {
    let path = format!("{CLIENT}/{id}/sessions");
    let begun = user(watched).post(&path, &json!({})).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    begun.json()["session_id"].as_str().unwrap().to_owned()
}

async fn submit(watched: &Watched, session: &str) -> u16 {
    let body = json!({ "headers": { "x-user-key": "value" } });
    let path = format!("{HEADERS}/flows/{session}");
    user(watched).put(&path, &body).await.status
}

async fn ask(watched: &Watched, method: Method, path: &str, expected: u16) {
    let answer = watched.api().send(method.clone(), path, &[], None).await;
    assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
}

/// What there is besides work that broke off.
pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = client(&watched, &peer).await;
    let named = json!({ "user_id": watched.acme().user_id, "workspace_id": "ws-default" });
    let path = format!("{CLIENT}/{id}/sessions");
    assert_eq!(watched.api().post(&path, &named).await.status, 200);
    let session = asked(&watched, &id).await;
    let (reauth, one, form, credential) = (
        format!("{SESSIONS}/{session}/reauth"),
        format!("{SESSIONS}/{session}"),
        format!("{HEADERS}/flows/{session}"),
        format!("{HEADERS}/credential/{session}"),
    );
    for (behaviour, expected) in [
        (Some(Behaviour::Status(403)), 422),
        (None, 200),
        (Some(Behaviour::Status(403)), 422),
        (None, 200),
    ] {
        match behaviour {
            Some(behaviour) => peer.behave(behaviour),
            None => peer.heal(),
        }
        ask(&watched, Method::POST, &reauth, 200).await;
        ask(&watched, Method::GET, &form, 200).await;
        assert_eq!(submit(&watched, &session).await, expected);
    }
    for query in ["", "?limit=1", "?status=active", "?q=per"] {
        ask(&watched, Method::GET, &format!("{SESSIONS}{query}"), 200).await;
    }
    ask(&watched, Method::DELETE, &credential, 204).await;
    ask(&watched, Method::DELETE, &one, 404).await;

    // It cannot be kept at first, and then it can, and cannot be replaced.
    let session = asked(&watched, &id).await;
    for (operation, expected) in [("CreateSecret", 503), ("", 200), ("PutSecretValue", 503)] {
        asked(&watched, &id).await;
        if !operation.is_empty() {
            fail_at(&watched, operation, Fault::Throttle);
        }
        assert_eq!(submit(&watched, &session).await, expected, "{operation}");
        watched.calm();
    }
    ask(
        &watched,
        Method::DELETE,
        &format!("{SESSIONS}/{session}"),
        204,
    )
    .await;

    // With one of them the client goes, and with it the other.
    let session = asked(&watched, &id).await;
    assert_eq!(submit(&watched, &session).await, 200);
    ask(&watched, Method::DELETE, &format!("{CLIENT}/{id}"), 200).await;
    watched.seen()
}

/// Values that break off after each of their writes, and what is done then.
pub async fn after_it_broke_off() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = client(&watched, &peer).await;
    for has_some in [false, true] {
        for done in 1..8 {
            for next in ["submit", "delete", "sweep"] {
                let session = asked(&watched, &id).await;
                if has_some {
                    assert_eq!(submit(&watched, &session).await, 200);
                    asked(&watched, &id).await;
                }
                watched.disturb(done..usize::MAX, Fault::Throttle);
                submit(&watched, &session).await;
                watched.calm();
                watched.clock.turn_seconds(61);
                match next {
                    "submit" => {
                        let status = submit(&watched, &session).await;
                        assert!([200, 404].contains(&status), "{has_some} {done}: {status}");
                    }
                    "delete" => {}
                    _ => {
                        watched.clock.turn_seconds(6 * 60);
                        assert_eq!(watched.sweep().await["failed"], Value::from(0));
                    }
                }
                let path = format!("{SESSIONS}/{session}");
                ask(&watched, Method::DELETE, &path, 204).await;
            }
        }
    }
    let flaws = harness::stored::flaws(&watched.stack.stack);
    assert!(flaws.is_empty(), "{flaws:#?}");
    watched.seen()
}
