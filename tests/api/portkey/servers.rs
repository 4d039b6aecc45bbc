//! Servers: an integration in a workspace, and the connections of its users.

use futures::future::join_all;
use harness::{client::Client, stack::TestStack};
use http::Method;
use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, create, enable, key, ok, open, publish, refused, text};

fn body(integration: &str, workspace: &str) -> Value {
    json!({ "name": "a server", "mcp_integration_id": integration, "workspace_id": workspace })
}

#[tokio::test]
async fn a_server_is_made_of_an_integration_that_the_workspace_may_use() {
    let stack = TestStack::start().await;
    let (api, workspace) = (stack.portkey(), stack.acme().workspace_id.clone());
    let integration = create(&api, &open("Weather")).await;
    let wanted = body("weather", "ws-default");
    assert!(refused(&api.post(SERVERS, &wanted).await, 403, "AB03").contains("not enabled"));
    enable(&stack, &integration, &workspace, true).await;
    let made = ok(&api.post(SERVERS, &wanted).await);
    assert_eq!(made["slug"], "a-server");
    let id = text(&made["id"]);
    let shown = ok(&api.get(&format!("{SERVERS}/a-server")).await);
    assert_eq!(
        shown,
        ok(&api
            .get(&format!("/v2/mcp-servers/{id}?workspace_id={workspace}"))
            .await)
    );
    for (member, expected) in [
        ("id", json!(id)),
        ("name", json!("a server")),
        ("status", json!("active")),
        ("mcp_integration_id", json!(integration)),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert!(
        shown
            .get("mcp_integration_details")
            .is_none_or(Value::is_null),
        "only the gateway is shown them"
    );

    let listed = ok(&api.get(&format!("{SERVERS}?workspace_id=ws-default")).await);
    assert_eq!(
        (&listed["total"], &listed["has_more"]),
        (&json!(1), &json!(false))
    );
    let row = &listed["data"][0];
    for (member, expected) in [
        ("id", json!(id)),
        ("workspace_id", json!(workspace)),
        ("workspace_slug", json!("ws-default")),
        ("mcp_integration_slug", json!("weather")),
        ("mcp_integration_url", json!("https://mcp.example.com/mcp")),
        ("auth_type", json!("none")),
        ("organisation_id", json!(stack.acme().tenant_id)),
    ] {
        assert_eq!(row[member], expected, "{member}");
    }
    assert!(text(&row["url"]).ends_with("/a-server/mcp"), "{row}");

    // Its integration goes, and it is in the archive.
    ok(&api.delete(&format!("{INTEGRATIONS}/{integration}")).await);
    assert_eq!(
        ok(&api.get(&format!("{SERVERS}/{id}")).await)["status"],
        "archived"
    );
    let told = ok(&api
        .send(Method::POST, &format!("{SERVERS}/{id}/test"), &[], None)
        .await);
    assert_eq!(told["success"], false, "{told}");
    assert_eq!(ok(&api.delete(&format!("{SERVERS}/{id}")).await), json!({}));
    refused(&api.get(&format!("{SERVERS}/{id}")).await, 404, "AB08");
    assert_eq!(
        ok(&api.get(&format!("{SERVERS}?workspace_id=ws-default")).await)["total"],
        0
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (integration, _) = publish(&stack, "there").await;
    let change = |member: &str, value: Value| {
        let mut wanted = body(&integration, "ws-default");
        wanted[member] = value;
        wanted
    };
    let long = |n: usize| json!("x".repeat(n));
    for (wanted, told) in [
        (
            json!({}),
            "name is required; mcp_integration_id is required",
        ),
        (change("name", json!("")), "name must be 1 to 255"),
        (change("name", long(256)), "name must be 1 to 255"),
        (
            change("description", long(501)),
            "description must be at most 500",
        ),
        (change("slug", json!("ab")), "slug must be 3 to 50"),
        (change("slug", long(51)), "slug must be 3 to 50"),
        (change("slug", json!("a b c")), "slug must match"),
        (
            json!({ "name": "x", "mcp_integration_id": integration }),
            "workspace_id is required",
        ),
    ] {
        let message = refused(&api.post(SERVERS, &wanted).await, 400, "AB01");
        assert!(message.contains(told), "{wanted}: {message}");
    }
    for (member, value) in [
        ("slug", long(50)),
        ("slug", json!("a_B")),
        ("description", json!(null)),
        ("name", long(255)),
    ] {
        ok(&api.post(SERVERS, &change(member, value)).await);
    }
    refused(
        &api.post(SERVERS, &change("mcp_integration_id", json!("unknown")))
            .await,
        404,
        "AB08",
    );
    refused(
        &api.post(SERVERS, &change("workspace_id", json!("ws-unknown")))
            .await,
        404,
        "AB08",
    );
    refused(&api.get(SERVERS).await, 400, "AB01");
    for query in ["page_size=0", "page_size=101", "current_page=x"] {
        refused(
            &api.get(&format!("{SERVERS}?workspace_id=ws-default&{query}"))
                .await,
            400,
            "AB01",
        );
    }
    // A workspace's key has its workspace, and no other.
    let workspace_key = stack.portkey_with(&stack.acme().workspace_service_key);
    let mut own = body(&integration, "");
    own.as_object_mut().unwrap().remove("workspace_id");
    ok(&workspace_key.post(SERVERS, &own).await);
    let other = text(
        &ok(&api
            .post("/v1/admin/workspaces", &json!({ "name": "Other" }))
            .await)["id"],
    );
    refused(
        &workspace_key
            .post(SERVERS, &body(&integration, &other))
            .await,
        403,
        "AB03",
    );
    refused(
        &workspace_key
            .get(&format!("{SERVERS}?workspace_id={other}"))
            .await,
        403,
        "AB03",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_slug_exactly_one_gets_it() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (integration, _) = publish(&stack, "there").await;
    let mut wanted = body(&integration, "ws-default");
    wanted["slug"] = json!("wanted");
    let answers = join_all((0..64).map(|_| api.post(SERVERS, &wanted))).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(409)), (1, 63));
    // Without a slug each gets one of its own.
    let free = body(&integration, "ws-default");
    let answers = join_all((0..64).map(|_| api.post(SERVERS, &free))).await;
    let mut slugs: Vec<_> = answers
        .iter()
        .map(|answer| text(&ok(answer)["slug"]))
        .collect();
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 64);
    let listed = ok(&api.get(&format!("{SERVERS}?workspace_id=ws-default")).await);
    assert_eq!(
        (&listed["total"], listed["data"].as_array().unwrap().len()),
        (&json!(66), 66)
    );
}

#[tokio::test]
async fn a_list_is_paged_searched_and_narrowed() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (integration, first) = publish(&stack, "alpha").await;
    let mut ids = vec![first];
    for name in ["beta", "gamma", "alphabet", "delta"] {
        let mut wanted = body(&integration, "ws-default");
        wanted["name"] = json!(name);
        ids.push(text(&ok(&api.post(SERVERS, &wanted).await)["id"]));
    }
    let page = async |query: &str| {
        ok(&api
            .get(&format!("{SERVERS}?workspace_id=ws-default&{query}"))
            .await)
    };
    let names = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| text(&row["name"]))
            .collect::<Vec<_>>()
    };
    for (query, expected, total, more) in [
        ("page_size=2", vec!["alpha", "beta"], 5, true),
        (
            "page_size=2&current_page=1",
            vec!["gamma", "alphabet"],
            5,
            true,
        ),
        ("page_size=2&current_page=2", vec!["delta"], 5, false),
        ("page_size=2&current_page=3", vec![], 5, false),
        ("search=ALPHA", vec!["alpha", "alphabet"], 2, false),
        (
            "search=alpha&page_size=1&current_page=1",
            vec!["alphabet"],
            2,
            false,
        ),
        (
            &format!("id={},{}", ids[4], ids[1]),
            vec!["delta", "beta"],
            2,
            false,
        ),
        (&format!("id={}&search=beta", ids[0]), vec![], 0, false),
    ] {
        let found = page(query).await;
        assert_eq!(
            (names(&found), &found["total"], &found["has_more"]),
            (
                expected.into_iter().map(str::to_owned).collect(),
                &json!(total),
                &json!(more)
            ),
            "{query}"
        );
    }
    let renamed = api
        .put(
            &format!("{SERVERS}/{}", ids[1]),
            &json!({ "name": "omega", "description": "new" }),
        )
        .await;
    assert_eq!(ok(&renamed), json!({}));
    assert_eq!(names(&page("search=omega").await), ["omega"]);
    assert_eq!(page("search=beta").await["total"], 0);
    refused(
        &api.put(&format!("{SERVERS}/{}", ids[1]), &json!({})).await,
        400,
        "AB01",
    );
    assert_eq!(
        ok(&api.get(&format!("{SERVERS}/{}", ids[1])).await)["description"],
        "new"
    );
}

/// Adds a user to the default workspace and gives a key that acts as him, and his id.
async fn user(stack: &TestStack, n: u32, role: &str) -> (Client, String) {
    let id = format!("7f000000-0000-4000-8000-{n:012}");
    let add = json!({ "users": [{ "id": id, "role": role, "first_name": format!("User {n}") }] });
    ok(&stack
        .portkey()
        .post("/v1/admin/workspaces/ws-default/users", &add)
        .await);
    let wanted = json!({ "name": "x", "workspace_id": "ws-default", "user_id": id, "scopes": ["mcp_servers.read", "mcp_servers.update", "mcp.invoke"] });
    let made = ok(&stack
        .portkey()
        .post("/v1/api-keys/workspace/user", &wanted)
        .await);
    (stack.portkey_with(made["key"].as_str().unwrap()), id)
}

/// The seed of the project: whose connections somebody sees, and whose he may end.
#[tokio::test]
async fn users_connections_are_shown_by_who_asks() {
    let stack = TestStack::start().await;
    let (_, server) = publish(&stack, "oauth").await;
    let path = format!("{SERVERS}/{server}/connections");
    let (first, first_id) = user(&stack, 1, "member").await;
    let (second, second_id) = user(&stack, 2, "manager").await;
    let (third, third_id) = user(&stack, 3, "member").await;
    for client in [&first, &second, &third] {
        let tokens = json!({ "access_token": "t0ken-of-a-user", "token_type": "Bearer" });
        ok(&client
            .put(&format!("{SERVERS}/{server}/tokens"), &tokens)
            .await);
    }
    let users = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| text(&row["user_id"]))
            .collect::<Vec<_>>()
    };
    let all = [&first_id, &second_id, &third_id].map(String::clone);

    // A service key is shown all, or the one it names; an organisation's has to name the workspace.
    let organisation = stack.portkey();
    refused(&organisation.get(&path).await, 400, "AB01");
    let listed = ok(&organisation
        .get(&format!("{path}?workspace_id=ws-default"))
        .await);
    assert_eq!(
        (users(&listed), &listed["total"], &listed["has_more"]),
        (all.to_vec(), &json!(3), &json!(false))
    );
    assert_eq!(listed["data"][0]["connected"], true);
    assert!(
        listed["data"][0]["created_at"].is_string()
            && listed["data"][0]["last_updated_at"].is_string()
    );
    let service = stack.portkey_with(&stack.acme().workspace_service_key);
    assert_eq!(users(&ok(&service.get(&path).await)), all);
    assert_eq!(
        users(&ok(&service
            .get(&format!("{path}?user_id={second_id}"))
            .await)),
        std::slice::from_ref(&second_id)
    );
    let page = ok(&service
        .get(&format!("{path}?page_size=2&current_page=1"))
        .await);
    assert_eq!(
        (users(&page), &page["total"], &page["has_more"]),
        (vec![third_id.clone()], &json!(3), &json!(false))
    );
    let unknown = ok(&service
        .get(&format!(
            "{path}?user_id=01a20242-0000-7000-8000-000000000000"
        ))
        .await);
    assert_eq!((users(&unknown), &unknown["total"]), (vec![], &json!(0)));
    for query in [
        "page_size=501",
        "page_size=0",
        "current_page=-1",
        "user_id=x",
    ] {
        refused(&service.get(&format!("{path}?{query}")).await, 400, "AB01");
    }

    // A user is shown his own, and others where he leads the workspace.
    assert_eq!(
        users(&ok(&first.get(&path).await)),
        std::slice::from_ref(&first_id)
    );
    assert_eq!(
        users(&ok(&first.get(&format!("{path}?user_id={first_id}")).await)),
        std::slice::from_ref(&first_id)
    );
    refused(
        &first.get(&format!("{path}?user_id={second_id}")).await,
        403,
        "AB03",
    );
    assert_eq!(
        users(&ok(&second.get(&path).await)),
        std::slice::from_ref(&second_id)
    );
    assert_eq!(
        users(&ok(&second
            .get(&format!("{path}?user_id={third_id}"))
            .await)),
        std::slice::from_ref(&third_id)
    );

    // Another workspace's server is not there.
    let other = text(
        &ok(&organisation
            .post("/v1/admin/workspaces", &json!({ "name": "Other" }))
            .await)["id"],
    );
    refused(
        &organisation
            .get(&format!("{path}?workspace_id={other}"))
            .await,
        404,
        "AB08",
    );
    refused(
        &service.get(&format!("{path}?workspace_id={other}")).await,
        403,
        "AB03",
    );

    // Who may look may also end, and to end what is not there is well.
    assert!(refused(&service.delete(&path).await, 400, "AB01").contains("user_id"));
    refused(
        &first.delete(&format!("{path}?user_id={third_id}")).await,
        403,
        "AB03",
    );
    for _ in 0..2 {
        assert_eq!(ok(&first.delete(&path).await), json!({ "success": true }));
        assert_eq!(
            ok(&second.delete(&format!("{path}?user_id={third_id}")).await),
            json!({ "success": true })
        );
    }
    assert_eq!(
        users(&ok(&service.get(&path).await)),
        std::slice::from_ref(&second_id)
    );
    assert_eq!(
        ok(&organisation
            .delete(&format!(
                "{path}?workspace_id=ws-default&user_id={second_id}"
            ))
            .await),
        json!({ "success": true })
    );
    assert_eq!(ok(&service.get(&path).await)["total"], 0);
    assert_eq!(harness::stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn a_user_is_let_in_or_kept_out() {
    let stack = TestStack::start().await;
    let (integration, server) = publish(&stack, "guarded").await;
    let (client, id) = user(&stack, 7, "member").await;
    let api = stack.portkey();
    let check = async || {
        let told = ok(&client
            .get(&format!("/v2/mcp-servers/{server}/user-access/check"))
            .await);
        assert_eq!(
            (&told["allowed"], &told["user_id"], &told["mcp_server_id"]),
            (&told["has_access"], &json!(id), &json!(server))
        );
        told["allowed"].as_bool().unwrap()
    };
    let set = async |body: Value| {
        assert_eq!(
            ok(&api
                .put(&format!("{SERVERS}/{server}/user-access"), &body)
                .await),
            json!({ "success": true })
        )
    };
    assert!(check().await);
    set(json!({ "user_access": [{ "user_id": id, "enabled": false }] })).await;
    assert!(!check().await);
    set(json!({ "default_user_access": "deny", "user_access": [{ "id": id, "enabled": true }] }))
        .await;
    assert!(check().await);
    let listed = ok(&api.get(&format!("{SERVERS}/{server}/user-access")).await);
    assert_eq!(
        (&listed["default_user_access"], &listed["total"]),
        (&json!("deny"), &json!(2))
    );
    let row = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["user_id"] == id.as_str())
        .unwrap();
    assert_eq!(
        (
            &row["enabled"],
            &row["has_override"],
            &row["connection_status"]
        ),
        (&json!(true), &json!(true), &json!("not_connected"))
    );
    let found = ok(&api
        .get(&format!("{SERVERS}/{server}/user-access?search=user%207"))
        .await);
    assert_eq!(
        (&found["total"], &found["data"][0]["user_id"]),
        (&json!(1), &json!(id))
    );
    // Portkey's client for Python cannot read the word, so it is not sent to it.
    let python = [
        ("x-portkey-package-version", "portkey-2.3.4"),
        ("x-portkey-runtime", "CPython"),
    ];
    let told = ok(&api
        .send(
            Method::GET,
            &format!("{SERVERS}/{server}/user-access"),
            &python,
            None,
        )
        .await);
    assert!(told.get("default_user_access").is_none(), "{told}");
    refused(&api.put(&format!("{SERVERS}/{server}/user-access"), &json!({ "user_access": [{ "user_id": "01a20242-0000-7000-8000-000000000000", "enabled": true }] })).await, 400, "AB01");
    // Whatever is said of users: what the workspace may not use any more, nobody may.
    enable(&stack, &integration, &stack.acme().workspace_id, false).await;
    assert!(!check().await);
    let no_scope = key(&stack, "workspace/service", &["mcp_servers.list"]).await;
    refused(
        &stack
            .portkey_with(&no_scope)
            .get(&format!("{SERVERS}/{server}/user-access/check"))
            .await,
        403,
        "AB03",
    );
}
