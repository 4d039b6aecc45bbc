//! Workspaces, their members, keys, and the audit trail.

use harness::stack::id_of;
use serde_json::{Value, json};

use super::{INTEGRATIONS, KEYS, SERVERS, Scene, UNKNOWN, WORKSPACES, ask, grant, ok};

const FIRST: &str = "7f000000-0000-4000-8000-000000000001";
const SECOND: &str = "7f000000-0000-4000-8000-000000000002";

pub async fn in_every_branch(scene: &Scene) {
    workspaces(scene).await;
    members(scene).await;
    keys(scene).await;
    own_key(scene).await;
    close(scene).await;
    trail(scene).await;
    operator(scene).await;
}

async fn workspaces(scene: &Scene) {
    let with_members =
        json!({ "name": "Research", "users": [FIRST, { "id": SECOND, "role": "manager" }] });
    let mut given = json!({ "name": "Given" });
    given["slug"] = json!("given");
    let requests = [
        ("POST", "", with_members, 200),
        // The second gets another slug.
        ("POST", "", json!({ "name": "Research" }), 200),
        ("POST", "", given.clone(), 200),
        ("POST", "", given, 409),
        ("GET", "", Value::Null, 200),
        ("GET", "?page_size=1&name=RES", Value::Null, 200),
        ("GET", "?exact_name=Research", Value::Null, 200),
        ("GET", "?name=nothing", Value::Null, 200),
        ("GET", "?status=archived", Value::Null, 200),
        ("GET", "/research", Value::Null, 200),
        ("GET", "/unknown", Value::Null, 404),
        ("GET", &format!("/{UNKNOWN}"), Value::Null, 404),
        ("PUT", "/research", json!({ "name": "Renamed" }), 200),
        ("PUT", "/research", json!({ "name": "Renamed" }), 200),
        (
            "PUT",
            "/research",
            json!({ "description": "new", "defaults": { "a": 1 } }),
            200,
        ),
        ("PUT", "/unknown", json!({ "name": "Renamed" }), 404),
    ];
    ask(&scene.api, WORKSPACES, &requests).await;
}

async fn members(scene: &Scene) {
    let api = &scene.api;
    let user =
        |id: &str| json!({ "users": [{ "id": id, "role": "member", "email": "one@example.com" }] });
    let path = format!("{WORKSPACES}/given/users");
    let one = |id: &str| format!("/{id}");
    let requests = [
        ("POST", "", user(FIRST), 200),
        ("POST", "", user(FIRST), 200),
        ("POST", "", user(SECOND), 200),
        ("GET", "", Value::Null, 200),
        ("GET", "?search=ONE&page_size=1", Value::Null, 200),
        (
            "GET",
            "?email=one@example.com&role=member",
            Value::Null,
            200,
        ),
        ("GET", "?search=nobody", Value::Null, 200),
        ("GET", &*one(FIRST), Value::Null, 200),
        ("GET", &*one(UNKNOWN), Value::Null, 404),
        ("PUT", &*one(FIRST), json!({ "role": "manager" }), 200),
        ("PUT", &*one(UNKNOWN), json!({ "role": "manager" }), 404),
    ];
    ask(api, &path, &requests).await;
    // With a user go the keys that act for him, and no others.
    for id in [FIRST, SECOND] {
        let key = json!({ "name": "his", "workspace_id": "given", "user_id": id, "scopes": ["mcp.invoke"] });
        ok(api.post(&format!("{KEYS}/workspace/user"), &key).await);
    }
    let requests = [
        ("DELETE", &*one(FIRST), Value::Null, 200),
        ("DELETE", &*one(FIRST), Value::Null, 404),
    ];
    ask(api, &path, &requests).await;
    let nowhere = format!("{WORKSPACES}/unknown/users");
    let requests = [
        ("POST", "", user(FIRST), 404),
        ("GET", "", Value::Null, 404),
        ("GET", &*one(FIRST), Value::Null, 404),
        ("PUT", &*one(FIRST), json!({ "role": "manager" }), 404),
        ("DELETE", &*one(FIRST), Value::Null, 404),
    ];
    ask(api, &nowhere, &requests).await;
}

async fn keys(scene: &Scene) {
    let api = &scene.api;
    for kind in [
        "organisation/service",
        "workspace/service",
        "workspace/user",
    ] {
        let mut wanted = json!({ "name": "a key", "scopes": ["mcp_servers.list"] });
        let is_of_workspace = kind != "organisation/service";
        if is_of_workspace {
            wanted["workspace_id"] = json!("ws-default");
        }
        if kind == "workspace/user" {
            wanted["user_id"] = json!(scene.user_id());
        }
        let path = format!("{KEYS}/{kind}");
        let id = id_of(&ok(api.post(&path, &wanted).await));
        let requests = [
            ("GET", "", Value::Null, 200),
            ("PUT", "", json!({ "name": "renamed" }), 200),
            ("PUT", "", json!({ "name": "renamed" }), 200),
            ("PUT", "", json!({ "scopes": ["mcp_servers.read"] }), 200),
            ("POST", "/rotate", Value::Null, 200),
            (
                "POST",
                "/rotate",
                json!({ "key_transition_period_ms": 3_600_000 }),
                200,
            ),
            ("DELETE", "", Value::Null, 200),
            ("DELETE", "", Value::Null, 404),
            ("GET", "", Value::Null, 404),
            ("PUT", "", json!({ "name": "renamed" }), 404),
            ("POST", "/rotate", Value::Null, 404),
        ];
        ask(api, &format!("{KEYS}/{id}"), &requests).await;
        if is_of_workspace {
            wanted["workspace_id"] = json!(scene.watched.acme().workspace_id);
            ask(api, &path, &[("POST", "", wanted.clone(), 200)]).await;
            wanted["workspace_id"] = json!("unknown");
            ask(api, &path, &[("POST", "", wanted.clone(), 404)]).await;
        }
        if kind == "workspace/user" {
            wanted["workspace_id"] = json!("ws-default");
            wanted["user_id"] = json!(UNKNOWN);
            ask(api, &path, &[("POST", "", wanted, 400)]).await;
        }
    }
    // Some may list keys of one kind alone.
    let of_services = json!({ "name": "a lister", "scopes": ["workspace_service_api_keys.list"] });
    let made = ok(api
        .post(&format!("{KEYS}/organisation/service"), &of_services)
        .await);
    let lister = scene.watched.portkey_with(made["key"].as_str().unwrap());
    for client in [api, &lister] {
        let requests = [
            ("GET", "", Value::Null, 200),
            ("GET", "?page_size=1&current_page=1", Value::Null, 200),
            ("GET", "?workspace_id=ws-default", Value::Null, 200),
            ("GET", "?workspace_id=unknown", Value::Null, 404),
        ];
        ask(client, KEYS, &requests).await;
    }
}

async fn own_key(scene: &Scene) {
    let all = "/self/details?include_organisation=true&include_workspace=true";
    for client in [&scene.api, &scene.user, &scene.gateway] {
        let requests = [
            ("GET", "/self/details", Value::Null, 200),
            ("GET", all, Value::Null, 200),
        ];
        ask(client, KEYS, &requests).await;
    }
    let nobody = scene.watched.portkey_with("mcps_unknown");
    ask(&nobody, KEYS, &[("GET", all, Value::Null, 401)]).await;
}

async fn close(scene: &Scene) {
    let api = &scene.api;
    let full = id_of(&ok(api
        .post(WORKSPACES, &json!({ "name": "Full", "users": [FIRST] }))
        .await));
    let mut own = scene.with_token("its own", "one");
    own["workspace_id"] = json!(full);
    let own = id_of(&ok(api.post(INTEGRATIONS, &own).await));
    let server = json!({ "name": "its server", "mcp_integration_id": own, "workspace_id": full });
    let server = id_of(&ok(api.post(SERVERS, &server).await));
    let key =
        json!({ "name": "his", "workspace_id": full, "user_id": FIRST, "scopes": ["mcp.invoke"] });
    let path = format!("{SERVERS}/{server}/tokens");
    let access = json!({ "user_access": [{ "user_id": FIRST, "enabled": true }] });
    for round in 0..2 {
        let made = ok(api.post(&format!("{KEYS}/workspace/user"), &key).await);
        let user = scene.watched.portkey_with(made["key"].as_str().unwrap());
        ask(&user, &path, &[("PUT", "", grant("one"), 200)]).await;
        ok(api
            .put(&format!("{SERVERS}/{server}/user-access"), &access)
            .await);
        if round == 0 {
            // He goes with all that he has, and comes back.
            let requests = [
                ("DELETE", &*format!("/full/users/{FIRST}"), Value::Null, 200),
                ("POST", "/full/users", json!({ "id": FIRST }), 200),
            ];
            ask(api, WORKSPACES, &requests).await;
        }
    }
    let test = format!("{INTEGRATIONS}/{own}/test");
    ask(api, &test, &[("POST", "", Value::Null, 200)]).await;
    let forced = json!({ "force_delete": true });
    let requests = [
        ("DELETE", "/full", Value::Null, 409),
        ("DELETE", "/full", forced.clone(), 200),
        ("DELETE", "/full", forced.clone(), 404),
        // Empty but for a member.
        ("DELETE", "/research", Value::Null, 200),
        ("DELETE", "/ws-default", forced, 409),
        ("DELETE", &format!("/{UNKNOWN}"), Value::Null, 404),
    ];
    ask(api, WORKSPACES, &requests).await;
}

async fn trail(scene: &Scene) {
    let own = ok(scene.api.get(&format!("{KEYS}/self/details")).await);
    let key = own["data"]["api_key_details"]["id"].as_str().unwrap();
    for query in [
        String::new(),
        "?page_size=2&current_page=1".to_owned(),
        "?current_page=10000".to_owned(),
        format!("?actor={key}&page_size=1"),
        format!("?resource_id={UNKNOWN}"),
        format!("?resource_id={UNKNOWN}&actor={key}"),
        "?start_time=2020-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z".to_owned(),
    ] {
        ask(
            &scene.api,
            "/v1/audit-logs",
            &[("GET", &query, Value::Null, 200)],
        )
        .await;
    }
}

async fn operator(scene: &Scene) {
    let watched = &scene.watched;
    let nobody = json!({ "tenantId": UNKNOWN });
    assert!(watched.invoke("create-system-key", nobody).await.is_err());
    let acme = json!({ "tenantId": watched.acme().tenant_id });
    let made = watched.invoke("create-system-key", acme).await.unwrap();
    let key = json!({ "tenantId": watched.acme().tenant_id, "keyId": made["keyId"] });
    for is_there in [true, false] {
        let revoked = watched.invoke("revoke-system-key", key.clone()).await;
        assert_eq!(revoked.is_ok(), is_there);
    }
}
