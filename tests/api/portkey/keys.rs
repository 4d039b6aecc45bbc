//! API keys: who may make which, what one may do, and when it ends.

mod changes;
mod creation;
mod ends;
mod lists;
mod own;
mod rotation;
mod scopes;

use harness::{client::Client, stack::TestStack};
use serde_json::{Value, json};

use super::{SERVERS, ok, refused, text};

const KEYS: &str = "/v1/api-keys";

/// The body of a service key of the default workspace.
fn with_scopes(scopes: &[&str]) -> Value {
    json!({ "name": "for a test", "workspace_id": "ws-default", "scopes": scopes })
}

/// The same without a workspace: a workspace's key makes it for its own.
fn with_scopes_only(scopes: &[&str]) -> Value {
    json!({ "name": "for a test", "scopes": scopes })
}

/// Makes a key; gives its id and itself.
async fn make(client: &Client, kind: &str, body: &Value) -> (String, String) {
    let made = ok(&client.post(&format!("{KEYS}/{kind}"), body).await);
    (text(&made["id"]), text(&made["key"]))
}

/// What is shown of a key.
async fn shown(client: &Client, id: &str) -> Value {
    ok(&client.get(&format!("{KEYS}/{id}")).await)
}

async fn total(client: &Client) -> Value {
    ok(&client.get(KEYS).await)["total"].clone()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}

/// Makes a further workspace of the first tenant and gives its id.
async fn another_workspace(stack: &TestStack) -> String {
    let body = json!({ "name": "Another" });
    text(&ok(&stack.portkey().post("/v1/admin/workspaces", &body).await)["id"])
}

/// That a key which lists servers is good.
async fn opens(stack: &TestStack, key: &str) {
    let path = format!("{SERVERS}?workspace_id=ws-default");
    ok(&stack.portkey_with(key).get(&path).await);
}

/// That it is not, wherever it is shown. The native API remembers keys for a minute, so this one must not have been shown there before.
async fn opens_nothing(stack: &TestStack, key: &str) {
    let client = stack.portkey_with(key);
    for path in [SERVERS, KEYS, "/v2/api-keys/self/details"] {
        refused(&client.get(path).await, 401, "AB05");
    }
    let natively = stack.with_key(key).get("/api/mcp-connections").await;
    assert_eq!(natively.status, 401, "{natively:?}");
}
