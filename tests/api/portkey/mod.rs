//! Portkey's API: each operation with what its contract says, and the same rows under the native one.

mod audit;
mod capabilities;
mod integrations;
mod keys;
mod meetings;
mod one_row;
mod pages;
mod secrets;
mod servers;
mod tokens;
mod users;
mod workspaces;

use harness::{
    client::{Answer, Client},
    stack::TestStack,
};
use serde_json::{Value, json};

const INTEGRATIONS: &str = "/v1/mcp-integrations";
const SERVERS: &str = "/v1/mcp-servers";
const NOWHERE: &str = "https://mcp.example.com/mcp";
const MASK: &str = "********";

/// The body of an integration without authentication.
fn open(name: &str) -> Value {
    json!({ "name": name, "url": NOWHERE, "auth_type": "none", "transport": "http" })
}

/// The body of an integration that sends these headers.
fn with_headers(name: &str, url: &str, headers: Value) -> Value {
    json!({
        "name": name, "url": url, "auth_type": "headers", "transport": "http",
        "configurations": { "custom_headers": headers },
    })
}

/// What a request must have been answered with.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// That a request was refused, and what was said.
fn refused(answer: &Answer, status: u16, class: &str) -> String {
    assert_eq!(
        (answer.status, answer.class().as_str()),
        (status, class),
        "{answer:?}"
    );
    let told = answer.json();
    assert_eq!(told["message"], told["data"]["message"]);
    told["message"].as_str().unwrap().to_owned()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Makes an integration and gives its id.
async fn create(client: &Client, body: &Value) -> String {
    text(&ok(&client.post(INTEGRATIONS, body).await)["id"])
}

async fn integration(client: &Client, id: &str) -> Value {
    ok(&client.get(&format!("{INTEGRATIONS}/{id}")).await)
}

/// Lets a workspace use an integration, or not.
async fn enable(stack: &TestStack, id: &str, workspace: &str, enabled: bool) {
    let body = json!({ "workspaces": [{ "id": workspace, "enabled": enabled }] });
    let path = format!("{INTEGRATIONS}/{id}/workspaces");
    assert_eq!(ok(&stack.portkey().put(&path, &body).await), json!({}));
}

/// Makes an integration available in the default workspace of the first tenant; gives the ids of both.
async fn publish(stack: &TestStack, name: &str) -> (String, String) {
    publish_of(stack, name, &open(name)).await
}

async fn publish_of(stack: &TestStack, name: &str, body: &Value) -> (String, String) {
    let workspace = &stack.acme().workspace_id;
    let integration = create(&stack.portkey(), body).await;
    enable(stack, &integration, workspace, true).await;
    let body =
        json!({ "name": name, "mcp_integration_id": integration, "workspace_id": workspace });
    let made = ok(&stack.portkey().post(SERVERS, &body).await);
    (integration, text(&made["id"]))
}

/// Makes a key of the first tenant with these scopes and gives it in the clear.
async fn key(stack: &TestStack, kind: &str, scopes: &[&str]) -> String {
    let mut body = json!({ "name": format!("{kind} for a test"), "scopes": scopes });
    if kind.starts_with("workspace/") {
        body["workspace_id"] = json!(stack.acme().workspace_id);
    }
    if kind.ends_with("/user") {
        body["user_id"] = json!(stack.acme().user_id);
    }
    let made = stack
        .portkey()
        .post(&format!("/v1/api-keys/{kind}"), &body)
        .await;
    text(&ok(&made)["key"])
}
