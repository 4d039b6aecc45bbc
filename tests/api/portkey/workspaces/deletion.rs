//! How workspaces go, empty or with all that is in them.

use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use serde_json::{Value, json};

use super::super::{INTEGRATIONS, SERVERS, create, enable, ok, open, refused, text, with_headers};
use super::{WORKSPACES, found, remove, shown};

pub const USERS: [&str; 2] = [
    "7f000000-0000-4000-8000-000000000001",
    "7f000000-0000-4000-8000-000000000002",
];

/// A workspace in which there is one of everything, and the keys that open it.
pub struct Full {
    pub name: String,
    pub id: String,
    pub keys: Vec<String>,
    /// The organisation's integration that it was given, and its own.
    pub shared: String,
    pub own: String,
    pub servers: Vec<String>,
}

/// Makes one: two users with keys and tokens, a service key, an integration with a secret and one of the organisation's, a server of each.
pub async fn full(stack: &TestStack, peer: &Peer, name: &str) -> Full {
    let api = stack.portkey();
    let id = found(&api, &json!({ "name": name, "users": USERS })).await;
    let shared = create(&api, &json!({ "name": format!("shared with {name}"), "url": peer.url, "auth_type": "oauth_auto", "transport": "http" })).await;
    enable(stack, &shared, &id, true).await;
    let mut own = with_headers(
        "own",
        &peer.url,
        json!({ "authorization": "Bearer s3cret" }),
    );
    own["workspace_id"] = json!(id);
    let own = create(&api, &own).await;
    let mut servers = Vec::new();
    for integration in [&shared, &own] {
        let body =
            json!({ "name": "server", "mcp_integration_id": integration, "workspace_id": id });
        servers.push(text(&ok(&api.post(SERVERS, &body).await)["id"]));
    }
    let scopes = [
        "mcp_servers.list",
        "mcp_servers.read",
        "mcp_servers.update",
        "mcp.invoke",
    ];
    let mut keys = Vec::new();
    for user in [None, Some(USERS[0]), Some(USERS[1])] {
        let kind = if user.is_some() { "user" } else { "service" };
        let body = json!({ "name": "x", "workspace_id": id, "user_id": user, "scopes": scopes });
        let made = ok(&api
            .post(&format!("/v1/api-keys/workspace/{kind}"), &body)
            .await);
        keys.push(text(&made["key"]));
        if user.is_some() {
            let tokens = json!({ "access_token": "s3cret-of-a-user", "token_type": "Bearer" });
            let user = stack.portkey_with(made["key"].as_str().unwrap());
            ok(&user
                .put(&format!("{SERVERS}/{}/tokens", servers[0]), &tokens)
                .await);
        }
    }
    ok(&api
        .put(
            &format!("{SERVERS}/{}/capabilities", servers[0]),
            &json!({ "capabilities": [{ "name": "x", "type": "tool", "enabled": false }] }),
        )
        .await);
    Full {
        name: name.to_owned(),
        id,
        keys,
        shared,
        own,
        servers,
    }
}

/// That nothing is left of it but what the audit trail tells, and nothing else was harmed.
pub async fn is_gone(stack: &TestStack, full: &Full) {
    let api = stack.portkey();
    refused(
        &api.get(&format!("{WORKSPACES}/{}", full.id)).await,
        404,
        "AB08",
    );
    for key in &full.keys {
        refused(&stack.portkey_with(key).get(SERVERS).await, 401, "AB05");
    }
    for server in &full.servers {
        refused(&api.get(&format!("{SERVERS}/{server}")).await, 404, "AB08");
    }
    refused(
        &api.get(&format!("{INTEGRATIONS}/{}", full.own)).await,
        404,
        "AB08",
    );
    assert_eq!(
        stack
            .api()
            .get(&format!("/api/mcp-connections/{}", full.own))
            .await
            .status,
        404
    );
    assert_eq!(
        super::super::integration(&api, &full.shared).await["status"],
        "active"
    );
    let said = ok(&api
        .get(&format!("{INTEGRATIONS}/{}/workspaces", full.shared))
        .await);
    assert_eq!(said["workspaces"], json!([]));
    let (name, nothing) = (&full.name, Vec::<String>::new());
    assert_eq!(stack.stack.secrets_manager.names(), nothing, "{name}");
    assert_eq!(stored::flaws(&stack.stack), nothing, "{name}");
    let left: Vec<_> = stored::items(&stack.stack)
        .into_iter()
        .filter(|item| !item.pk().contains("#LIST#AUDIT") && item.0["listed"] != 0)
        .map(|item| item.0.to_string())
        .filter(|item| {
            item.contains(&full.id) || full.servers.iter().any(|server| item.contains(server))
        })
        .collect();
    assert_eq!(left, nothing, "{name}");
}

#[tokio::test]
async fn the_default_workspace_stays() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    for body in [
        None,
        Some(json!({})),
        Some(json!({ "force_delete": true })),
        Some(json!({ "name": "Default", "force_delete": true })),
    ] {
        for named in ["ws-default", &stack.acme().workspace_id] {
            let told = refused(&remove(&api, named, body.clone()).await, 409, "AB07");
            assert!(told.contains("default workspace"), "{told}");
        }
    }
    // Nothing of it is gone.
    ok(&stack
        .portkey_with(&stack.acme().workspace_user_key)
        .get(SERVERS)
        .await);
    assert_eq!(
        ok(&api.get(&format!("{WORKSPACES}/ws-default/users")).await)["total"],
        1
    );
    assert_eq!(ok(&api.get("/v1/api-keys").await)["total"], 3);
}

/// Each thing in it keeps a workspace, and it goes when the last one is gone. Users are no such thing.
#[tokio::test]
async fn what_is_in_use_stays_until_it_is_empty() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let id = found(&api, &json!({ "name": "In use", "users": USERS })).await;
    let shared = create(&api, &open("shared")).await;
    enable(&stack, &shared, &id, true).await;
    let mut of_workspace = open("own");
    of_workspace["workspace_id"] = json!(id);
    for (path, body) in [
        (
            "/v1/api-keys/workspace/service",
            json!({ "name": "x", "scopes": [] }),
        ),
        (
            "/v1/api-keys/workspace/user",
            json!({ "name": "x", "scopes": [], "user_id": USERS[0] }),
        ),
        (INTEGRATIONS, open("own")),
        (
            SERVERS,
            json!({ "name": "x", "mcp_integration_id": shared }),
        ),
    ] {
        let mut body = body;
        body["workspace_id"] = json!(id);
        let made = text(&ok(&api.post(path, &body).await)["id"]);
        for body in [
            None,
            Some(json!({})),
            Some(json!({ "force_delete": false })),
            Some(json!({ "name": "In use", "force_delete": null })),
        ] {
            let told = refused(&remove(&api, &id, body).await, 409, "AB07");
            assert!(told.contains("force_delete"), "{told}");
        }
        assert_eq!(
            ok(&api.get(&format!("{WORKSPACES}/{id}/users")).await)["total"],
            2,
            "nothing has begun"
        );
        let noun = path.split("/workspace/").next().unwrap();
        ok(&api.delete(&format!("{noun}/{made}")).await);
    }
    // The name guards against a slip.
    for body in [
        json!({ "name": "In" }),
        json!({ "name": "in use" }),
        json!({ "name": "In used", "force_delete": true }),
    ] {
        let told = refused(&remove(&api, &id, Some(body)).await, 400, "AB01");
        assert_eq!(told, "name is not the name of this workspace");
    }
    for body in [
        json!({ "name": 7 }),
        json!({ "force_delete": "yes" }),
        json!([]),
    ] {
        refused(&remove(&api, &id, Some(body)).await, 400, "AB01");
    }
    assert_eq!(shown(&api, "in-use").await["id"], json!(id));
    assert_eq!(
        ok(&remove(&api, "in-use", Some(json!({ "name": "In use" }))).await),
        json!({})
    );
    for body in [
        None,
        Some(json!({ "name": "In use", "force_delete": true })),
    ] {
        assert_eq!(
            refused(&remove(&api, &id, body).await, 404, "AB08"),
            "workspace not found"
        );
    }
    let gone = Full {
        name: "In use".to_owned(),
        id,
        keys: Vec::new(),
        shared,
        own: stack.acme().user_id.clone(),
        servers: Vec::new(),
    };
    is_gone(&stack, &gone).await;
}

#[tokio::test]
async fn with_force_goes_all_that_is_in_it_and_nothing_else() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let secrets = || stack.stack.secrets_manager.names().len();
    let kept = full(&stack, &peer, "Kept").await;
    let kept_secrets = secrets();
    assert_eq!(kept_secrets, 3, "of two users and an integration");
    let before = ok(&api
        .get(&format!("/v1/api-keys?workspace_id={}", kept.id))
        .await);
    let gone = full(&stack, &peer, "Gone").await;
    assert_eq!(secrets(), 2 * kept_secrets);
    refused(
        &remove(
            &api,
            "gone",
            Some(json!({ "name": "Kept", "force_delete": true })),
        )
        .await,
        400,
        "AB01",
    );
    refused(
        &remove(&api, "gone", Some(json!({ "name": "Gone" }))).await,
        409,
        "AB07",
    );
    assert_eq!(secrets(), 2 * kept_secrets);
    for key in &gone.keys {
        assert_eq!(ok(&stack.portkey_with(key).get(SERVERS).await)["total"], 2);
    }

    let body = json!({ "name": "Gone", "force_delete": true });
    assert_eq!(
        ok(&remove(&api, "gone", Some(body.clone())).await),
        json!({})
    );
    refused(&remove(&api, "gone", Some(body)).await, 404, "AB08");

    // The other one has all that it had.
    assert_eq!(secrets(), kept_secrets);
    assert_eq!(
        ok(&api
            .get(&format!("/v1/api-keys?workspace_id={}", kept.id))
            .await),
        before
    );
    for key in &kept.keys {
        assert_eq!(ok(&stack.portkey_with(key).get(SERVERS).await)["total"], 2);
    }
    let connections = ok(&api
        .get(&format!(
            "{SERVERS}/{}/connections?workspace_id=kept",
            kept.servers[0]
        ))
        .await);
    assert_eq!(connections["total"], 2);
    assert_eq!(
        super::super::integration(&api, &kept.own).await["type"],
        "workspace"
    );

    // Who removed what is on record.
    let trail = ok(&api.get("/v1/audit-logs?page_size=500").await);
    let deleted = |kind: &str| {
        let rows = trail["data"].as_array().unwrap().iter();
        rows.filter(|row| row["action"] == "delete" && row["resource_type"] == kind)
            .count()
    };
    let counts = [
        "api_key",
        "mcp_server",
        "user_connection",
        "mcp_integration",
        "workspace",
    ]
    .map(deleted);
    assert_eq!(counts, [3, 2, 2, 1, 1]);

    ok(&remove(&api, &kept.id, Some(json!({ "force_delete": true }))).await);
    is_gone(&stack, &gone).await;
    is_gone(&stack, &kept).await;
    assert_eq!(super::names(&ok(&api.get(WORKSPACES).await)), ["Default"]);
    assert_eq!(ok(&api.get("/v1/api-keys").await)["total"], 3);
    // Its slug is free, and who comes after inherits nothing.
    let heir = found(&api, &json!({ "name": "Gone" })).await;
    assert_eq!(
        ok(&api.get(&format!("{WORKSPACES}/gone/users")).await)["total"],
        0
    );
    let of_heir = async |path: &str| {
        ok(&api.get(&format!("{path}?workspace_id={heir}")).await)["total"].clone()
    };
    for path in ["/v1/api-keys", SERVERS, INTEGRATIONS] {
        assert_eq!(of_heir(path).await, Value::from(0), "{path}");
    }
}
