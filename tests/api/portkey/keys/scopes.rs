//! What a key may do, and who may give it that.

use harness::stack::TestStack;
use serde_json::json;

use super::super::{INTEGRATIONS, SERVERS, key, ok, publish, refused};
use super::{KEYS, another_workspace, make, opens, shown, total, with_scopes, with_scopes_only};

const ALL_OF_SERVICE: [&str; 6] = [
    "workspace_service_api_keys.create",
    "workspace_service_api_keys.read",
    "workspace_service_api_keys.update",
    "workspace_service_api_keys.delete",
    "workspace_service_api_keys.list",
    "workspace_service_api_keys.rotate",
];

/// One scope opens one thing: whoever lists does not read, and whoever reads does not change.
#[tokio::test]
async fn a_scope_is_for_one_thing() {
    let stack = TestStack::start().await;
    let (integration, server) = publish(&stack, "there").await;
    let (of_server, of_integration) = (
        format!("{SERVERS}/{server}"),
        format!("{INTEGRATIONS}/{integration}"),
    );
    let listed = format!("{SERVERS}?workspace_id=ws-default");
    let (id, _) = make(
        &stack.portkey(),
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let of_key = format!("{KEYS}/{id}");
    let paths = [
        ("mcp_servers.list", &*listed),
        ("mcp_servers.read", &of_server),
        ("organisation_mcp_integrations.list", INTEGRATIONS),
        ("organisation_mcp_integrations.read", &of_integration),
        ("workspace_service_api_keys.list", KEYS),
        ("workspace_service_api_keys.read", &of_key),
        ("workspaces.list", "/v1/admin/workspaces"),
        ("workspaces.read", "/v1/admin/workspaces/ws-default"),
        (
            "workspace_users.list",
            "/v1/admin/workspaces/ws-default/users",
        ),
        ("audit_logs.list", "/v1/audit-logs"),
    ];
    for (scope, _) in paths {
        let only = key(&stack, "organisation/service", &[scope]).await;
        let client = stack.portkey_with(&only);
        for (needed, path) in paths {
            let answer = client.get(path).await;
            if needed == scope {
                ok(&answer);
            } else {
                let told = refused(&answer, 403, "AB03");
                assert!(told.contains(needed), "{scope} and {path}: {told}");
            }
        }
        for answer in [
            client.put(&of_server, &json!({ "name": "x" })).await,
            client.delete(&of_key).await,
            client.post(&format!("{of_key}/rotate"), &json!({})).await,
            client
                .post(
                    &format!("{KEYS}/organisation/service"),
                    &with_scopes_only(&[]),
                )
                .await,
        ] {
            refused(&answer, 403, "AB03");
        }
    }
    let nothing = key(&stack, "workspace/service", &[]).await;
    refused(
        &stack.portkey_with(&nothing).get(SERVERS).await,
        403,
        "AB03",
    );
}

#[tokio::test]
async fn nobody_gives_what_his_own_key_has_not() {
    let stack = TestStack::start().await;
    let own = [
        "workspace_service_api_keys.create",
        "organisation_service_api_keys.create",
        "mcp_servers.list",
    ];
    let maker = stack.portkey_with(&key(&stack, "organisation/service", &own).await);
    let before = total(&stack.portkey()).await;
    for scopes in [
        &["mcp_servers.read"][..],
        &["mcp_servers.list", "mcp_servers.read"],
        &["workspace_service_api_keys.rotate"],
        &["workspace_users.list"],
        // Other vocabularies' scopes and such as nobody has are no exception.
        &["completions.write"],
        &["system_api_keys.create"],
        &["mcp_servers"],
        &["mcp_servers.list.all"],
    ] {
        let of_workspace = maker
            .post(&format!("{KEYS}/workspace/service"), &with_scopes(scopes))
            .await;
        assert!(
            refused(&of_workspace, 403, "AB03").contains("own key has"),
            "{scopes:?}"
        );
        let of_organisation = maker
            .post(
                &format!("{KEYS}/organisation/service"),
                &with_scopes_only(scopes),
            )
            .await;
        refused(&of_organisation, 403, "AB03");
    }
    // Not even a key of the organisation with all its scopes makes one for the gateway, nor is there a way to ask.
    let system = with_scopes_only(&["system_api_keys.create"]);
    refused(
        &stack
            .portkey()
            .post(&format!("{KEYS}/organisation/service"), &system)
            .await,
        403,
        "AB03",
    );
    // The kinds have scopes of their own.
    let of_user = json!({ "name": "x", "workspace_id": "ws-default", "user_id": stack.acme().user_id, "scopes": ["mcp_servers.list"] });
    let told = refused(
        &maker
            .post(&format!("{KEYS}/workspace/user"), &of_user)
            .await,
        403,
        "AB03",
    );
    assert!(told.contains("workspace_user_api_keys.create"), "{told}");
    assert_eq!(total(&stack.portkey()).await, before);
    // What it has it gives, and no more can be given by whom it was given to.
    let (_, made) = make(
        &maker,
        "workspace/service",
        &with_scopes(&["mcp_servers.list", "workspace_service_api_keys.create"]),
    )
    .await;
    opens(&stack, &made).await;
    let heir = stack.portkey_with(&made);
    make(
        &heir,
        "workspace/service",
        &with_scopes_only(&["mcp_servers.list"]),
    )
    .await;
    refused(
        &heir
            .post(
                &format!("{KEYS}/workspace/service"),
                &with_scopes_only(&["mcp_servers.read"]),
            )
            .await,
        403,
        "AB03",
    );
}

#[tokio::test]
async fn scopes_that_do_not_go_with_the_kind_are_named() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let workspace = format!("{KEYS}/workspace/service");
    for scope in [
        "organisation_mcp_integrations.read",
        "organisation_mcp_integrations.create",
        "workspaces.read",
        "workspaces.list",
        "organisation_service_api_keys.create",
        "audit_logs.list",
    ] {
        let told = refused(
            &api.post(&workspace, &with_scopes(&["mcp_servers.list", scope]))
                .await,
            400,
            "AB01",
        );
        assert_eq!(
            told,
            format!("scopes {scope} is no scope for a key of this kind")
        );
    }
    let told = refused(
        &api.post(
            &workspace,
            &with_scopes(&["workspaces.read", "audit_logs.list"]),
        )
        .await,
        400,
        "AB01",
    );
    assert!(
        told.contains("workspaces.read") && told.contains("audit_logs.list"),
        "{told}"
    );
    // Of what the organisation shares a workspace may see the list.
    make(
        &api,
        "workspace/service",
        &with_scopes(&["organisation_mcp_integrations.list", "workspace_users.read"]),
    )
    .await;

    // The authorizer hands scopes on with each request, so there is an end to them.
    let many = vec!["mcp_servers.list"; 240];
    let (_, wide) = make(&api, "workspace/service", &with_scopes(&many)).await;
    opens(&stack, &wide).await;
    let more = vec!["mcp_servers.list"; 241];
    let told = refused(
        &api.post(&workspace, &with_scopes(&more)).await,
        400,
        "AB01",
    );
    assert!(told.contains("scopes must be at most 4096"), "{told}");
}

/// Tools are called by workspaces' keys. So no key of the organisation has that scope, and each may give it nevertheless.
#[tokio::test]
async fn mcp_invoke_is_for_workspaces_keys() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let organisations = api
        .post(
            &format!("{KEYS}/organisation/service"),
            &with_scopes_only(&["mcp.invoke"]),
        )
        .await;
    let told = refused(&organisations, 400, "AB01");
    assert!(
        told.contains("mcp.invoke is no scope for a key of this kind"),
        "{told}"
    );

    let (_, invoking) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp.invoke", "workspace_service_api_keys.create"]),
    )
    .await;
    let (_, other) = make(
        &api,
        "workspace/service",
        &with_scopes(&["workspace_service_api_keys.create"]),
    )
    .await;
    let wanted = with_scopes_only(&["mcp.invoke"]);
    let (id, _) = make(&stack.portkey_with(&invoking), "workspace/service", &wanted).await;
    assert_eq!(shown(&api, &id).await["scopes"], json!(["mcp.invoke"]));
    let other = stack.portkey_with(&other);
    refused(
        &other
            .post(&format!("{KEYS}/workspace/service"), &wanted)
            .await,
        403,
        "AB03",
    );
}

#[tokio::test]
async fn a_workspaces_key_keeps_to_its_workspace() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let other = another_workspace(&stack).await;
    let (_, made) = make(&api, "workspace/service", &with_scopes(&ALL_OF_SERVICE)).await;
    let maker = stack.portkey_with(&made);
    let service = format!("{KEYS}/workspace/service");
    for named in [
        json!(null),
        json!("ws-default"),
        json!("WS-Default"),
        json!(acme.workspace_id),
    ] {
        let mut body = with_scopes(&["workspace_service_api_keys.list"]);
        body["workspace_id"] = named;
        let (id, _) = make(&maker, "workspace/service", &body).await;
        assert_eq!(
            shown(&maker, &id).await["workspace_id"],
            json!(acme.workspace_id)
        );
    }
    for named in [
        other.as_str(),
        "another",
        "ws-unknown",
        acme.user_id.as_str(),
    ] {
        let mut body = with_scopes(&[]);
        body["workspace_id"] = json!(named);
        refused(&maker.post(&service, &body).await, 403, "AB03");
        refused(
            &maker.get(&format!("{KEYS}?workspace_id={named}")).await,
            403,
            "AB03",
        );
    }
    refused(
        &maker
            .post(
                &format!("{KEYS}/organisation/service"),
                &with_scopes_only(&[]),
            )
            .await,
        403,
        "AB03",
    );
    assert_eq!(
        ok(&maker.get(KEYS).await)["total"],
        6,
        "its own, the first one and the four"
    );

    // Keys that are not of its workspace are none, the organisation's among them.
    let mut body = with_scopes(&[]);
    body["workspace_id"] = json!(other);
    let (theirs, _) = make(&api, "workspace/service", &body).await;
    let (organisations, _) = make(&api, "organisation/service", &with_scopes_only(&[])).await;
    for id in [&theirs, &organisations] {
        let path = format!("{KEYS}/{id}");
        for answer in [
            maker.get(&path).await,
            maker.put(&path, &json!({ "name": "mine" })).await,
            maker.delete(&path).await,
            maker.post(&format!("{path}/rotate"), &json!({})).await,
        ] {
            refused(&answer, 404, "AB08");
        }
    }
    assert_eq!(shown(&api, &theirs).await["name"], "for a test");
}

#[tokio::test]
async fn a_users_key_is_for_a_user_of_that_workspace() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let other = another_workspace(&stack).await;
    let stranger = "7f000000-0000-4000-8000-000000000001";
    let wanted = |workspace: &str, user: &str| json!({ "name": "x", "scopes": ["mcp.invoke"], "workspace_id": workspace, "user_id": user });
    let path = format!("{KEYS}/workspace/user");
    for (workspace, user) in [
        (other.as_str(), acme.user_id.as_str()),
        ("ws-default", stranger),
        ("ws-default", stack.evil().user_id.as_str()),
    ] {
        let told = refused(
            &api.post(&path, &wanted(workspace, user)).await,
            400,
            "AB01",
        );
        assert_eq!(told, "user_id is no user of this workspace");
    }
    let users = format!("/v1/admin/workspaces/{other}/users");
    ok(&api.post(&users, &json!({ "users": [stranger] })).await);
    let (id, made) = make(&api, "workspace/user", &wanted("another", stranger)).await;
    let row = shown(&api, &id).await;
    assert_eq!(
        (&row["user_id"], &row["workspace_id"]),
        (&json!(stranger), &json!(other))
    );
    let own = ok(&stack
        .portkey_with(&made)
        .get(&format!("{KEYS}/self/details"))
        .await);
    assert_eq!(own["data"]["api_key_details"]["user_id"], json!(stranger));
}

/// Who holds a user's key acts for him, so a user gets one for another only where he leads the workspace.
#[tokio::test]
async fn a_user_gets_no_key_for_another_unless_he_leads() {
    let stack = TestStack::start().await;
    let (api, path) = (stack.portkey(), format!("{KEYS}/workspace/user"));
    let user = |n: u8| format!("7f000000-0000-4000-8000-00000000000{n}");
    let users = "/v1/admin/workspaces/ws-default/users";
    ok(&api
        .post(users, &json!({ "users": [user(1), user(2)] }))
        .await);
    let scopes = [
        "mcp.invoke",
        "workspace_user_api_keys.create",
        "workspace_user_api_keys.rotate",
    ];
    let wanted = |user: &str| json!({ "name": "x", "scopes": scopes, "workspace_id": "ws-default", "user_id": user });
    let (others, _) = make(&api, "workspace/user", &wanted(&user(2))).await;
    let (_, his) = make(&api, "workspace/user", &wanted(&user(1))).await;
    let his = stack.portkey_with(&his);
    ok(&his.post(&path, &wanted(&user(1))).await);
    let rotate = format!("{KEYS}/{others}/rotate");
    for leads in [false, true] {
        if leads {
            let role = json!({ "role": "manager" });
            ok(&api.put(&format!("{users}/{}", user(1)), &role).await);
        }
        for answer in [
            his.post(&path, &wanted(&user(2))).await,
            his.post(&rotate, &json!({})).await,
        ] {
            if leads {
                ok(&answer);
            } else {
                let told = refused(&answer, 403, "AB03");
                assert!(told.contains("only admins and managers"), "{told}");
            }
        }
    }
}
