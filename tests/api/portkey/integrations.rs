//! Integrations: what can be said of one, who sees which, and which workspaces may use it.

use futures::future::join_all;
use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use serde_json::{Value, json};

use super::{
    INTEGRATIONS, MASK, NOWHERE, create, enable, integration, key, ok, open, refused, text,
    with_headers,
};

fn names(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(&row["name"]))
        .collect()
}

#[tokio::test]
async fn what_was_created_is_shown_as_it_is_without_what_is_secret() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let body = json!({
        "name": "GitHub (production)", "url": NOWHERE, "auth_type": "headers", "transport": "sse", "description": "ours",
        "configurations": { "custom_headers": { "Authorization": "Bearer s3cret", "X-Team": "s3cret" }, "forward_headers": ["x-user-id"] },
        "secret_mappings": [{ "target_field": "configurations.oauth_metadata", "secret_reference_id": "vault-1", "value_format": "json" }],
        "organisation_id": stack.acme().tenant_id,
        "something_new": 1,
    });
    let made = ok(&api.post(INTEGRATIONS, &body).await);
    assert_eq!(made["slug"], "github-production");
    let id = text(&made["id"]);
    let shown = integration(&api, "github-production").await;
    assert_eq!(shown, integration(&api, &id).await, "by slug and by id");
    for (member, expected) in [
        ("id", json!(id)),
        ("name", body["name"].clone()),
        ("description", json!("ours")),
        ("url", json!(NOWHERE)),
        ("auth_type", json!("headers")),
        ("transport", json!("sse")),
        ("type", json!("organisation")),
        ("workspace_id", json!(null)),
        ("status", json!("active")),
        ("organisation_id", json!(stack.acme().tenant_id)),
        ("global_workspace_access", json!(null)),
        (
            "configurations",
            json!({ "custom_headers": { "Authorization": MASK, "X-Team": MASK }, "forward_headers": ["x-user-id"] }),
        ),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert_eq!(
        shown["secret_mappings"][0]["target_field"],
        "configurations.oauth_metadata"
    );
    assert!(!shown.to_string().contains("s3cret"));
    let listed = ok(&api.get(INTEGRATIONS).await);
    assert_eq!(
        (&listed["object"], &listed["total"], &listed["has_more"]),
        (&json!("list"), &json!(1), &json!(false))
    );
    let mut without = shown.as_object().unwrap().clone();
    without.remove("global_workspace_access");
    assert_eq!(listed["data"][0], Value::Object(without));
    let second = ok(&api.get("/v2/mcp-integrations").await);
    assert_eq!(second, listed, "under both versions");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_made() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let change = |member: &str, value: Value| {
        let mut body = open("x");
        body[member] = value;
        body
    };
    for (body, told) in [
        (
            json!({}),
            "name is required; url is required; auth_type is required; transport is required",
        ),
        (change("name", json!("")), "name must not be empty"),
        (
            change("url", json!("ftp://x")),
            "url must begin with https://",
        ),
        (
            change("url", json!("https://u:p@h/")),
            "url must not contain a user name or password",
        ),
        (
            change("auth_type", json!("basic")),
            "auth_type must be oauth_auto",
        ),
        (
            change("transport", json!("stdio")),
            "transport must be http or sse",
        ),
        (
            change("slug", json!("a b")),
            "slug must match ^[a-zA-Z0-9_-]+$",
        ),
        (
            change("description", json!(7)),
            "description must be a string",
        ),
        (
            change("organisation_id", json!("other")),
            "organisation_id must be the organisation of the API key",
        ),
        (
            change("configurations", json!([])),
            "configurations must be an object",
        ),
        (
            change(
                "configurations",
                json!({ "custom_headers": { "Host": "x" } }),
            ),
            "configurations.custom_headers.Host must not be a header",
        ),
        (
            change("configurations", json!({ "custom_headers": { "x": MASK } })),
            "configurations.custom_headers.x is masked",
        ),
        (
            change(
                "configurations",
                json!({ "oauth_metadata": { "oauth_metadata": {} } }),
            ),
            "configurations.oauth_metadata.oauth_metadata must not be nested",
        ),
        (
            change(
                "secret_mappings",
                json!([{ "target_field": "key", "secret_reference_id": "x" }]),
            ),
            "secret_mappings.0.target_field must be configurations.<field>",
        ),
        (
            change(
                "secret_mappings",
                json!([{ "target_field": "configurations.a", "secret_reference_id": "x" }, { "target_field": "configurations.a", "secret_reference_id": "y" }]),
            ),
            "secret_mappings.1.target_field is given twice",
        ),
    ] {
        let message = refused(&api.post(INTEGRATIONS, &body).await, 400, "AB01");
        assert!(message.contains(told), "{body}: {message}");
    }
    let missing = api
        .post(INTEGRATIONS, &change("workspace_id", json!("ws-unknown")))
        .await;
    refused(&missing, 404, "AB08");
    let broken = api
        .send_raw(
            Method::POST,
            INTEGRATIONS,
            &[("content-type", "application/json")],
            b"{".to_vec(),
        )
        .await;
    assert!(refused(&broken, 400, "AB01").contains("not valid JSON"));
    for query in [
        "page_size=0",
        "page_size=1001",
        "current_page=-1",
        "type=mine",
        "page_size=x",
        "organisation_id=x",
    ] {
        refused(
            &api.get(&format!("{INTEGRATIONS}?{query}")).await,
            400,
            "AB01",
        );
    }
    assert_eq!(ok(&api.get(INTEGRATIONS).await)["total"], 0);
}

#[tokio::test]
async fn a_slug_is_one_things_alone_and_names_may_repeat() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let mut body = open("Same name");
    body["slug"] = json!("mine");
    create(&api, &body).await;
    refused(&api.post(INTEGRATIONS, &body).await, 409, "AB07");
    body["slug"] = json!("MINE");
    refused(&api.post(INTEGRATIONS, &body).await, 409, "AB07");
    let second = ok(&api.post(INTEGRATIONS, &open("Same name")).await);
    let third = ok(&api.post(INTEGRATIONS, &open("Same name")).await);
    assert_eq!(second["slug"], "same-name");
    assert!(text(&third["slug"]).starts_with("same-name-"), "{third}");
    assert_eq!(names(&ok(&api.get(INTEGRATIONS).await)), ["Same name"; 3]);
    // What holds the name is still protected from the native API, where names are unique.
    let native = json!({ "name": "Same name", "serverUrl": NOWHERE, "authType": "none" });
    assert_eq!(
        stack
            .api()
            .post("/api/mcp-connections", &native)
            .await
            .status,
        409
    );
    // A name and a slug are free again when their holder is gone.
    assert_eq!(
        ok(&api.delete(&format!("{INTEGRATIONS}/mine")).await),
        json!({})
    );
    refused(&api.get(&format!("{INTEGRATIONS}/mine")).await, 404, "AB08");
    body["slug"] = json!("mine");
    create(&api, &body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_slug_exactly_one_gets_it() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let mut body = open("wanted");
    body["slug"] = json!("wanted");
    let answers = join_all((0..64).map(|_| api.post(INTEGRATIONS, &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, taken), (1, 63));
    let listed = ok(&api.get(INTEGRATIONS).await);
    assert_eq!((&listed["total"], names(&listed).len()), (&json!(1), 1));
}

#[tokio::test]
async fn a_change_is_of_what_is_given() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let id = create(&api, &open("before")).await;
    let path = format!("{INTEGRATIONS}/{id}");
    let before = integration(&api, &id).await;
    refused(&api.put(&path, &json!({})).await, 400, "AB01");
    refused(
        &api.put(&path, &json!({ "slug": "other" })).await,
        400,
        "AB01",
    );
    for (change, member, expected) in [
        (json!({ "name": "after" }), "name", json!("after")),
        (
            json!({ "description": "text" }),
            "description",
            json!("text"),
        ),
        (json!({ "description": null }), "description", json!(null)),
        (
            json!({ "url": "https://other.example/x" }),
            "url",
            json!("https://other.example/x"),
        ),
        (json!({ "transport": "sse" }), "transport", json!("sse")),
        (
            json!({ "auth_type": "oauth_auto" }),
            "auth_type",
            json!("oauth_auto"),
        ),
        (
            json!({ "auth_type": "oauth_client_credentials" }),
            "auth_type",
            json!("oauth_client_credentials"),
        ),
    ] {
        assert_eq!(ok(&api.put(&path, &change).await), json!({}));
        assert_eq!(integration(&api, &id).await[member], expected, "{change}");
    }
    let after = integration(&api, &id).await;
    for kept in ["id", "slug", "created_at", "organisation_id"] {
        assert_eq!(after[kept], before[kept]);
    }
}

/// An integration with a token works; with another one, or none, it is known why it does not.
#[tokio::test]
async fn a_test_tells_how_it_went() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::rmcp(Rmcp::ALL[0])
        .bearer("good-token-1")
        .start()
        .await;
    let id = create(
        &api,
        &with_headers(
            "peer",
            &peer.url,
            json!({ "Authorization": "Bearer good-token-1" }),
        ),
    )
    .await;
    let path = format!("{INTEGRATIONS}/{id}");
    let told = ok(&api
        .send(Method::POST, &format!("{path}/test"), &[], None)
        .await);
    assert_eq!(
        (&told["success"], &told["error"]),
        (&json!(true), &json!(null)),
        "{told}"
    );
    assert_eq!(integration(&api, &id).await["health"]["status"], "active");

    ok(&api
        .put(
            &path,
            &json!({ "configurations": { "headers": { "Authorization": "Bearer wrong-token" } } }),
        )
        .await);
    let told = ok(&api.post(&format!("{path}/test"), &json!({})).await);
    assert_eq!(
        (&told["success"], &told["details"]["reason"]),
        (&json!(false), &json!("credential_rejected")),
        "{told}"
    );
    assert!(text(&told["error"]).contains("credential"));
    assert_eq!(told["status_code"], 401);

    ok(&api
        .put(
            &path,
            &json!({ "configurations": { "custom_headers": null } }),
        )
        .await);
    let told = ok(&api.post(&format!("{path}/test"), &json!({})).await);
    assert_eq!(told["details"]["reason"], "credential_missing", "{told}");

    // A server that asks each user for his own tokens is sound, and says so.
    ok(&api.put(&path, &json!({ "auth_type": "oauth_auto" })).await);
    let told = ok(&api.post(&format!("{path}/test"), &json!({})).await);
    assert_eq!(
        (&told["success"], &told["details"]["reason"]),
        (&json!(true), &json!("user_auth_required")),
        "{told}"
    );
    assert_eq!(integration(&api, &id).await["health"]["status"], "active");
}

/// Several headers, and static ones beside those that authenticate, all reach the server.
#[tokio::test]
async fn every_static_header_is_sent() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::rmcp(Rmcp::ALL[0])
        .api_key("x-second", "two words")
        .start()
        .await;
    let body = json!({
        "name": "peer", "url": peer.url, "auth_type": "headers", "transport": "http",
        "configurations": { "custom_headers": { "X-First": "1", "X-Second": "two words" }, "passthrough_headers": { "x-third": "3" } },
    });
    let id = create(&api, &body).await;
    let told = ok(&api
        .post(&format!("{INTEGRATIONS}/{id}/test"), &json!({}))
        .await);
    assert_eq!(told["success"], true, "{told}");
    for seen in peer.seen() {
        let sent = ["x-first", "x-second", "x-third"].map(|name| seen.header(name));
        assert_eq!(sent, [Some("1"), Some("two words"), Some("3")]);
    }
}

#[tokio::test]
async fn what_a_workspace_may_use_is_its_own_and_what_it_was_given() {
    let stack = TestStack::start().await;
    let (api, own_workspace) = (stack.portkey(), stack.acme().workspace_id.clone());
    let other = ok(&api
        .post("/v1/admin/workspaces", &json!({ "name": "Other" }))
        .await);
    let other = text(&other["id"]);
    let in_workspace = |name: &str, workspace: &str| {
        let mut body = open(name);
        body["workspace_id"] = json!(workspace);
        body
    };
    let [everyones, given, unsaid] = ["everyone's", "given", "unsaid"].map(open);
    let everyones = create(&api, &everyones).await;
    let given = create(&api, &given).await;
    create(&api, &unsaid).await;
    create(&api, &in_workspace("own", &own_workspace)).await;
    let theirs = create(&api, &in_workspace("theirs", &other)).await;
    enable(&stack, &given, &own_workspace, true).await;
    let path = format!("{INTEGRATIONS}/{everyones}/workspaces");
    // Where one thing is wrong, nothing happens.
    let half_wrong = json!({ "workspaces": [{ "id": "ws-unknown", "enabled": false }], "global_workspace_access": { "enabled": true } });
    let before = integration(&api, &everyones).await;
    refused(&api.put(&path, &half_wrong).await, 400, "AB01");
    assert_eq!(integration(&api, &everyones).await, before);
    ok(&api
        .put(
            &path,
            &json!({ "workspaces": [], "global_workspace_access": { "enabled": true } }),
        )
        .await);

    let listed = async |client: &harness::client::Client, query: &str| {
        let page = ok(&client.get(&format!("{INTEGRATIONS}?{query}")).await);
        assert_eq!(page["total"], page["data"].as_array().unwrap().len());
        names(&page)
    };
    assert_eq!(
        listed(&api, "").await,
        ["everyone's", "given", "unsaid", "own", "theirs"]
    );
    assert_eq!(
        listed(&api, "type=organisation").await,
        ["everyone's", "given", "unsaid"]
    );
    assert_eq!(listed(&api, "type=workspace").await, ["own", "theirs"]);
    assert_eq!(
        listed(&api, "workspace_id=ws-default").await,
        ["everyone's", "given", "own"]
    );
    assert_eq!(
        listed(&api, &format!("workspace_id={other}&type=workspace")).await,
        ["theirs"]
    );
    assert_eq!(
        listed(&api, "workspace_id=ws-default&type=organisation").await,
        ["everyone's", "given"]
    );
    assert_eq!(listed(&api, "search=EVERY").await, ["everyone's"]);
    assert_eq!(
        listed(&api, "search=e&workspace_id=ws-default").await,
        ["everyone's", "given"]
    );

    let workspace_key = stack.portkey_with(&stack.acme().workspace_service_key);
    assert_eq!(
        listed(&workspace_key, "").await,
        ["everyone's", "given", "own"]
    );
    refused(
        &workspace_key
            .get(&format!("{INTEGRATIONS}?workspace_id={other}"))
            .await,
        403,
        "AB03",
    );
    refused(
        &workspace_key
            .get(&format!("{INTEGRATIONS}?workspace_id=ws-unknown"))
            .await,
        403,
        "AB03",
    );
    // Of the organisation's it may see the list alone; of another workspace's not even that it exists.
    refused(
        &workspace_key.get(&format!("{INTEGRATIONS}/{given}")).await,
        403,
        "AB03",
    );
    refused(
        &workspace_key.get(&format!("{INTEGRATIONS}/{theirs}")).await,
        404,
        "AB08",
    );
    ok(&workspace_key.get(&format!("{INTEGRATIONS}/own")).await);

    // What was said of one workspace goes before what is said of all, until it is overridden.
    enable(&stack, &everyones, &own_workspace, false).await;
    assert_eq!(listed(&workspace_key, "").await, ["given", "own"]);
    let shown = ok(&api.get(&path).await);
    assert_eq!(shown["global_workspace_access"], json!({ "enabled": true }));
    assert_eq!(
        (
            &shown["workspaces"][0]["id"],
            &shown["workspaces"][0]["enabled"]
        ),
        (&json!(own_workspace), &json!(false))
    );
    let newer = ok(&api.get(&format!("{path}?version=2")).await);
    assert_eq!(
        (&newer["data"], &newer["total"]),
        (&shown["workspaces"], &json!(1))
    );
    let overriding = json!({ "workspaces": [], "override_existing_workspace_access": true });
    ok(&api.put(&path, &overriding).await);
    assert_eq!(ok(&api.get(&path).await)["workspaces"], json!([]));
    assert_eq!(
        listed(&workspace_key, "").await,
        ["everyone's", "given", "own"]
    );

    // A scope that is missing takes its part away.
    let tenants_only = key(
        &stack,
        "workspace/service",
        &["organisation_mcp_integrations.list"],
    )
    .await;
    assert_eq!(
        listed(&stack.portkey_with(&tenants_only), "").await,
        ["everyone's", "given"]
    );
    let own_only = key(
        &stack,
        "workspace/service",
        &["workspace_mcp_integrations.list"],
    )
    .await;
    let own_only = stack.portkey_with(&own_only);
    assert_eq!(listed(&own_only, "").await, ["own"]);
    refused(
        &own_only
            .get(&format!("{INTEGRATIONS}?type=organisation"))
            .await,
        403,
        "AB03",
    );
    let own = json!({ "workspaces": [{ "id": other, "enabled": true }] });
    let own = api
        .put(&format!("{INTEGRATIONS}/own/workspaces"), &own)
        .await;
    assert!(refused(&own, 400, "AB01").contains("workspaces"));
}

/// Whose an integration is decides which scope it takes.
#[tokio::test]
async fn scopes_are_those_of_the_owner() {
    let stack = TestStack::start().await;
    let workspace_only = key(
        &stack,
        "organisation/service",
        &[
            "workspace_mcp_integrations.create",
            "workspace_mcp_integrations.read",
        ],
    )
    .await;
    let api = stack.portkey_with(&workspace_only);
    let told = refused(
        &api.post(INTEGRATIONS, &open("organisation's")).await,
        403,
        "AB03",
    );
    assert!(
        told.contains("organisation_mcp_integrations.create"),
        "{told}"
    );
    let mut body = open("workspace's");
    body["workspace_id"] = json!("ws-default");
    let id = create(&api, &body).await;
    assert_eq!(integration(&api, &id).await["type"], "workspace");
    refused(
        &api.put(&format!("{INTEGRATIONS}/{id}"), &json!({ "name": "x" }))
            .await,
        403,
        "AB03",
    );
    let organisations = create(&stack.portkey(), &open("organisation's")).await;
    refused(
        &api.get(&format!("{INTEGRATIONS}/{organisations}")).await,
        403,
        "AB03",
    );
}

#[tokio::test]
async fn metadata_is_pending_until_somebody_knows() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let peer = Peer::rmcp(Rmcp::ALL[0]).start().await;
    let id = create(
        &api,
        &json!({ "name": "peer", "url": peer.url, "auth_type": "none", "transport": "http" }),
    )
    .await;
    let path = format!("{INTEGRATIONS}/{id}/metadata");
    let shown = ok(&api.get(&path).await);
    assert_eq!(
        (&shown["sync_status"], &shown["server_name"]),
        (&json!("pending"), &json!(null))
    );
    let synced = ok(&api
        .send(
            Method::POST,
            &format!("{INTEGRATIONS}/{id}/sync"),
            &[],
            None,
        )
        .await);
    assert_eq!(synced["success"], true, "{synced}");
    let shown = ok(&api.get(&path).await);
    assert_eq!(shown["sync_status"], "synced", "{shown}");
    assert_eq!(shown["instructions"], "Use with care.");
    let tools = ok(&api.get(&format!("{INTEGRATIONS}/{id}/capabilities")).await);
    assert_eq!(
        tools["counts"]["tools"],
        json!({ "total": 2, "enabled": 2 })
    );

    peer.down().await;
    stack.clock.turn_seconds(3600);
    for _ in 0..4 {
        ok(&api
            .post(&format!("{INTEGRATIONS}/{id}/test"), &json!({}))
            .await);
    }
    let shown = ok(&api.get(&path).await);
    assert_eq!(shown["sync_status"], "error", "{shown}");
    assert!(shown["sync_error"].is_string());
    assert_eq!(
        shown["instructions"], "Use with care.",
        "what is known stays"
    );
}
