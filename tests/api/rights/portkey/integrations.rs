//! Integrations, and which workspaces may use them.

use harness::stack::id_of;
use local::fault::Fault;
use serde_json::{Value, json};

use super::{INTEGRATIONS, Scene, UNKNOWN, ask, configurations, ok, shared};
use crate::rights::branches::{fail_at, let_others_create};

pub async fn in_every_branch(scene: &Scene) {
    create(scene).await;
    read(scene).await;
    update(scene).await;
    share(scene).await;
    tell(scene).await;
    delete(scene).await;
}

async fn create(scene: &Scene) {
    let Scene { watched, api, .. } = scene;
    let mut given = scene.open("given");
    given["slug"] = json!("given");
    let in_workspace = |name: &str| {
        let mut body = scene.open("of a workspace");
        body["workspace_id"] = json!(name);
        body
    };
    let requests = [
        // The second gets another slug and shares the name.
        ("POST", "", scene.open("made"), 200),
        ("POST", "", scene.open("made"), 200),
        ("POST", "", given.clone(), 200),
        ("POST", "", given, 409),
        ("POST", "", in_workspace("ws-default"), 200),
        ("POST", "", in_workspace("unknown"), 404),
        ("POST", "", in_workspace(UNKNOWN), 404),
        ("POST", "", scene.with_token("secretive", "one"), 200),
    ];
    ask(api, INTEGRATIONS, &requests).await;

    // It cannot be made, so the row is given up.
    fail_at(watched, "CreateSecret", Fault::Throttle);
    let refused = scene.with_token("refused", "one");
    ask(api, INTEGRATIONS, &[("POST", "", refused, 503)]).await;
    let_others_create(watched);
    let there = scene.with_token("there", "one");
    ask(api, INTEGRATIONS, &[("POST", "", there, 500)]).await;
    watched.calm();
}

async fn read(scene: &Scene) {
    let Scene { watched, api, .. } = scene;
    let mut requests = Vec::new();
    for query in [
        "",
        "?search=MADE&page_size=1",
        "?search=nothing",
        "?type=organisation",
        "?type=workspace",
        "?workspace_id=ws-default",
        "?workspace_id=ws-default&type=organisation",
        "?workspace_id=ws-default&type=workspace",
    ] {
        requests.push(("GET", query, Value::Null, 200));
    }
    for below in ["", "/workspaces", "/capabilities", "/metadata"] {
        for (name, expected) in [
            ("given", 200),
            ("of-a-workspace", 200),
            ("unknown", 404),
            (UNKNOWN, 404),
        ] {
            let path = format!("/{name}{below}").leak();
            requests.push(("GET", path, Value::Null, expected));
        }
    }
    requests.push(("GET", "/given/workspaces?version=2", Value::Null, 200));
    requests.push(("GET", "?workspace_id=unknown", Value::Null, 404));
    ask(api, INTEGRATIONS, &requests).await;
    // Of what belongs to a workspace its key sees its own.
    let of_workspace = watched.portkey_with(&watched.acme().workspace_service_key);
    ask(
        &of_workspace,
        INTEGRATIONS,
        &[("GET", "", Value::Null, 200)],
    )
    .await;
}

async fn update(scene: &Scene) {
    let Scene {
        watched, api, peer, ..
    } = scene;
    let id = id_of(&ok(api.post(INTEGRATIONS, &scene.open("changed")).await));
    let path = format!("{INTEGRATIONS}/{id}");
    let configure =
        |token: &str| json!({ "auth_type": "headers", "configurations": configurations(token) });
    let requests = [
        ("PUT", "", json!({ "name": "renamed" }), 200),
        ("PUT", "", json!({ "name": "given" }), 409),
        ("PUT", "", json!({ "description": "new" }), 200),
        ("PUT", "", json!({ "url": peer.named_url() }), 200),
        ("PUT", "", json!({ "url": peer.url }), 200),
    ];
    ask(api, &path, &requests).await;

    // The first credential, another one, the same once more, and none.
    fail_at(watched, "CreateSecret", Fault::Throttle);
    ask(api, &path, &[("PUT", "", configure("one"), 503)]).await;
    let_others_create(watched);
    ask(api, &path, &[("PUT", "", configure("one"), 500)]).await;
    watched.calm();
    let requests = [
        ("PUT", "", configure("one"), 200),
        ("PUT", "", configure("two"), 200),
        ("PUT", "", configure("two"), 200),
    ];
    ask(api, &path, &requests).await;
    fail_at(watched, "PutSecretValue", Fault::LoseAnswer);
    let answer = api.put(&path, &configure("three")).await;
    assert!(answer.status >= 500, "{answer:?}");
    watched.calm();

    // What becomes something else ends the incident of what it was.
    peer.set_bearer("three");
    ask(api, &path, &[("POST", "/test", Value::Null, 200)]).await;
    ask(api, &path, &[("PUT", "", configure("three"), 200)]).await;
    peer.clear_credential();
    let none = json!({ "auth_type": "none", "configurations": { "custom_headers": null } });
    ask(api, &path, &[("PUT", "", none, 200)]).await;

    let nothing = json!({ "name": "nothing" });
    let requests = [
        ("PUT", "/given", json!({ "description": "by slug" }), 200),
        ("PUT", "/unknown", nothing.clone(), 404),
        ("PUT", &format!("/{UNKNOWN}"), nothing, 404),
    ];
    ask(api, INTEGRATIONS, &requests).await;
}

async fn share(scene: &Scene) {
    let Scene { api, .. } = scene;
    let id = id_of(&ok(api.post(INTEGRATIONS, &scene.open("shared")).await));
    let path = format!("{INTEGRATIONS}/{id}/workspaces");
    let none_but = |workspaces: Value| json!({ "workspaces": workspaces, "override_existing_workspace_access": true });
    let for_all = |enabled: bool| json!({ "workspaces": [], "global_workspace_access": { "enabled": enabled } });
    let requests = [
        ("PUT", "", shared(true), 200),
        ("GET", "", Value::Null, 200),
        // Nothing new, and the contrary.
        ("PUT", "", shared(true), 200),
        ("PUT", "", shared(false), 200),
        (
            "PUT",
            "",
            none_but(json!([{ "id": "ws-default", "enabled": true }])),
            200,
        ),
        ("PUT", "", none_but(json!([])), 200),
        ("PUT", "", for_all(true), 200),
        ("PUT", "", for_all(true), 200),
        ("PUT", "", for_all(false), 200),
        (
            "PUT",
            "",
            json!({ "workspaces": [{ "id": "unknown", "enabled": true }] }),
            400,
        ),
        (
            "PUT",
            "",
            json!({ "workspaces": [{ "id": UNKNOWN, "enabled": true }] }),
            400,
        ),
    ];
    ask(api, &path, &requests).await;
    let requests = [
        ("PUT", "/of-a-workspace/workspaces", shared(true), 400),
        ("PUT", "/of-a-workspace/workspaces", for_all(true), 400),
        ("PUT", "/unknown/workspaces", shared(true), 404),
    ];
    ask(api, INTEGRATIONS, &requests).await;
}

/// What an integration's server offers: found, told and switched off.
async fn tell(scene: &Scene) {
    let Scene { api, .. } = scene;
    let id = id_of(&ok(api.post(INTEGRATIONS, &scene.open("told")).await));
    let path = format!("{INTEGRATIONS}/{id}");
    let capability = |enabled: bool| json!({ "capabilities": [{ "name": "tool-000", "type": "tool", "enabled": enabled }] });
    let told = |name: &str| json!({ "capabilities": [{ "name": name, "type": "prompt" }], "server_info": { "name": name } });
    let requests = [
        ("POST", "/sync", told("before it was checked"), 200),
        ("POST", "/test", Value::Null, 200),
        ("POST", "/sync", told("first"), 200),
        (
            "POST",
            "/sync",
            json!({ "server_info": { "name": "second" } }),
            200,
        ),
        ("PUT", "/capabilities", capability(false), 200),
        ("PUT", "/capabilities", capability(true), 200),
        ("GET", "/capabilities", Value::Null, 200),
        ("GET", "/metadata", Value::Null, 200),
    ];
    ask(api, &path, &requests).await;
    let requests = [
        ("PUT", "/given/capabilities", capability(false), 200),
        ("POST", "/given/sync", told("by slug"), 200),
        ("POST", "/given/sync", Value::Null, 200),
        ("POST", "/given/test", Value::Null, 200),
        ("PUT", "/unknown/capabilities", capability(false), 404),
        ("POST", "/unknown/sync", told("nobody"), 404),
        ("POST", "/unknown/test", Value::Null, 404),
    ];
    ask(api, INTEGRATIONS, &requests).await;
}

async fn delete(scene: &Scene) {
    let Scene { watched, api, .. } = scene;
    let id = scene.integration(&scene.with_token("left", "one")).await;
    // Other functions remove what was shared as well.
    let natively = scene
        .integration(&scene.with_token("left natively", "one"))
        .await;
    let path = format!("/api/mcp-connections/{natively}");
    assert_eq!(watched.api().delete(&path).await.status, 204);
    let requests = [
        ("POST", &*format!("/{id}/test"), Value::Null, 200),
        ("DELETE", &*format!("/{id}"), Value::Null, 200),
        ("DELETE", &*format!("/{id}"), Value::Null, 404),
        ("DELETE", "/given", Value::Null, 200),
        ("DELETE", "/given", Value::Null, 404),
    ];
    ask(api, INTEGRATIONS, &requests).await;
}
