//! Grants change with the key, and go with the key, its workspace or the client.

use harness::stack::{TestStack, id_of};
use serde_json::{Value, json};

use super::{KEYS, NOWHERE, config, granted, grants_left, is_sound, make, ok, refused, shown};

#[tokio::test]
async fn grants_that_are_given_are_all_there_are() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        clients.push(stack.register_open(name, NOWHERE).await);
    }
    let [a, b, c] = [&clients[0], &clients[1], &clients[2]];
    let (id, _) = make(&api, &json!({ "name": "ci" })).await;
    let (other, _) = make(
        &api,
        &json!({ "name": "other", "mcp_configs": [config(a, &["*"])] }),
    )
    .await;
    let path = format!("{KEYS}/{id}");
    for (configs, expected) in [
        (
            vec![config(a, &["x"]), config(b, &[])],
            json!({ "a": ["x"], "b": [] }),
        ),
        (
            vec![config(b, &["Y"]), config(c, &["*"])],
            json!({ "b": ["Y"], "c": ["*"] }),
        ),
        (vec![json!({ "mcp_client_name": "a" })], json!({ "a": [] })),
        (vec![], json!({})),
        (vec![config(a, &["x"])], json!({ "a": ["x"] })),
    ] {
        ok(&api.put(&path, &json!({ "mcp_configs": configs })).await);
        assert_eq!(granted(&api, &id).await, expected);
        // What was read may be sent back.
        let read = shown(&api, &id).await["mcp_configs"].clone();
        ok(&api.put(&path, &json!({ "mcp_configs": read })).await);
        assert_eq!(granted(&api, &id).await, expected);
        assert_eq!(granted(&api, &other).await, json!({ "a": ["*"] }));
        is_sound(&stack);
    }
    // What is not spoken of stays.
    ok(&api
        .put(&path, &json!({ "name": "renamed", "mcp_configs": null }))
        .await);
    assert_eq!(granted(&api, &id).await, json!({ "a": ["x"] }));

    let trail = ok(&stack
        .portkey()
        .get(&format!("/v1/audit-logs?resource_id={id}"))
        .await);
    let fields: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["changed_fields"].clone())
        .collect();
    assert_eq!(fields[0], json!(["name"]));
    assert_eq!(fields[1], json!(["mcp_configs"]));
}

/// Everything that takes a key or a client away, in whichever vocabulary, takes the grants of it away.
#[tokio::test]
async fn grants_go_with_the_key_or_the_client() {
    let stack = TestStack::start().await;
    let (api, portkey) = (stack.api(), stack.portkey());
    for round in 0..4 {
        let client = stack.register_open("github", NOWHERE).await;
        let kept = stack.register_open("kept", NOWHERE).await;
        let configs = json!([config(&client, &["*"]), config(&kept, &["x"])]);
        let (id, _) = make(&api, &json!({ "name": "ci", "mcp_configs": configs })).await;
        let (natively, key) = (
            format!("/api/mcp-connections/{client}"),
            format!("{KEYS}/{id}"),
        );
        assert_eq!(grants_left(&stack), 4);
        match round {
            0 => drop(ok(&api.delete(&key).await)),
            1 => drop(ok(&portkey.delete(&format!("/v1/api-keys/{id}")).await)),
            2 => assert_eq!(api.delete(&natively).await.status, 204),
            _ => drop(ok(&portkey
                .delete(&format!("/v1/mcp-integrations/{client}"))
                .await)),
        }
        is_sound(&stack);
        if round >= 2 {
            assert_eq!(granted(&api, &id).await, json!({ "kept": ["x"] }));
            ok(&api.delete(&key).await);
        } else {
            assert_eq!(api.delete(&natively).await.status, 204);
        }
        assert_eq!(
            api.delete(&format!("/api/mcp-connections/{kept}"))
                .await
                .status,
            204
        );
        assert_eq!(grants_left(&stack), 0);
    }
}

#[tokio::test]
async fn grants_go_with_a_workspace() {
    let stack = TestStack::start().await;
    let (api, portkey) = (stack.api(), stack.portkey());
    let client = stack.register_open("github", NOWHERE).await;
    let founded = json!({ "name": "going" });
    let workspace = id_of(&ok(&portkey.post("/v1/admin/workspaces", &founded).await));
    let body = json!({ "name": "a key", "workspace_id": workspace, "scopes": ["mcp.invoke"] });
    let key = ok(&portkey.post("/v1/api-keys/workspace/service", &body).await);
    let key = key["id"].as_str().unwrap();
    // A client of that workspace is for its keys alone.
    let own = json!({
        "name": "own", "url": NOWHERE, "auth_type": "none", "transport": "http", "workspace_id": workspace,
    });
    let own = id_of(&ok(&portkey.post("/v1/mcp-integrations", &own).await));
    let configs = json!({ "mcp_configs": [config(&client, &["*"]), config(&own, &["*"])] });
    ok(&api.put(&format!("{KEYS}/{key}"), &configs).await);
    let elsewhere = json!({ "name": "elsewhere", "mcp_configs": [config(&own, &["*"])] });
    refused(
        &api.post(KEYS, &elsewhere).await,
        400,
        Some("mcp_configs.0.mcp_client_id"),
    );

    let forced = json!({ "force_delete": true });
    let gone = portkey
        .send(
            http::Method::DELETE,
            &format!("/v1/admin/workspaces/{workspace}"),
            &[],
            Some(&forced),
        )
        .await;
    ok(&gone);
    is_sound(&stack);
    assert_eq!(grants_left(&stack), 1, "the client's own row stays, empty");
    assert_eq!(
        api.delete(&format!("/api/mcp-connections/{client}"))
            .await
            .status,
        204
    );
    assert_eq!(grants_left(&stack), 0);
}

/// A key may be granted more than one transaction holds; it only takes several requests, and one to remove it.
#[tokio::test]
async fn a_key_may_have_more_clients_than_one_request_changes() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let mut configs = Vec::new();
    for number in 0..30 {
        let client = stack
            .register_open(&format!("client {number}"), NOWHERE)
            .await;
        configs.push(config(&client, &["*"]));
    }
    let body = |configs: &[Value]| json!({ "name": "ci", "mcp_configs": configs });
    refused(
        &api.post(KEYS, &body(&configs)).await,
        400,
        Some("mcp_configs"),
    );
    let (id, _) = make(&api, &body(&configs[..25])).await;
    let path = format!("{KEYS}/{id}");
    ok(&api.put(&path, &body(&configs)).await);
    assert_eq!(granted(&api, &id).await.as_object().unwrap().len(), 30);
    refused(&api.put(&path, &body(&[])).await, 400, Some("mcp_configs"));
    is_sound(&stack);
    ok(&api.delete(&path).await);
    is_sound(&stack);
    assert_eq!(grants_left(&stack), 30);
}
