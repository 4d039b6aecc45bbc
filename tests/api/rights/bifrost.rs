//! Makes every function of Bifrost's API do all that it can do.

use harness::{
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use http::Method;
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use super::branches::{fail_at, let_others_create};

const CLIENTS: &str = "/api/mcp/clients";
const CLIENT: &str = "/api/mcp/client";
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

/// Makes requests, each of which is answered with its status. Null is no body.
async fn ask(watched: &Watched, requests: &[(&str, &str, Value, u16)]) {
    for (method, path, body, expected) in requests {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let sent = (!body.is_null()).then_some(body);
        let answer = watched.api().send(method.clone(), path, &[], sent).await;
        assert_eq!(
            answer.status, *expected,
            "{method} {path} {body}: {answer:?}"
        );
    }
}

fn open(name: &str, peer: &Peer) -> Value {
    json!({ "name": name, "connection_type": "http", "connection_string": peer.url })
}

fn headers(token: &str) -> Value {
    json!({ "Authorization": format!("Bearer {token}") })
}

fn with_token(name: &str, peer: &Peer) -> Value {
    let mut body = open(name, peer);
    body["headers"] = headers("one");
    body
}

async fn make(watched: &Watched, body: &Value) -> String {
    let made = watched.api().post(CLIENT, body).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["mcp_client_id"].as_str().unwrap().to_owned()
}

/// What there is besides checks and work that broke off.
pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    create(&watched, &peer).await;
    update(&watched, &peer).await;
    read(&watched, &peer).await;
    watched.seen()
}

async fn create(watched: &Watched, peer: &Peer) {
    let process = json!({ "name": "process", "connection_type": "stdio", "stdio_config": { "command": "npx" } });
    let requests = [
        ("POST", CLIENT, open("plain", peer), 200),
        ("POST", CLIENT, open("plain", peer), 409),
        ("POST", CLIENT, with_token("keyed", peer), 200),
        ("POST", CLIENT, process, 200),
    ];
    ask(watched, &requests).await;
    let body = with_token("repeated", peer);
    for (key, name, expected) in [
        ("1", "repeated", 200),
        ("1", "repeated", 200),
        ("1", "other", 422),
    ] {
        let mut body = body.clone();
        body["name"] = json!(name);
        let headers = [("idempotency-key", key)];
        let answer = watched
            .api()
            .send(Method::POST, CLIENT, &headers, Some(&body))
            .await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }

    // It cannot be made, so the row is given up.
    fail_at(watched, "CreateSecret", Fault::Throttle);
    ask(
        watched,
        &[("POST", CLIENT, with_token("refused", peer), 503)],
    )
    .await;
    let_others_create(watched);
    ask(watched, &[("POST", CLIENT, with_token("there", peer), 500)]).await;
    watched.calm();
}

async fn update(watched: &Watched, peer: &Peer) {
    let id = make(watched, &open("changed", peer)).await;
    let path = &format!("{CLIENT}/{id}");
    let give = |token: &str| json!({ "headers": headers(token) });
    fail_at(watched, "CreateSecret", Fault::Throttle);
    ask(watched, &[("PUT", path, give("one"), 503)]).await;
    let_others_create(watched);
    ask(watched, &[("PUT", path, give("one"), 500)]).await;
    watched.calm();
    let requests = [
        ("PUT", path.as_str(), json!({ "name": "renamed" }), 200),
        ("PUT", path, json!({ "name": "plain" }), 409),
        ("PUT", path, json!({ "tools_to_execute": ["*"] }), 200),
        ("PUT", path, json!({ "tool_sync_interval": 1 }), 200),
        ("PUT", path, json!({ "disabled": true }), 200),
        ("PUT", path, json!({ "disabled": false }), 200),
        ("PUT", path, give("one"), 200),
        ("PUT", path, give("two"), 200),
        (
            "PUT",
            path,
            json!({ "headers": { "Authorization": "<REDACTED>" } }),
            200,
        ),
    ];
    ask(watched, &requests).await;
    fail_at(watched, "PutSecretValue", Fault::LoseAnswer);
    let answer = watched.api().put(path, &give("three")).await;
    assert!(answer.status >= 500, "{answer:?}");
    watched.calm();

    // What becomes something else ends the incident of what it was.
    peer.set_bearer("three");
    let test = format!("/api/mcp-connections/{id}/test");
    assert_eq!(watched.api().post(&test, &json!({})).await.status, 200);
    ask(watched, &[("PUT", path, give("three"), 200)]).await;
    peer.clear_credential();
    let none = json!({ "headers": {} });
    let unknown = format!("{CLIENT}/{UNKNOWN}");
    let requests = [
        ("PUT", path.as_str(), none, 200),
        ("PUT", &*unknown, json!({ "disabled": true }), 404),
        ("DELETE", path, Value::Null, 200),
        ("DELETE", path, Value::Null, 404),
    ];
    ask(watched, &requests).await;
}

async fn read(watched: &Watched, peer: &Peer) {
    let id = make(watched, &open("read", peer)).await;
    let path = &format!("{CLIENT}/{id}");
    let one = format!("{CLIENTS}?server={id}");
    let unknown = format!("{CLIENT}/{UNKNOWN}");
    let requests = [
        ("POST", &*format!("{path}/reconnect"), Value::Null, 200),
        ("POST", &*format!("{path}/refresh-tools"), Value::Null, 200),
        ("GET", path, Value::Null, 200),
        ("GET", &unknown, Value::Null, 404),
        ("GET", CLIENTS, Value::Null, 200),
        ("GET", &format!("{CLIENTS}?limit=1"), Value::Null, 200),
        ("GET", &format!("{CLIENTS}?search=read"), Value::Null, 200),
        (
            "GET",
            &format!("{CLIENTS}?state=connected"),
            Value::Null,
            200,
        ),
        ("GET", &one, Value::Null, 200),
        ("GET", &format!("{CLIENTS}/filterdata"), Value::Null, 200),
        ("GET", "/api/mcp/openapi.json", Value::Null, 200),
    ];
    ask(watched, &requests).await;
    // What was shared elsewhere goes with it.
    let shared = json!({ "workspaces": [{ "id": "ws-default", "enabled": true }] });
    let workspaces = format!("/v1/mcp-integrations/{id}/workspaces");
    assert_eq!(
        watched.portkey().put(&workspaces, &shared).await.status,
        200
    );
    ask(watched, &[("DELETE", path, Value::Null, 200)]).await;
}

/// What breaks off after each of its writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    Create,
    /// Gives it a first credential.
    Give,
    Replace,
    Take,
    Delete,
}

impl Change {
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Give,
        Self::Replace,
        Self::Take,
        Self::Delete,
    ];

    async fn subject(self, watched: &Watched, peer: &Peer) -> Option<String> {
        match self {
            Self::Create => None,
            Self::Give => Some(make(watched, &open("subject", peer)).await),
            Self::Replace | Self::Take | Self::Delete => {
                Some(make(watched, &with_token("subject", peer)).await)
            }
        }
    }

    async fn perform(self, watched: &Watched, peer: &Peer, id: Option<&String>) -> u16 {
        let api = watched.api();
        let path = format!("{CLIENT}/{}", id.map_or("", String::as_str));
        let answer = match self {
            Self::Create => {
                let headers = [("idempotency-key", "the same")];
                let body = with_token("subject", peer);
                api.send(Method::POST, CLIENT, &headers, Some(&body)).await
            }
            Self::Give | Self::Replace => {
                api.put(&path, &json!({ "headers": headers("two") })).await
            }
            Self::Take => api.put(&path, &json!({ "headers": {} })).await,
            Self::Delete => api.delete(&path).await,
        };
        answer.status
    }
}

/// A change breaks off after each of its writes, and whatever comes next takes it up.
pub async fn after_it_broke_off(change: Change) -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let subject = change.subject(&watched, &peer).await;
    watched.calm();
    assert_eq!(change.perform(&watched, &peer, subject.as_ref()).await, 200);
    let writes = watched.written().len();
    assert!(writes > 2, "{change:?} writes {:?}", watched.written());
    clear(&watched).await;
    for done in 1..writes {
        for next in [None, Some(change), Some(Change::Take), Some(Change::Delete)] {
            let subject = change.subject(&watched, &peer).await;
            watched.disturb(done..usize::MAX, Fault::Throttle);
            change.perform(&watched, &peer, subject.as_ref()).await;
            watched.calm();
            watched.clock.turn_seconds(61);
            if let Some(next) = next.filter(|next| subject.is_some() || *next == Change::Create) {
                let status = next.perform(&watched, &peer, subject.as_ref()).await;
                assert!(
                    matches!(status, 200 | 404),
                    "{change:?}, {done} of {writes}, {next:?}: {status}"
                );
            }
            watched.clock.turn_seconds(6 * 60);
            assert_eq!(watched.sweep().await["failed"], 0, "{change:?}, {done}");
            clear(&watched).await;
        }
    }
    let flaws = stored::flaws(&watched.stack.stack);
    assert!(flaws.is_empty(), "{change:?}: {flaws:#?}");
    watched.seen()
}

/// Removes what is left, by the name that the next one needs.
async fn clear(watched: &Watched) {
    let listed = watched.api().get(CLIENTS).await.json();
    for client in listed.as_array().unwrap() {
        let id = client["config"]["client_id"].as_str().unwrap();
        let gone = watched.api().delete(&format!("{CLIENT}/{id}")).await;
        assert_eq!(gone.status, 200, "{gone:?}");
    }
}
