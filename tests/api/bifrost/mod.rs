//! Bifrost's vocabulary: `/api/mcp/clients` and its siblings.

mod clients;
mod import;
mod list;
mod local;
mod one_row;
mod rules;
mod samples;
mod secrets;
pub mod sessions;
mod sessions_kept;
mod states;
mod tls;
mod virtual_keys;

use harness::client::{Answer, Client};
use serde_json::{Value, json};

const CLIENTS: &str = "/api/mcp/clients";
const CLIENT: &str = "/api/mcp/client";
const REDACTED: &str = "<REDACTED>";
/// An id that nothing has.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

/// The body of an answer that has to be good.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The sentence, the word and the field of an answer that has to be an error.
fn refused(answer: &Answer, status: u16, code: &str) -> (String, Value) {
    assert_eq!(answer.status, status, "{answer:?}");
    let failure = answer.json();
    assert_eq!(failure["error"]["code"], code, "{failure}");
    assert_eq!(failure["status_code"], status, "{failure}");
    let message = failure["error"]["message"].as_str().unwrap().to_owned();
    (message, failure["error"]["param"].clone())
}

/// That the answer refuses a request because of this field.
fn wrong(answer: &Answer, field: &str) {
    let (message, param) = refused(answer, 400, "invalid_request");
    assert_eq!(param, field, "{message}");
    assert!(message.starts_with(field), "{message}");
}

/// The body of a client that sends no credential and may call everything.
fn open(name: &str, url: &str) -> Value {
    json!({ "name": name, "connection_type": "http", "connection_string": url, "auth_type": "none", "tools_to_execute": ["*"] })
}

/// The body of a client that sends a token.
fn with_token(name: &str, url: &str, token: &str) -> Value {
    let mut body = open(name, url);
    body["auth_type"] = json!("headers");
    body["headers"] = json!({ "Authorization": format!("Bearer {token}") });
    body
}

async fn create(api: &Client, body: &Value) -> String {
    let made = ok(&api.post(CLIENT, body).await);
    assert_eq!(made["status"], "success", "{made}");
    made["mcp_client_id"].as_str().unwrap().to_owned()
}

async fn read(api: &Client, id: &str) -> Value {
    ok(&api.get(&format!("{CLIENT}/{id}")).await)
}

async fn change(api: &Client, id: &str, body: &Value) -> Answer {
    api.put(&format!("{CLIENT}/{id}"), body).await
}
