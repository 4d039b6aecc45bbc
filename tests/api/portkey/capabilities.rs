//! Capabilities: found by checks, pushed by the gateway, switched at two levels.

use harness::{
    client::Client,
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, ok, publish_of, refused, text};

async fn switch(client: &Client, path: &str, name: &str, kind: &str, enabled: bool) {
    let body = json!({ "capabilities": [{ "name": name, "type": kind, "enabled": enabled }] });
    assert_eq!(
        ok(&client.put(path, &body).await),
        json!({ "success": true })
    );
}

async fn enabled(client: &Client, path: &str, name: &str) -> Option<bool> {
    let page = ok(&client.get(path).await);
    let items = page["data"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name)?["enabled"].as_bool()
}

/// Every combination of what was said at the two levels, for what a check found, for what was pushed, and for what was unknown when it was said.
#[tokio::test]
async fn the_effective_state_is_right_in_every_combination() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::rmcp(Rmcp::ALL[0]).start().await;
    let body = json!({ "name": "peer", "url": peer.url, "auth_type": "none", "transport": "http" });
    let (integration, server) = publish_of(&stack, "peer", &body).await;
    let first = format!("{INTEGRATIONS}/{integration}/capabilities");
    let second = format!("{SERVERS}/{server}/capabilities");
    // One is switched before anybody knows it.
    for (kind, name) in [("prompt", "pushed-later"), ("tool", "tool-000")] {
        switch(&api, &first, name, kind, false).await;
        assert_eq!(enabled(&api, &first, name).await, None);
        switch(&api, &first, name, kind, true).await;
    }
    ok(&api
        .send(
            Method::POST,
            &format!("{INTEGRATIONS}/{integration}/test"),
            &[],
            None,
        )
        .await);
    let pushed = json!({ "capabilities": [{ "name": "pushed-later", "type": "prompt", "arguments": [] }, { "name": "tool-000", "type": "tool" }] });
    ok(&api
        .post(&format!("{SERVERS}/{server}/capabilities/sync"), &pushed)
        .await);

    for (kind, name) in [("tool", "tool-000"), ("prompt", "pushed-later")] {
        for at_first in [true, false] {
            for at_second in [true, false] {
                switch(&api, &first, name, kind, at_first).await;
                switch(&api, &second, name, kind, at_second).await;
                assert_eq!(enabled(&api, &first, name).await, Some(at_first), "{name}");
                assert_eq!(
                    enabled(&api, &second, name).await,
                    Some(at_first && at_second),
                    "{name} {at_first} {at_second}"
                );
            }
        }
    }
    // The other tool was never named, and the other server of the same integration not either.
    assert_eq!(enabled(&api, &second, "tool-001").await, Some(true));
    let page = ok(&api
        .get(&format!("{second}?type=tool&page_size=1&page=2"))
        .await);
    assert_eq!(
        (&page["total"], &page["has_more"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(page["data"][0]["name"], "tool-001");
    assert_eq!(
        page["counts"]["prompts"],
        json!({ "total": 1, "enabled": 0 })
    );

    for (body, told) in [
        (
            json!({ "capabilities": [] }),
            "capabilities must have at least one item",
        ),
        (
            json!({ "capabilities": [{ "name": "x", "type": "resource_template", "enabled": true }] }),
            "capabilities.0.type",
        ),
        (
            json!({ "capabilities": [{ "name": "x", "type": "tool" }] }),
            "capabilities.0.enabled is required",
        ),
    ] {
        for path in [&first, &second] {
            let message = refused(&api.put(path, &body).await, 400, "AB01");
            assert!(message.contains(told), "{message}");
        }
    }
    for query in ["page=0", "page_size=501", "type=other"] {
        refused(&api.get(&format!("{first}?{query}")).await, 400, "AB01");
    }
}

#[tokio::test]
async fn what_the_gateway_pushes_is_kept_beside_what_checks_find() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (integration, server) = super::publish(&stack, "quiet").await;
    let sync = format!("{SERVERS}/{server}/capabilities/sync");
    let push = |name: &str, description: &str| json!({ "capabilities": [{ "name": name, "type": "resource", "uri": "file:///x", "mimeType": "text/plain", "description": description, "_meta": {} }] });
    ok(&api.post(&sync, &push("a", "first")).await);
    ok(&api.post(&sync, &push("b", "second")).await);
    ok(&api.post(&sync, &push("a", "third")).await);
    let page = ok(&api
        .get(&format!("{INTEGRATIONS}/{integration}/capabilities"))
        .await);
    let described: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(&item["description"]))
        .collect();
    assert_eq!(described, ["third", "second"]);
    assert_eq!(page["data"][0]["mime_type"], "text/plain");
    assert!(page["data"][0]["created_at"].is_string());

    let metadata = json!({ "server_name": "told", "server_version": "2", "capability_flags": { "tools": {} }, "icons": [], "title": null });
    ok(&api
        .post(&format!("{SERVERS}/{server}/metadata/sync"), &metadata)
        .await);
    let shown = ok(&api
        .get(&format!("{INTEGRATIONS}/{integration}/metadata"))
        .await);
    assert_eq!(
        (&shown["server_name"], &shown["sync_status"]),
        (&json!("told"), &json!("synced")),
        "{shown}"
    );
    assert_eq!(
        ok(&api.get(&format!("{SERVERS}/{server}/metadata")).await)["capability_flags"],
        json!({ "tools": {} })
    );
    // What was said of it goes with it.
    ok(&api.delete(&format!("{INTEGRATIONS}/{integration}")).await);
    let items = harness::stored::items(&stack.stack);
    let left: Vec<_> = items
        .iter()
        .filter(|item| item.sk().contains(&integration) && !item.pk().contains("#LIST#AUDIT"))
        .map(|item| item.sk())
        .collect();
    assert!(left.iter().all(|sk| sk.starts_with("SERVER#")), "{left:?}");
}

/// Of what it pushes, what no check learns is shown also after a check.
#[tokio::test]
async fn what_no_check_learns_is_not_lost_to_one() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::rmcp(Rmcp::ALL[0]).start().await;
    let body = json!({ "name": "real", "url": peer.url, "auth_type": "none", "transport": "http" });
    let (integration, server) = publish_of(&stack, "real", &body).await;
    stack.tick().await;
    let tools = format!("{SERVERS}/{server}/capabilities?type=tool");
    let tool = ok(&api.get(&tools).await)["data"][0].clone();
    let told = json!({ "capabilities": [
        { "name": tool["name"], "type": "tool", "description": "another", "output_schema": { "type": "object" }, "icons": [{ "src": "x" }] },
    ] });
    let introduced = json!({ "server_name": "told", "website_url": "https://x.example", "capability_flags": { "tools": {} } });
    ok(&api
        .post(&format!("{SERVERS}/{server}/capabilities/sync"), &told)
        .await);
    ok(&api
        .post(&format!("{SERVERS}/{server}/metadata/sync"), &introduced)
        .await);
    stack.clock.turn_seconds(60);
    ok(&api
        .post(&format!("{INTEGRATIONS}/{integration}/test"), &json!({}))
        .await);
    let shown = ok(&api.get(&tools).await)["data"][0].clone();
    assert_eq!(
        (&shown["output_schema"], &shown["icons"]),
        (&json!({ "type": "object" }), &json!([{ "src": "x" }]))
    );
    assert_eq!(shown["description"], tool["description"]);
    let shown = ok(&api.get(&format!("{SERVERS}/{server}/metadata")).await);
    assert_eq!(
        (
            &shown["website_url"],
            &shown["capability_flags"],
            &shown["server_name"]
        ),
        (
            &json!("https://x.example"),
            &json!({ "tools": {} }),
            &json!("real-server")
        )
    );
}

/// All who use an integration see what is told of it, so a workspace's key tells of its own integrations alone.
#[tokio::test]
async fn a_workspace_tells_nothing_of_what_others_use_as_well() {
    let stack = TestStack::start().await;
    let (_, server) = super::publish(&stack, "shared").await;
    let scopes = [
        "mcp_servers.update",
        "workspace_mcp_integrations.update",
        "workspace_mcp_integrations.create",
        "mcp_servers.create",
    ];
    let own = super::key(&stack, "workspace/service", &scopes).await;
    let own = stack.portkey_with(&own);
    let made = ok(&own.post(INTEGRATIONS, &super::open("its own")).await);
    let its = json!({ "name": "its own", "mcp_integration_id": made["id"] });
    let its = text(&ok(&own.post(SERVERS, &its).await)["id"]);
    let told = json!({ "capabilities": [{ "name": "forged", "type": "prompt" }] });
    for what in ["capabilities/sync", "metadata/sync"] {
        refused(
            &own.post(&format!("{SERVERS}/{server}/{what}"), &told).await,
            403,
            "AB03",
        );
        ok(&own.post(&format!("{SERVERS}/{its}/{what}"), &told).await);
    }
}

/// The gateway reads one page, so it is given everything at once, first what it must not let be called.
#[tokio::test]
async fn the_gateway_is_told_everything_at_once() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (_, server) = super::publish(&stack, "large").await;
    let many: Vec<Value> = (0..150)
        .map(|n| json!({ "name": format!("tool-{n:03}"), "type": "tool" }))
        .collect();
    ok(&api
        .post(
            &format!("{SERVERS}/{server}/capabilities/sync"),
            &json!({ "capabilities": many }),
        )
        .await);
    let path = format!("{SERVERS}/{server}/capabilities");
    switch(&api, &path, "tool-149", "tool", false).await;
    assert_eq!(
        ok(&api.get(&path).await)["data"].as_array().unwrap().len(),
        100
    );
    let made = stack
        .invoke(
            "create-system-key",
            json!({ "tenantId": stack.acme().tenant_id }),
        )
        .await
        .unwrap();
    let gateway = stack.portkey_with(made["key"].as_str().unwrap());
    let page = ok(&gateway.get(&path).await);
    assert_eq!(
        (
            page["data"].as_array().unwrap().len(),
            &page["data"][0]["name"]
        ),
        (150, &json!("tool-149"))
    );
}
