//! Virtual keys: what is said of them, what they are granted, and what they may use in effect.

mod configs;
mod crashes;
mod effect;
mod grants;
mod keys;
mod meetings;

use harness::{
    client::{Answer, Client},
    stack::{TestStack, id_of},
    stored,
};
use serde_json::{Value, json};

use super::{UNKNOWN, ok};

const KEYS: &str = "/api/governance/virtual-keys";
const NOWHERE: &str = "https://mcp.example.com/mcp";

/// That a request was refused, and for which field.
fn refused(answer: &Answer, status: u16, field: Option<&str>) -> String {
    let told = answer.json();
    assert_eq!(
        (
            answer.status,
            &told["status_code"],
            told["error"]["param"].as_str()
        ),
        (status, &json!(status), field),
        "{answer:?}"
    );
    told["error"]["message"].as_str().unwrap().to_owned()
}

/// Makes a key; gives its id and itself.
async fn make(client: &Client, body: &Value) -> (String, String) {
    let made = ok(&client.post(KEYS, body).await)["virtual_key"].clone();
    let value = made["value"].as_str().unwrap().to_owned();
    (id_of(&made), value)
}

/// What is shown of a key.
async fn shown(client: &Client, id: &str) -> Value {
    ok(&client.get(&format!("{KEYS}/{id}")).await)["virtual_key"].clone()
}

/// What a key is granted, by the names of clients.
async fn granted(client: &Client, id: &str) -> Value {
    let shown = shown(client, id).await;
    let configs = shown["mcp_configs"].as_array().unwrap();
    let of = |config: &Value| {
        assert_eq!(config["virtual_key_id"], id);
        assert_eq!(config["mcp_client"]["client_id"], config["mcp_client_id"]);
        let name = config["mcp_client"]["name"].as_str().unwrap();
        (name.to_owned(), config["tools_to_execute"].clone())
    };
    Value::Object(configs.iter().map(of).collect())
}

/// That this is granted of a client.
fn config(client: &str, tools: &[&str]) -> Value {
    json!({ "mcp_client_id": client, "tools_to_execute": tools })
}

/// That all that there is fits together.
fn is_sound(stack: &TestStack) {
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

/// How many items speak of grants.
fn grants_left(stack: &TestStack) -> usize {
    let items = stored::items(&stack.stack);
    let is_grant = |sk: &str| sk.starts_with("GRANTS#") || sk.starts_with("GRANTED#");
    items.iter().filter(|item| is_grant(item.sk())).count()
}
