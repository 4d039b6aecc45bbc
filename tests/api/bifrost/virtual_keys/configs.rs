//! What is granted, seen and changed from the client: `vk_configs`, the same as `mcp_configs` of the keys, and the tools that come of both sides' rules.

use harness::{
    client::Client,
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::{Value, json};

use super::{
    super::{CLIENTS, UNKNOWN, change, create, open, read, wrong},
    KEYS, NOWHERE, config, granted, is_sound, make, ok,
};

/// That this is granted to a key.
fn to(key: &str, tools: &[&str]) -> Value {
    json!({ "virtual_key_id": key, "tools_to_execute": tools })
}

/// What keys are granted of a client, by their names.
async fn shown(api: &Client, client: &str) -> Value {
    let configs = read(api, client).await["vk_configs"].clone();
    let of = |config: &Value| {
        let name = config["virtual_key_name"].as_str().unwrap();
        (name.to_owned(), config["tools_to_execute"].clone())
    };
    Value::Object(configs.as_array().unwrap().iter().map(of).collect())
}

#[tokio::test]
async fn a_client_says_what_its_keys_say() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let client = create(&api, &open("github", NOWHERE)).await;
    let (one, _) = make(
        &api,
        &json!({ "name": "one", "mcp_configs": [config(&client, &["*"])] }),
    )
    .await;
    let (two, _) = make(&api, &json!({ "name": "two" })).await;
    assert_eq!(shown(&api, &client).await, json!({ "one": ["*"] }));
    for (configs, expected) in [
        (
            json!([to(&one, &["a"]), to(&two, &[])]),
            json!({ "one": ["a"], "two": [] }),
        ),
        (
            json!([{ "virtual_key_id": two.replace('-', "") }]),
            json!({ "two": [] }),
        ),
        (json!([]), json!({})),
        (json!([to(&two, &["*"])]), json!({ "two": ["*"] })),
        // Null says nothing.
        (Value::Null, json!({ "two": ["*"] })),
    ] {
        ok(&change(&api, &client, &json!({ "vk_configs": configs })).await);
        assert_eq!(shown(&api, &client).await, expected);
        for (key, name) in [(&one, "one"), (&two, "two")] {
            let of_client = expected.get(name).map(|tools| json!({ "github": tools }));
            assert_eq!(
                granted(&api, key).await,
                of_client.unwrap_or_else(|| json!({}))
            );
        }
        // What was read may be sent back, and changes nothing.
        let before = read(&api, &client).await;
        let echo = json!({ "vk_configs": before["vk_configs"] });
        ok(&change(&api, &client, &echo).await);
        assert_eq!(read(&api, &client).await["config"], before["config"]);
        is_sound(&stack);
    }
    ok(&change(&api, &client, &json!({ "is_ping_available": false })).await);
    assert_eq!(shown(&api, &client).await, json!({ "two": ["*"] }));
    let listed = ok(&api.get(CLIENTS).await);
    assert_eq!(listed[0]["vk_configs"][0]["virtual_key_id"], two);

    let trail = ok(&stack
        .portkey()
        .get(&format!("/v1/audit-logs?resource_id={client}"))
        .await);
    let fields = trail["data"].as_array().unwrap().iter();
    let of_keys = fields.filter(|row| row["changed_fields"] == json!(["vk_configs"]));
    assert_eq!(of_keys.count(), 4);
}

/// One thing that is wrong, and nothing has changed: neither the client nor any of its grants.
#[tokio::test]
async fn client_and_grants_change_together_or_not_at_all() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let client = create(&api, &open("github", NOWHERE)).await;
    let (key, _) = make(
        &api,
        &json!({ "name": "ci", "mcp_configs": [config(&client, &["a"])] }),
    )
    .await;
    let theirs = stack.stranger();
    let (foreign, _) = make(&theirs, &json!({ "name": "theirs" })).await;
    let own = ok(&stack.portkey().get("/v1/api-keys/self/details").await);
    let own = own["data"]["api_key_details"]["id"].as_str().unwrap();
    let before = read(&api, &client).await;
    for (configs, field) in [
        (
            json!([to(&key, &["*"]), to(UNKNOWN, &["*"])]),
            "vk_configs.1.virtual_key_id",
        ),
        (json!([to(&foreign, &["*"])]), "vk_configs.0.virtual_key_id"),
        // A key that is no virtual one.
        (json!([to(own, &["*"])]), "vk_configs.0.virtual_key_id"),
        (json!([to("x", &["*"])]), "vk_configs.0.virtual_key_id"),
        (json!([{}]), "vk_configs.0.virtual_key_id"),
        (
            json!([to(&key, &["*"]), to(&key, &[])]),
            "vk_configs.1.virtual_key_id",
        ),
        (
            json!([to(&key, &["a", "*"])]),
            "vk_configs.0.tools_to_execute",
        ),
        (
            json!([{ "virtual_key_id": key, "mcp_client_id": client }]),
            "vk_configs.0.mcp_client_id",
        ),
        (json!("all"), "vk_configs"),
    ] {
        let body = json!({ "name": "renamed", "disabled": true, "vk_configs": configs });
        wrong(&change(&api, &client, &body).await, field);
        assert_eq!(read(&api, &client).await, before);
    }
    let body = json!({ "name": "renamed", "vk_configs": [to(&key, &["b"])] });
    ok(&change(&api, &client, &body).await);
    assert_eq!(granted(&api, &key).await, json!({ "renamed": ["b"] }));
    // With the credential as well.
    let body = json!({ "name": "secretive", "connection_type": "http", "connection_string": NOWHERE,
        "auth_type": "headers", "headers": { "X-Key": "one" }, "tools_to_execute": ["*"] });
    let client = create(&api, &body).await;
    let body = json!({ "headers": { "X-Key": "two" }, "vk_configs": [to(&key, &["c"])] });
    ok(&change(&api, &client, &body).await);
    assert_eq!(
        granted(&api, &key).await,
        json!({ "renamed": ["b"], "secretive": ["c"] })
    );
    let body = json!({ "headers": { "X-Key": "three" }, "vk_configs": [to(UNKNOWN, &[])] });
    wrong(
        &change(&api, &client, &body).await,
        "vk_configs.0.virtual_key_id",
    );
    is_sound(&stack);
}

#[tokio::test]
async fn clients_are_found_by_their_keys() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let mut clients = Vec::new();
    for name in ["a", "b", "c", "d"] {
        clients.push(create(&api, &open(name, NOWHERE)).await);
    }
    ok(&change(
        &api,
        &clients[3],
        &json!({ "allow_on_all_virtual_keys": true }),
    )
    .await);
    let (one, _) = make(&api, &json!({ "name": "one", "mcp_configs": [config(&clients[0], &["*"]), config(&clients[1], &[])] })).await;
    let (two, _) = make(
        &api,
        &json!({ "name": "two", "mcp_configs": [config(&clients[1], &["*"])] }),
    )
    .await;
    for (query, expected) in [
        (format!("virtual_keys={one}"), &["a", "b"][..]),
        (format!("virtual_keys={two}"), &["b"]),
        (format!("virtual_keys={one},{two}&search=A"), &["a"]),
        (
            format!("virtual_keys={two}&all_virtual_keys=true"),
            &["b", "d"],
        ),
        (format!("virtual_keys={UNKNOWN}"), &[]),
        ("virtual_keys=".to_owned(), &["a", "b", "c", "d"]),
    ] {
        let page = ok(&api.get(&format!("{CLIENTS}?{query}")).await);
        let found = page["clients"].as_array().unwrap().iter();
        let names: Vec<_> = found
            .map(|client| client["config"]["name"].clone())
            .collect();
        assert_eq!(json!(names), json!(expected), "{query}");
        assert_eq!(page["total_count"], expected.len());
    }
    wrong(
        &api.get(&format!("{CLIENTS}?virtual_keys={one},x")).await,
        "virtual_keys",
    );
    // A key of another workspace is none of a caller's business.
    let body = json!({ "name": "Another" });
    let workspace = ok(&stack.portkey().post("/v1/admin/workspaces", &body).await);
    let body = json!({ "name": "lister", "workspace_id": workspace["id"], "scopes": ["organisation_mcp_integrations.list"] });
    let lister = ok(&stack
        .portkey()
        .post("/v1/api-keys/workspace/service", &body)
        .await);
    let lister = stack.with_key(lister["key"].as_str().unwrap());
    for client in ok(&lister.get(CLIENTS).await).as_array().unwrap() {
        assert_eq!(client["vk_configs"], json!([]));
    }
}

/// The tools that a client allows, as far as a key is granted them; and what is said of the key counts before what is said of all.
#[tokio::test]
async fn rules_of_both_levels_meet() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let client = create(&api, &open("github", &peer.url)).await;
    stack.tick().await;
    let (key, _) = make(&api, &json!({ "name": "ci" })).await;
    let only = || json!(["only"]);
    for (rules, configs, tools, auto, reason) in [
        (
            json!({}),
            json!([]),
            json!([]),
            json!([]),
            json!("not_granted"),
        ),
        (
            json!({ "allow_on_all_virtual_keys": true }),
            json!([]),
            only(),
            json!([]),
            Value::Null,
        ),
        (
            json!({ "tools_to_auto_execute": ["*"] }),
            json!([]),
            only(),
            only(),
            Value::Null,
        ),
        (
            json!({}),
            json!([to(&key, &[])]),
            json!([]),
            json!([]),
            json!("granted_none"),
        ),
        (
            json!({}),
            json!([to(&key, &["ONLY"])]),
            only(),
            only(),
            Value::Null,
        ),
        (
            json!({ "tools_to_execute": ["other"], "tools_to_auto_execute": [] }),
            json!([to(&key, &["only"])]),
            json!([]),
            json!([]),
            json!("nothing_in_common"),
        ),
        (
            json!({ "tools_to_execute": [] }),
            json!([to(&key, &["*"])]),
            json!([]),
            json!([]),
            json!("client_allows_none"),
        ),
        (
            json!({ "tools_to_execute": ["Only"] }),
            json!([to(&key, &["*"])]),
            only(),
            json!([]),
            Value::Null,
        ),
        (
            json!({ "allow_on_all_virtual_keys": false }),
            json!([]),
            json!([]),
            json!([]),
            json!("not_granted"),
        ),
    ] {
        let mut body = rules;
        body["vk_configs"] = configs;
        ok(&change(&api, &client, &body).await);
        let page = ok(&api.get(&format!("{KEYS}/{key}/tools")).await);
        let told = &page["clients"][0];
        assert_eq!(
            (
                &told["tools"],
                &told["tools_to_auto_execute"],
                &told["reason"]
            ),
            (&tools, &auto, &reason),
            "{body}"
        );
    }
    let process = json!({ "name": "process", "connection_type": "stdio", "stdio_config": { "command": "npx" }, "tools_to_execute": ["*"], "allow_on_all_virtual_keys": true });
    create(&api, &process).await;
    let page = ok(&api.get(&format!("{KEYS}/{key}/tools")).await);
    assert_eq!(page["clients"][1]["reason"], "not_runnable_here");
}
