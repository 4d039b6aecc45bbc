//! Servers, and which users may use them.

use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, Scene, UNKNOWN, ask, shared};

pub async fn in_every_branch(scene: &Scene) {
    create(scene).await;
    read(scene).await;
    update(scene).await;
    tell(scene).await;
    let_users_in(scene).await;
    archive(scene).await;
}

async fn create(scene: &Scene) {
    let id = scene.integration(&scene.open("publishable")).await;
    let unshared = scene.open("unshared");
    ask(&scene.api, INTEGRATIONS, &[("POST", "", unshared, 200)]).await;
    let server = |name: &str, of: &str, workspace: &str| json!({ "name": name, "mcp_integration_id": of, "workspace_id": workspace });
    let mut given = server("given", &id, "ws-default");
    given["slug"] = json!("given");
    let requests = [
        // The second gets another slug.
        ("POST", "", server("a server", &id, "ws-default"), 200),
        (
            "POST",
            "",
            server(
                "a server",
                "publishable",
                &scene.watched.acme().workspace_id,
            ),
            200,
        ),
        ("POST", "", given.clone(), 200),
        ("POST", "", given, 409),
        ("POST", "", server("x", &id, "unknown"), 404),
        ("POST", "", server("x", "unknown", "ws-default"), 404),
        ("POST", "", server("x", UNKNOWN, "ws-default"), 404),
        ("POST", "", server("x", "unshared", "ws-default"), 403),
    ];
    ask(&scene.api, SERVERS, &requests).await;
}

async fn read(scene: &Scene) {
    let secretive = scene
        .integration(&scene.with_token("with a token", "one"))
        .await;
    let secretive = scene.server(&secretive).await;
    let in_workspace = "workspace_id=ws-default";
    let mut requests = vec![
        ("GET", format!("?{in_workspace}"), 200),
        (
            "GET",
            format!("?{in_workspace}&page_size=1&search=GIVEN"),
            200,
        ),
        (
            "GET",
            format!("?{in_workspace}&id={secretive},{UNKNOWN}&search=pub"),
            200,
        ),
        ("GET", format!("?{in_workspace}&id={UNKNOWN}"), 200),
    ];
    for below in ["", "/capabilities", "/metadata", "/user-access"] {
        for (name, query, expected) in [
            (secretive.as_str(), String::new(), 200),
            ("given", format!("?{in_workspace}"), 200),
            ("unknown", String::new(), 404),
            (UNKNOWN, String::new(), 404),
        ] {
            requests.push(("GET", format!("/{name}{below}{query}"), expected));
        }
    }
    for client in [&scene.api, &scene.user, &scene.gateway] {
        for (method, below, expected) in &requests {
            ask(client, SERVERS, &[(*method, below, Value::Null, *expected)]).await;
        }
    }
    let elsewhere = ("GET", "?workspace_id=unknown", Value::Null, 404);
    ask(&scene.api, SERVERS, &[elsewhere]).await;
}

async fn update(scene: &Scene) {
    let requests = [
        ("PUT", "/given", json!({ "name": "renamed" }), 200),
        (
            "PUT",
            "/given",
            json!({ "description": "new", "workspace_id": "ws-default" }),
            200,
        ),
        ("PUT", "/unknown", json!({ "name": "renamed" }), 404),
    ];
    ask(&scene.api, SERVERS, &requests).await;
}

/// What a server offers: found, told and switched off.
async fn tell(scene: &Scene) {
    let Scene { api, gateway, .. } = scene;
    let capability = |enabled: bool| json!({ "capabilities": [{ "name": "tool-000", "type": "tool", "enabled": enabled }] });
    let told = |name: &str| json!({ "capabilities": [{ "name": name, "type": "prompt" }] });
    let introduced = |name: &str| json!({ "server_name": name });
    // What nobody told of yet is told for the first time, once by each.
    for (sync, first) in [
        ("/capabilities/sync", told("first")),
        ("/metadata/sync", introduced("first")),
    ] {
        let integration = scene.integration(&scene.open("told of")).await;
        let server = scene.server(&integration).await;
        let path = format!("{SERVERS}/{server}");
        ask(gateway, &path, &[("POST", sync, first.clone(), 200)]).await;
        let test = format!("{INTEGRATIONS}/{integration}");
        ask(api, &test, &[("POST", "/test", Value::Null, 200)]).await;
        let requests = [
            ("POST", sync, first, 200),
            ("POST", "/capabilities/sync", told("second"), 200),
            ("POST", "/metadata/sync", introduced("second"), 200),
            ("PUT", "/capabilities", capability(false), 200),
            ("PUT", "/capabilities", capability(true), 200),
            ("GET", "/capabilities", Value::Null, 200),
            ("GET", "/metadata", Value::Null, 200),
        ];
        ask(api, &path, &requests).await;
    }
    for name in ["unknown", UNKNOWN] {
        let requests = [
            ("POST", "/capabilities/sync", told("x"), 404),
            ("POST", "/metadata/sync", introduced("x"), 404),
            ("PUT", "/capabilities", capability(false), 404),
            ("POST", "/test", Value::Null, 404),
        ];
        ask(api, &format!("{SERVERS}/{name}"), &requests).await;
    }
    let by_slug = [
        (
            "POST",
            "/capabilities/sync?workspace_id=ws-default",
            told("x"),
            200,
        ),
        ("POST", "/metadata/sync", introduced("x"), 200),
        ("PUT", "/capabilities", capability(false), 200),
        ("POST", "/test", Value::Null, 200),
    ];
    ask(api, &format!("{SERVERS}/given"), &by_slug).await;
}

async fn let_users_in(scene: &Scene) {
    let Scene { api, user, .. } = scene;
    let integration = scene.integration(&scene.open("guarded")).await;
    let path = format!("{SERVERS}/{}", scene.server(&integration).await);
    let say =
        |id: &str, enabled: bool| json!({ "user_access": [{ "user_id": id, "enabled": enabled }] });
    let id = scene.user_id();
    let check = ("GET", "/user-access/check", Value::Null, 200);
    ask(user, &path, std::slice::from_ref(&check)).await;
    let requests = [
        ("PUT", "/user-access", say(id, false), 200),
        ("PUT", "/user-access", say(id, true), 200),
        ("PUT", "/user-access", say(id, true), 200),
        ("PUT", "/user-access", say(UNKNOWN, true), 400),
        (
            "PUT",
            "/user-access",
            json!({ "default_user_access": "deny" }),
            200,
        ),
        (
            "PUT",
            "/user-access",
            json!({ "default_user_access": "deny" }),
            200,
        ),
        ("GET", "/user-access", Value::Null, 200),
        ("GET", "/user-access?search=nobody&page=1", Value::Null, 200),
        check.clone(),
    ];
    ask(api, &path, &requests).await;
    ask(user, &path, std::slice::from_ref(&check)).await;
    for name in ["unknown", UNKNOWN] {
        let requests = [
            ("PUT", "/user-access", say(id, true), 404),
            ("GET", "/user-access/check", Value::Null, 404),
        ];
        ask(api, &format!("{SERVERS}/{name}"), &requests).await;
    }
    // What the workspace may not use any more.
    let sharing = format!("{INTEGRATIONS}/{integration}");
    ask(api, &sharing, &[("PUT", "/workspaces", shared(false), 200)]).await;
    ask(user, &path, &[check]).await;
}

/// Nothing is behind a server any more, and then it goes as well.
async fn archive(scene: &Scene) {
    let integration = scene.integration(&scene.open("short-lived")).await;
    let server = scene.server(&integration).await;
    let gone = format!("/{integration}");
    ask(
        &scene.api,
        INTEGRATIONS,
        &[("DELETE", &gone, Value::Null, 200)],
    )
    .await;
    let path = format!("{SERVERS}/{server}");
    for client in [&scene.api, &scene.user, &scene.gateway] {
        let requests = [
            ("GET", "", Value::Null, 200),
            ("GET", "/capabilities", Value::Null, 404),
            ("GET", "/user-access/check", Value::Null, 200),
        ];
        ask(client, &path, &requests).await;
    }
    let requests = [
        ("POST", "/test", Value::Null, 200),
        ("DELETE", "", Value::Null, 200),
        ("DELETE", "", Value::Null, 404),
    ];
    ask(&scene.api, &path, &requests).await;
    let by_slug = ("DELETE", "/given?workspace_id=ws-default", Value::Null, 200);
    ask(&scene.api, SERVERS, &[by_slug]).await;
}
