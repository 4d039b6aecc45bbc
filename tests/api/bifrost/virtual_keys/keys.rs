//! Virtual keys as keys: they are made, listed, changed, rotated and revoked, and each is an API key of the other vocabularies as well.

use harness::stack::TestStack;
use serde_json::{Value, json};

use super::{KEYS, NOWHERE, UNKNOWN, config, granted, is_sound, make, ok, refused, shown};

#[tokio::test]
async fn a_key_is_made_and_shown_once() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let client = stack.register_open("github", NOWHERE).await;
    let body = json!({
        "name": "ci", "description": "for builds", "mcp_configs": [config(&client, &["*"])],
        // What Bifrost's clients send along where they have nothing to say.
        "provider_configs": [], "budget": null, "rate_limit": {}, "team_id": "", "calendar_aligned": false,
    });
    let (id, value) = make(&api, &body).await;
    let seen = shown(&api, &id).await;
    assert_eq!(
        (&seen["name"], &seen["description"], &seen["is_active"]),
        (&json!("ci"), &json!("for builds"), &json!(true))
    );
    assert_eq!(granted(&api, &id).await, json!({ "github": ["*"] }));
    assert!(seen["value"].is_null());
    for path in [
        KEYS.to_owned(),
        format!("{KEYS}/{id}"),
        format!("{KEYS}/{id}/tools"),
        "/v1/api-keys?page_size=100".to_owned(),
    ] {
        let answer = match path.starts_with("/v1") {
            true => stack.portkey().get(&path).await,
            false => api.get(&path).await,
        };
        ok(&answer);
        assert!(!answer.text().contains(&value), "{path} shows the key");
    }
    // It is the API key that it says, and calls tools and nothing else.
    let own = stack.portkey_with(&value);
    let details =
        ok(&own.get("/v1/api-keys/self/details").await)["data"]["api_key_details"].clone();
    assert_eq!(details["id"].as_str().unwrap(), id);
    assert_eq!(
        (
            &details["type"],
            &details["scopes"],
            &details["workspace_id"]
        ),
        (
            &json!("workspace-service"),
            &json!(["mcp.invoke"]),
            &json!(stack.acme().workspace_id)
        )
    );
    assert_eq!(stack.with_key(&value).get(KEYS).await.status, 403);
    is_sound(&stack);
}

#[tokio::test]
async fn keys_are_listed_as_they_were_made() {
    let stack = TestStack::start().await;
    let api = stack.api();
    // One came with the tenant.
    let first = ok(&api.get(KEYS).await);
    assert_eq!(first["total_count"], 1);
    let first = first["virtual_keys"][0]["id"].as_str().unwrap().to_owned();
    ok(&api.delete(&format!("{KEYS}/{first}")).await);
    let mut made = Vec::new();
    for name in ["one", "Two", "three"] {
        made.push(make(&api, &json!({ "name": name })).await.0);
    }
    // Neither of these calls tools for a machine.
    for kind in ["organisation/service", "workspace/service"] {
        let mut body = json!({ "name": "two of another kind", "scopes": ["mcp_servers.list"] });
        if kind.starts_with("workspace") {
            body["workspace_id"] = json!("ws-default");
        }
        ok(&stack
            .portkey()
            .post(&format!("/v1/api-keys/{kind}"), &body)
            .await);
    }
    let ids = |page: &Value| -> Vec<String> {
        let keys = page["virtual_keys"].as_array().unwrap();
        assert_eq!(page["count"], keys.len());
        let id = |key: &Value| key["id"].as_str().unwrap().to_owned();
        keys.iter().map(id).collect()
    };
    let all = ok(&api.get(KEYS).await);
    assert_eq!((ids(&all), &all["total_count"]), (made.clone(), &json!(3)));
    assert_eq!((&all["limit"], &all["offset"]), (&json!(100), &json!(0)));
    let page = ok(&api.get(&format!("{KEYS}?limit=2&offset=1")).await);
    assert_eq!(
        (ids(&page), &page["total_count"]),
        (made[1..].to_vec(), &json!(3))
    );
    let found = ok(&api.get(&format!("{KEYS}?search=TW")).await);
    assert_eq!(
        (ids(&found), &found["total_count"]),
        (made[1..2].to_vec(), &json!(1))
    );
    // More than a page is cut to one, and the answer says so.
    for (query, limit) in [
        ("limit=0", 100),
        ("limit=1000", 100),
        ("limit=&search=", 100),
    ] {
        let page = ok(&api.get(&format!("{KEYS}?{query}")).await);
        assert_eq!((&page["limit"], &page["count"]), (&json!(limit), &json!(3)));
    }
    for (query, field) in [
        ("limit=-1", "limit"),
        ("offset=x", "offset"),
        ("from_memory=true", "from_memory"),
    ] {
        refused(&api.get(&format!("{KEYS}?{query}")).await, 400, Some(field));
    }
    // A workspace's key sees those of its workspace.
    let workspace = json!({ "name": "Another" });
    let workspace = ok(&stack
        .portkey()
        .post("/v1/admin/workspaces", &workspace)
        .await);
    let body = json!({
        "name": "lister", "workspace_id": workspace["id"],
        "scopes": ["workspace_service_api_keys.list", "workspace_service_api_keys.read", "mcp.invoke"],
    });
    let lister = ok(&stack
        .portkey()
        .post("/v1/api-keys/workspace/service", &body)
        .await);
    let lister = stack.with_key(lister["key"].as_str().unwrap());
    assert_eq!(ok(&lister.get(KEYS).await)["total_count"], 1);
    refused(&lister.get(&format!("{KEYS}/{}", made[0])).await, 404, None);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let client = stack.register_open("github", NOWHERE).await;
    let foreign = stack
        .stranger()
        .post(
            "/api/mcp-connections",
            &json!({ "name": "theirs", "serverUrl": NOWHERE, "authType": "none" }),
        )
        .await
        .json();
    let foreign = foreign["id"].as_str().unwrap();
    let named = |name: &str| json!({ "mcp_client_name": name, "tools_to_execute": ["*"] });
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "is_active": "yes" }), "is_active"),
        (json!({ "name": "x", "value": "sk-bf-1" }), "value"),
        (
            json!({ "name": "x", "budget": { "max_limit": 1 } }),
            "budget",
        ),
        (
            json!({ "name": "x", "provider_configs": [{}] }),
            "provider_configs",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config(UNKNOWN, &[])] }),
            "mcp_configs.0.mcp_client_id",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config(foreign, &[])] }),
            "mcp_configs.0.mcp_client_id",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config("7", &[])] }),
            "mcp_configs.0.mcp_client_id",
        ),
        (
            json!({ "name": "x", "mcp_configs": [{}] }),
            "mcp_configs.0.mcp_client_id",
        ),
        (
            json!({ "name": "x", "mcp_configs": [named("theirs")] }),
            "mcp_configs.0.mcp_client_name",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config(&client, &[]), named("github")] }),
            "mcp_configs.1.mcp_client_name",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config(&client, &["a", "A"])] }),
            "mcp_configs.0.tools_to_execute",
        ),
        (
            json!({ "name": "x", "mcp_configs": [config(&client, &["a", "*"])] }),
            "mcp_configs.0.tools_to_execute",
        ),
    ] {
        let told = refused(&api.post(KEYS, &body).await, 400, Some(field));
        assert!(told.starts_with(field), "{told}");
    }
    let (id, _) = make(
        &api,
        &json!({ "name": "ci", "mcp_configs": [named("github")] }),
    )
    .await;
    let path = format!("{KEYS}/{id}");
    for (body, field) in [
        (
            json!({ "rate_limit": { "token_max_limit": 1 } }),
            "rate_limit",
        ),
        (json!({ "id": UNKNOWN }), "id"),
        (json!({ "mcp_configs": "all" }), "mcp_configs"),
        (
            json!({ "mcp_configs": [config(UNKNOWN, &["*"])] }),
            "mcp_configs.0.mcp_client_id",
        ),
    ] {
        refused(&api.put(&path, &body).await, 400, Some(field));
    }
    assert_eq!(granted(&api, &id).await, json!({ "github": ["*"] }));
    is_sound(&stack);
}

#[tokio::test]
async fn a_key_is_changed_as_far_as_is_said() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let body = json!({ "name": "ci", "description": "for builds" });
    let (id, _) = make(&api, &body).await;
    let path = format!("{KEYS}/{id}");
    let before = shown(&api, &id).await;
    // Nothing changes where nothing differs.
    for same in [
        json!({}),
        json!({ "name": "ci", "is_active": true }),
        json!({ "mcp_configs": [] }),
    ] {
        let changed = ok(&api.put(&path, &same).await)["virtual_key"].clone();
        assert_eq!(changed, before);
    }
    let changed = ok(&api.put(&path, &json!({ "name": "other" })).await);
    let changed = &changed["virtual_key"];
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("other"), &json!("for builds"))
    );
    for cleared in [json!({ "description": null }), json!({ "description": "" })] {
        ok(&api.put(&path, &cleared).await);
        assert_eq!(shown(&api, &id).await["description"], "");
        ok(&api.put(&path, &json!({ "description": "again" })).await);
    }
    // What Portkey's API changes is the same key.
    ok(&stack
        .portkey()
        .put(&format!("/v1/api-keys/{id}"), &json!({ "name": "third" }))
        .await);
    assert_eq!(shown(&api, &id).await["name"], "third");
    for unknown in [UNKNOWN, "x", "%00"] {
        let path = format!("{KEYS}/{unknown}");
        refused(&api.get(&path).await, 404, None);
        refused(&api.put(&path, &json!({ "name": "x" })).await, 404, None);
        refused(&api.delete(&path).await, 404, None);
        refused(&api.get(&format!("{path}/tools")).await, 404, None);
    }
    // A key of another kind is none of these.
    let own = ok(&stack.portkey().get("/v1/api-keys/self/details").await);
    let own = own["data"]["api_key_details"]["id"].as_str().unwrap();
    refused(&api.get(&format!("{KEYS}/{own}")).await, 404, None);
}

#[tokio::test]
async fn a_key_that_is_not_active_opens_nothing() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let (id, value) = make(&api, &json!({ "name": "ci", "is_active": false })).await;
    let path = format!("{KEYS}/{id}");
    let own = "/v1/api-keys/self/details";
    let key = stack.portkey_with(&value);
    assert_eq!(key.get(own).await.status, 401);
    let of_portkeys = ok(&stack.portkey().get(&format!("/v1/api-keys/{id}")).await);
    assert_eq!(of_portkeys["status"], "inactive");
    for active in [true, false, true] {
        let changed = ok(&api.put(&path, &json!({ "is_active": active })).await);
        assert_eq!(changed["virtual_key"]["is_active"], active);
        assert_eq!(key.get(own).await.status, if active { 200 } else { 401 });
    }
}

#[tokio::test]
async fn a_rotated_key_keeps_what_it_is_granted() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let client = stack.register_open("github", NOWHERE).await;
    let body = json!({ "name": "ci", "mcp_configs": [config(&client, &["a"])] });
    let (id, old) = make(&api, &body).await;
    let rotated = ok(&api.post(&format!("{KEYS}/{id}/rotate"), &json!({})).await);
    let new = rotated["virtual_key"]["value"].as_str().unwrap();
    assert_eq!(rotated["virtual_key"]["id"], id);
    assert_ne!(new, old);
    let own = "/v1/api-keys/self/details";
    assert_eq!(stack.portkey_with(&old).get(own).await.status, 401);
    ok(&stack.portkey_with(new).get(own).await);
    assert_eq!(granted(&api, &id).await, json!({ "github": ["a"] }));
    assert_eq!(
        rotated["virtual_key"]["updated_at"],
        shown(&api, &id).await["updated_at"]
    );
    let said = json!({ "key_transition_period_ms": 1 });
    refused(
        &api.post(&format!("{KEYS}/{id}/rotate"), &said).await,
        400,
        Some("key_transition_period_ms"),
    );
    ok(&api.delete(&format!("{KEYS}/{id}")).await);
    refused(&api.get(&format!("{KEYS}/{id}")).await, 404, None);
    assert_eq!(stack.portkey_with(new).get(own).await.status, 401);
    is_sound(&stack);
}

/// Who makes a key that calls tools may call tools, or reaches the whole tenant; and who grants clients may change clients.
#[tokio::test]
async fn nobody_gives_what_he_does_not_hold() {
    let stack = TestStack::start().await;
    let client = stack.register_open("github", NOWHERE).await;
    let with_scopes = async |scopes: &[&str]| {
        let body = json!({ "name": "maker", "workspace_id": "ws-default", "scopes": scopes });
        let made = stack
            .portkey()
            .post("/v1/api-keys/workspace/service", &body)
            .await;
        stack.with_key(ok(&made)["key"].as_str().unwrap())
    };
    let (create, update, invoke) = (
        "workspace_service_api_keys.create",
        "workspace_service_api_keys.update",
        "mcp.invoke",
    );
    let maker = with_scopes(&[create]).await;
    refused(&maker.post(KEYS, &json!({ "name": "x" })).await, 403, None);
    let maker = with_scopes(&[create, update, invoke]).await;
    let (id, _) = make(&maker, &json!({ "name": "x" })).await;
    let grants = json!({ "name": "x", "mcp_configs": [config(&client, &["*"])] });
    for answer in [
        maker.post(KEYS, &grants).await,
        maker.put(&format!("{KEYS}/{id}"), &grants).await,
    ] {
        let told = refused(&answer, 403, None);
        assert!(
            told.contains("organisation_mcp_integrations.update"),
            "{told}"
        );
    }
    ok(&maker
        .put(&format!("{KEYS}/{id}"), &json!({ "name": "y" }))
        .await);
    ok(&stack.api().put(&format!("{KEYS}/{id}"), &grants).await);
    assert_eq!(granted(&stack.api(), &id).await, json!({ "github": ["*"] }));
}
