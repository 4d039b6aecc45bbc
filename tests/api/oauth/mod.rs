//! OAuth for clients with one token: from the link that somebody opens to a connection that works, and stays working.

mod arranged;
mod between;
mod flow;
mod renewal;
mod trouble;

use harness::{client::Answer, peers::authority::Authority, stack::TestStack, stored};
use serde_json::{Value, json};
use shared::{
    connection::{Connection, ConnectionId},
    oauth::held::Arranged,
};

/// Makes a client that uses OAuth; gives what the API answered.
pub async fn created(stack: &TestStack, url: &str, arranged: &Arranged) -> Value {
    let config = serde_json::to_value(arranged).unwrap();
    let name = url.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let body = json!({
        "name": name,
        "connection_type": "http",
        "connection_string": url,
        "auth_type": "oauth",
        "oauth_config": config,
        "tools_to_execute": ["*"],
    });
    let answer = stack.api().post("/api/mcp/client", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

pub async fn made_with(stack: &TestStack, url: &str, arranged: Arranged) -> ConnectionId {
    let created = created(stack, url, &arranged).await;
    let id = created["mcp_client_id"].as_str().unwrap();
    id.parse().unwrap()
}

/// The same with nothing arranged.
pub async fn made(stack: &TestStack, authority: &Authority) -> ConnectionId {
    made_with(stack, &authority.url, Arranged::default()).await
}

/// Begins a flow; gives what the API answered.
pub async fn begun(stack: &TestStack, id: ConnectionId) -> Value {
    let path = format!("/api/mcp/client/{id}/reauthorize");
    let answer = stack.api().post(&path, &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let begun = answer.json();
    assert_eq!(begun["mcp_client_id"], id.to_string());
    begun
}

/// Opens an address of the API's own, without a key.
pub async fn opened(stack: &TestStack, address: &Value) -> Answer {
    let address = address.as_str().unwrap();
    let path = address.strip_prefix(&stack.stack.url);
    let path = path.unwrap_or_else(|| panic!("{address} is not at {}", stack.stack.url));
    stack.with_authorization(None).get(path).await
}

/// Opens the link of a flow; gives where it leads.
pub async fn sent_on(stack: &TestStack, begun: &Value) -> String {
    let answer = opened(stack, &begun["authorize_url"]).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.header("location").unwrap().to_owned()
}

pub async fn status(stack: &TestStack, begun: &Value) -> Value {
    let id = begun["oauth_config_id"].as_str().unwrap();
    let answer = stack
        .api()
        .get(&format!("/api/oauth/config/{id}/status"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

pub async fn completed(stack: &TestStack, begun: &Value) -> Answer {
    let id = begun["oauth_config_id"].as_str().unwrap();
    let path = format!("/api/mcp/client/{id}/complete-oauth");
    stack.api().post(&path, &json!({})).await
}

/// All of a flow that goes well, up to the tokens; gives what its beginning was answered.
pub async fn authorized(stack: &TestStack, authority: &Authority, id: ConnectionId) -> Value {
    let begun = begun(stack, id).await;
    let back = authority.visit(&sent_on(stack, &begun).await);
    let answer = opened(stack, &json!(back)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    begun
}

/// A turn of the schedule in the next minute.
pub async fn tick(stack: &TestStack) {
    stack.clock.turn_to_next_minute();
    stack.tick().await;
}

/// Status and reason of a connection, as the native API has them.
pub async fn known(stack: &TestStack, id: ConnectionId) -> (String, Value) {
    let found = stack.read(&id.to_string()).await;
    let status = found["status"].as_str().unwrap().to_owned();
    (status, found["statusReason"].clone())
}

/// The row of the only connection, in a table where all fits together.
pub fn the_row(stack: &TestStack) -> Connection {
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
    let rows = stored::rows(&stored::items(&stack.stack));
    let [row] = rows.as_slice() else {
        panic!("there is one connection")
    };
    row.clone()
}
