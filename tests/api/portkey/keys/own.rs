//! What the holder of a key is told of it, and the gateway of a key that it was sent.

use harness::stack::TestStack;
use serde_json::{Value, json};

use super::super::{key, ok, refused};
use super::{KEYS, make, shown, with_scopes};

async fn details(client: &harness::client::Client, query: &str) -> Value {
    let told = ok(&client
        .get(&format!("/v2/api-keys/self/details?{query}"))
        .await);
    assert_eq!(told["success"], true);
    told["data"].clone()
}

const BOTH: &str = "include_organisation=true&include_workspace=true";

#[tokio::test]
async fn a_key_is_told_of_itself_and_what_surrounds_it() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    for (key, kind, workspace, user) in [
        (
            &acme.organisation_service_key,
            "organisation-service",
            None,
            None,
        ),
        (
            &acme.workspace_service_key,
            "workspace-service",
            Some(&acme.workspace_id),
            None,
        ),
        (
            &acme.workspace_user_key,
            "workspace-user",
            Some(&acme.workspace_id),
            Some(&acme.user_id),
        ),
    ] {
        let client = stack.portkey_with(key);
        let alone = details(&client, "").await;
        let own = &alone["api_key_details"];
        for (member, expected) in [
            ("type", json!(kind)),
            ("status", json!("active")),
            ("organisation_id", json!(acme.tenant_id)),
            ("workspace_id", json!(workspace)),
            ("user_id", json!(user)),
        ] {
            assert_eq!(own[member], expected, "{kind}: {member}");
        }
        let (_, fields) = key.split_once('_').unwrap();
        assert_eq!(
            own["id"].as_str().unwrap().replace('-', ""),
            fields.split('_').nth(1).unwrap()
        );
        assert_eq!(own["system_defaults"]["user_id"], json!(user));
        // The same that whoever may read keys is shown.
        let mut same = shown(&api, own["id"].as_str().unwrap()).await;
        if user.is_some() {
            same["system_defaults"] = own["system_defaults"].clone();
        }
        assert_eq!(*own, same);

        for (query, has_organisation, has_workspace) in [
            ("", false, false),
            (
                "include_organisation=false&include_workspace=false&more=1",
                false,
                false,
            ),
            ("include_organisation=true", true, false),
            ("include_workspace=true", false, workspace.is_some()),
            (BOTH, true, workspace.is_some()),
        ] {
            let told = details(&client, query).await;
            assert_eq!(told["api_key_details"], *own);
            assert_eq!(
                told.get("organisation_details").is_some(),
                has_organisation,
                "{kind} {query}"
            );
            assert_eq!(
                told.get("workspace_details").is_some(),
                has_workspace,
                "{kind} {query}"
            );
        }
        let told = details(&client, BOTH).await;
        let organisation = &told["organisation_details"];
        assert_eq!(organisation["organisation_id"], json!(acme.tenant_id));
        assert!(
            organisation["name"].is_string() && organisation["settings"].is_object(),
            "{organisation}"
        );
        if workspace.is_some() {
            assert_eq!(
                told["workspace_details"],
                ok(&api.get("/v1/admin/workspaces/ws-default").await)
            );
        }
    }
    for query in [
        "include_organisation=yes",
        "include_workspace=1",
        "include_workspace=true&include_workspace=true",
    ] {
        refused(
            &api.get(&format!("{KEYS}/self/details?{query}")).await,
            400,
            "AB01",
        );
    }
}

/// The gateway sends the key that it was shown, beside its own, and asks what it may do and for whom.
#[tokio::test]
async fn the_gateway_asks_for_a_key_that_it_was_sent() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let user = "7f000000-0000-4000-8000-000000000001";
    let add = json!({ "id": user, "first_name": "Ada", "last_name": "Lovelace" });
    ok(&api
        .post("/v1/admin/workspaces/ws-default/users", &add)
        .await);
    let mut body = with_scopes(&["mcp.invoke"]);
    body["user_id"] = json!(user);
    body["expires_at"] = json!("2100-01-01T00:00:00.000Z");
    body["defaults"] = json!({ "metadata": { "team": "a" } });
    body["rate_limits"] = json!([{ "type": "requests", "unit": "rpm", "value": 9 }]);
    let (id, made) = make(&api, "workspace/user", &body).await;
    let (_, system) = super::creation::system_key(&stack).await;
    let gateway = stack
        .with_authorization(Some(&format!("Bearer {system}")))
        .with_header("x-portkey-api-key", &made);
    for client in [&gateway, &stack.portkey_with(&made), &stack.with_key(&made)] {
        let told = details(client, BOTH).await;
        let own = &told["api_key_details"];
        for (member, expected) in [
            ("id", json!(id)),
            ("type", json!("workspace-user")),
            ("scopes", json!(["mcp.invoke"])),
            ("expires_at", body["expires_at"].clone()),
            ("defaults", body["defaults"].clone()),
            ("rate_limits", body["rate_limits"].clone()),
            ("user_id", json!(user)),
            (
                "system_defaults",
                json!({ "user_id": user, "user_name": "Ada Lovelace" }),
            ),
        ] {
            assert_eq!(own[member], expected, "{member}");
        }
        let workspace = &told["workspace_details"];
        assert_eq!(
            (&workspace["slug"], &workspace["name"]),
            (&json!("ws-default"), &json!("Default"))
        );
    }
    // The key that it was sent counts, and not its own.
    let gone = "mcps_00000000000070008000000000000000_00000000000070008000000000000000_".to_owned()
        + &"0".repeat(64);
    let gateway = stack
        .with_authorization(Some(&format!("Bearer {system}")))
        .with_header("x-portkey-api-key", &gone);
    refused(
        &gateway.get(&format!("{KEYS}/self/details")).await,
        401,
        "AB05",
    );
}

#[tokio::test]
async fn whoever_lists_or_reads_servers_may_ask_for_his_own_key() {
    let stack = TestStack::start().await;
    for scope in [
        "mcp.invoke",
        "mcp_servers.list",
        "mcp_servers.read",
        "organisation_mcp_integrations.list",
    ] {
        let only = key(&stack, "workspace/service", &[scope]).await;
        let told = details(&stack.portkey_with(&only), "").await;
        assert_eq!(told["api_key_details"]["scopes"], json!([scope]));
    }
    let nothing = key(&stack, "workspace/service", &[]).await;
    let told = refused(
        &stack
            .portkey_with(&nothing)
            .get(&format!("{KEYS}/self/details"))
            .await,
        403,
        "AB03",
    );
    assert!(told.contains("mcp.invoke"), "{told}");
}
