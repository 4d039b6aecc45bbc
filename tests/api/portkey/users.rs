//! Users of workspaces: how they come, how they are found, and what ends when they go.

mod joining;
mod leaving;
mod lists;
mod reach;

use harness::client::Client;
use serde_json::{Value, json};

use super::{ok, text};

const DEFAULT: &str = "/v1/admin/workspaces/ws-default/users";

/// The id of a user, by a number.
fn user(number: usize) -> String {
    format!("7f000000-0000-4000-8000-{number:012}")
}

/// Adds users to a workspace.
async fn join(client: &Client, path: &str, users: Value) {
    let answer = client.post(path, &json!({ "users": users })).await;
    assert_eq!(ok(&answer), json!({}));
}

/// Makes a workspace of this name; gives the path of its users.
async fn users_of(client: &Client, name: &str) -> String {
    let made = ok(&client
        .post("/v1/admin/workspaces", &json!({ "name": name }))
        .await);
    format!("/v1/admin/workspaces/{}/users", text(&made["id"]))
}

async fn shown(client: &Client, path: &str, user: &str) -> Value {
    ok(&client.get(&format!("{path}/{user}")).await)
}

/// The ids on a page, in their order.
fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}
