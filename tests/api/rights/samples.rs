//! All that can become of samples of users' headers.

use harness::{
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use local::fault::SeenRequest;
use serde_json::json;

use super::branches::let_others_create;

pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = client(&watched, "per_user", &peer.url).await;
    let test = format!("/api/mcp-connections/{id}/test");
    let found = async || {
        let answer = watched.api().post(&test, &json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    found().await;
    // Refused when there was nothing to fall back on, accepted, refused and accepted again. What is accepted then shows other tools, and
    // ends an incident.
    for (behaviour, expected) in [
        (Some(Behaviour::Status(403)), 422),
        (None, 200),
        (Some(Behaviour::Status(403)), 422),
        (Some(Behaviour::ManyTools(5)), 200),
    ] {
        let is_refusal = expected == 422;
        match behaviour {
            Some(behaviour) => peer.behave(behaviour),
            None => peer.heal(),
        }
        if is_refusal {
            found().await;
        }
        verify(&watched, &id, expected).await;
    }

    // There is a secret of that name.
    let id = client(&watched, "taken", &peer.url).await;
    let_others_create(&watched);
    verify(&watched, &id, 500).await;
    watched.calm();
    watched.seen()
}

async fn client(watched: &Watched, name: &str, url: &str) -> String {
    let body = json!({
        "name": name,
        "connection_type": "http",
        "connection_string": url,
        "auth_type": "per_user_headers",
        "per_user_header_keys": ["x-user-key"],
    });
    let made = watched.api().post("/api/mcp/client", &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["mcp_client_id"]
        .as_str()
        .expect("a client has an id")
        .to_owned()
}

async fn verify(watched: &Watched, id: &str, expected: u16) {
    let path = format!("/api/mcp/client/{id}/verify-headers");
    let body = json!({ "user_headers": { "x-user-key": "sample" } });
    let answer = watched.api().post(&path, &body).await;
    assert_eq!(answer.status, expected, "{answer:?}");
}
