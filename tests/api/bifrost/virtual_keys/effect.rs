//! What a key may use in effect, as its endpoint says it.

use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::{Value, json};

use super::{KEYS, config, make, ok};

/// What is said of one client.
async fn of(stack: &TestStack, key: &str, client: &str) -> Value {
    let page = ok(&stack.api().get(&format!("{KEYS}/{key}/tools")).await);
    assert_eq!(page["virtual_key_id"], key);
    let clients = page["clients"].as_array().unwrap();
    assert_eq!(
        (&page["count"], &page["total_count"]),
        (&json!(clients.len()), &json!(clients.len()))
    );
    let found = clients
        .iter()
        .find(|found| found["mcp_client_id"] == client);
    found
        .unwrap_or_else(|| panic!("{client} is not in {page}"))
        .clone()
}

#[tokio::test]
async fn tools_are_named_that_are_known_and_granted() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let client = stack.register_open("github", &peer.url).await;
    let (id, _) = make(&api, &json!({ "name": "ci" })).await;
    let path = format!("{KEYS}/{id}");
    let grant = async |tools: &[&str]| {
        let configs = json!({ "mcp_configs": [config(&client, tools)] });
        ok(&api.put(&path, &configs).await);
        let told = of(&stack, &id, &client).await;
        assert_eq!(told["name"], "github");
        (told["tools"].clone(), told["reason"].clone())
    };
    let none = |reason: &str| (json!([]), json!(reason));
    let told = of(&stack, &id, &client).await;
    assert_eq!(
        (&told["tools"], &told["reason"]),
        (&json!([]), &json!("not_granted"))
    );
    assert_eq!(grant(&["*"]).await, none("tools_unknown"));
    stack.tick().await;
    assert_eq!(grant(&["*"]).await, (json!(["only"]), Value::Null));
    assert_eq!(
        grant(&["ONLY", "other"]).await,
        (json!(["only"]), Value::Null)
    );
    assert_eq!(grant(&["other"]).await, none("no_such_tool"));
    assert_eq!(grant(&[]).await, none("granted_none"));

    ok(&api.put(&path, &json!({ "is_active": false })).await);
    assert_eq!(grant(&["*"]).await, none("key_inactive"));
    ok(&api.put(&path, &json!({ "is_active": true })).await);
    let off = api
        .patch(
            &format!("/api/mcp-connections/{client}"),
            &json!({ "enabled": false }),
        )
        .await;
    ok(&off);
    assert_eq!(grant(&["*"]).await, none("client_disabled"));
}

/// Clients are paged as keys are. Those of another workspace are none of a key's business.
#[tokio::test]
async fn a_key_is_told_of_clients_that_it_could_use() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for name in ["a", "b", "c"] {
        stack.register_open(name, super::NOWHERE).await;
    }
    let founded = json!({ "name": "another" });
    let another = ok(&stack.portkey().post("/v1/admin/workspaces", &founded).await);
    for (name, workspace) in [("theirs", &another["id"]), ("own", &json!("ws-default"))] {
        let body = json!({
            "name": name, "url": super::NOWHERE, "auth_type": "none", "transport": "http", "workspace_id": workspace,
        });
        ok(&stack.portkey().post("/v1/mcp-integrations", &body).await);
    }
    let (id, _) = make(&api, &json!({ "name": "ci" })).await;
    let names = async |query: &str| {
        let page = ok(&api.get(&format!("{KEYS}/{id}/tools?{query}")).await);
        assert_eq!(page["total_count"], 4);
        let clients = page["clients"].as_array().unwrap();
        let names: Vec<_> = clients
            .iter()
            .map(|client| client["name"].clone())
            .collect();
        json!(names)
    };
    assert_eq!(names("").await, json!(["a", "b", "c", "own"]));
    assert_eq!(names("limit=2&offset=1").await, json!(["b", "c"]));
    assert_eq!(names("offset=9").await, json!([]));
}
