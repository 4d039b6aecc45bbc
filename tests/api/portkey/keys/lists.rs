//! Lists of keys: of a workspace, of the kinds that one may list, page by page.

use harness::{stack::TestStack, stored};
use serde_json::{Value, json};

use super::super::{key, ok, refused, text};
use super::{KEYS, another_workspace, ids, make, with_scopes, with_scopes_only};

fn names(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| text(&row["name"])).collect()
}

#[tokio::test]
async fn a_list_is_of_a_workspace_or_of_all_and_is_paged() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let first = ok(&api.get(KEYS).await);
    assert_eq!(
        (&first["object"], &first["total"], &first["has_more"]),
        (&json!("list"), &json!(3), &json!(false))
    );
    assert_eq!(ids(&first).len(), 3, "the first keys of a tenant");
    let other = another_workspace(&stack).await;
    let mut made = Vec::new();
    for (number, workspace) in [
        "another",
        "ws-default",
        other.as_str(),
        "another",
        "ws-default",
    ]
    .into_iter()
    .enumerate()
    {
        let body =
            json!({ "name": format!("key {number}"), "workspace_id": workspace, "scopes": [] });
        made.push(make(&api, "workspace/service", &body).await.0);
    }
    let (of_organisation, _) = make(&api, "organisation/service", &with_scopes_only(&[])).await;

    let all = ok(&api.get(KEYS).await);
    assert_eq!((&all["total"], ids(&all).len()), (&json!(9), 9));
    assert!(ids(&all).contains(&of_organisation));
    for workspace in [other.as_str(), "another", "Another"] {
        let listed = ok(&api.get(&format!("{KEYS}?workspace_id={workspace}")).await);
        assert_eq!(names(&listed), ["key 0", "key 2", "key 3"]);
        assert_eq!(
            (&listed["total"], &listed["has_more"]),
            (&json!(3), &json!(false))
        );
        assert!(
            listed["data"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["workspace_id"] == json!(other))
        );
    }
    for (query, expected, more) in [
        ("page_size=2", &made[..1], true),
        ("page_size=1&current_page=1", &made[2..3], true),
        ("page_size=2&current_page=1", &made[3..4], false),
        ("page_size=2&current_page=2", &[], false),
        ("page_size=500&current_page=1", &[], false),
    ] {
        let page = ok(&api
            .get(&format!("{KEYS}?workspace_id={other}&{query}"))
            .await);
        assert_eq!(
            (&page["total"], &page["has_more"]),
            (&json!(3), &json!(more)),
            "{query}"
        );
        assert!(ids(&page).starts_with(expected), "{query}: {page}");
    }
    let mut walked = Vec::new();
    for page in 0..5 {
        let page = ok(&api
            .get(&format!("/v2/api-keys?page_size=2&current_page={page}"))
            .await);
        assert_eq!(page["total"], 9);
        walked.extend(ids(&page));
    }
    assert_eq!(walked, ids(&all));
    for query in [
        "page_size=0",
        "page_size=501",
        "current_page=-1",
        "current_page=x",
        "workspace_id=a%20b",
        "organisation_id=x",
    ] {
        refused(&api.get(&format!("{KEYS}?{query}")).await, 400, "AB01");
    }
    refused(
        &api.get(&format!("{KEYS}?workspace_id=ws-unknown")).await,
        404,
        "AB08",
    );
    // Clients send empty and unknown parameters.
    assert_eq!(
        ok(&api
            .get(&format!("{KEYS}?workspace_id=&ids=x&page_size="))
            .await)["total"],
        9
    );
}

#[tokio::test]
async fn a_list_has_the_kinds_that_one_may_list() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let other = another_workspace(&stack).await;
    make(
        &api,
        "workspace/service",
        &json!({ "name": "theirs", "workspace_id": other, "scopes": [] }),
    )
    .await;
    // The first keys of a tenant are one of each kind; each of these adds itself.
    for (scopes, kinds, total) in [
        (
            &["organisation_service_api_keys.list"][..],
            &["organisation-service"][..],
            2,
        ),
        (&["workspace_user_api_keys.list"], &["workspace-user"], 1),
        (
            &["workspace_service_api_keys.list"],
            &["workspace-service"],
            2,
        ),
        (
            &[
                "workspace_user_api_keys.list",
                "workspace_service_api_keys.list",
            ],
            &["workspace-user", "workspace-service"],
            3,
        ),
        (
            &[
                "organisation_service_api_keys.list",
                "workspace_user_api_keys.list",
            ],
            &["workspace-user", "organisation-service"],
            7,
        ),
    ] {
        let client = stack.portkey_with(&key(&stack, "organisation/service", scopes).await);
        let listed = ok(&client.get(KEYS).await);
        assert_eq!(
            (&listed["total"], ids(&listed).len()),
            (&json!(total), total),
            "{scopes:?}"
        );
        for kind in [
            "organisation-service",
            "workspace-service",
            "workspace-user",
        ] {
            let has = listed["data"]
                .as_array()
                .unwrap()
                .iter()
                .any(|row| row["type"] == kind);
            assert_eq!(has, kinds.contains(&kind), "{scopes:?}: {kind}");
        }
        let page = ok(&client
            .get(&format!("{KEYS}?page_size=1&current_page={}", total - 1))
            .await);
        assert_eq!(
            (ids(&page), &page["has_more"]),
            (ids(&listed)[total - 1..].to_vec(), &json!(false))
        );
    }
    let without = stack.portkey_with(
        &key(
            &stack,
            "organisation/service",
            &["workspace_user_api_keys.read"],
        )
        .await,
    );
    let told = refused(&without.get(KEYS).await, 403, "AB03");
    assert!(told.contains("workspace_user_api_keys.list"), "{told}");

    // A workspace's key sees its workspace, whatever it says or leaves out.
    let (_, own) = make(
        &api,
        "workspace/service",
        &with_scopes(&["workspace_service_api_keys.list"]),
    )
    .await;
    let own = stack.portkey_with(&own);
    for query in ["", "?workspace_id=ws-default"] {
        let listed = ok(&own.get(&format!("{KEYS}{query}")).await);
        assert_eq!(listed["total"], 2, "{listed}");
    }
}

/// What the operator makes for the gateway is not the tenant's to manage.
#[tokio::test]
async fn the_gateways_keys_are_in_no_list_and_cannot_be_touched() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let before = ok(&api.get(KEYS).await);
    let (id, system) = super::creation::system_key(&stack).await;
    assert_eq!(ok(&api.get(KEYS).await), before);
    let path = format!("{KEYS}/{id}");
    for answer in [
        api.get(&path).await,
        api.put(&path, &json!({ "name": "mine" })).await,
        api.delete(&path).await,
        api.post(&format!("{path}/rotate"), &json!({})).await,
    ] {
        assert_eq!(refused(&answer, 404, "AB08"), "API key not found");
    }
    let gateway = stack.portkey_with(&system);
    let own = ok(&gateway.get(&format!("{KEYS}/self/details")).await);
    assert_eq!(
        (
            &own["data"]["api_key_details"]["id"],
            &own["data"]["api_key_details"]["type"]
        ),
        (&json!(id), &json!("system"))
    );
    // Nor does it manage any.
    let (other, _) = make(&api, "workspace/service", &with_scopes(&[])).await;
    let other = format!("{KEYS}/{other}");
    for answer in [
        gateway.get(KEYS).await,
        gateway.get(&other).await,
        gateway.delete(&other).await,
        gateway.post(&format!("{other}/rotate"), &json!({})).await,
        gateway
            .post(&format!("{KEYS}/workspace/service"), &with_scopes(&[]))
            .await,
    ] {
        refused(&answer, 403, "AB03");
    }

    // The operator who made it ends it, and no other key, and nobody else's.
    let (acme, evil) = (&stack.acme().tenant_id, &stack.evil().tenant_id);
    let callers = text(&ok(&api.get(KEYS).await)["data"][0]["id"]);
    for (tenant, key, told) in [
        (evil, &id, "API key not found"),
        (acme, &callers, "API key not found"),
    ] {
        let event = json!({ "tenantId": tenant, "keyId": key });
        let refused = stack.invoke("revoke-system-key", event).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
    }
    let event = json!({ "tenantId": acme, "keyId": id });
    stack.invoke("revoke-system-key", event).await.unwrap();
    let own = gateway.get(&format!("{KEYS}/self/details")).await;
    refused(&own, 401, "AB05");
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_knows_no_keys_but_its_own() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let evil = stack.portkey_with(&stack.evil().organisation_service_key);
    let (id, made) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    assert!(!ids(&ok(&evil.get(KEYS).await)).contains(&id));
    assert_eq!(ok(&evil.get(KEYS).await)["total"], 3);
    refused(
        &evil
            .get(&format!("{KEYS}?workspace_id={}", acme.workspace_id))
            .await,
        404,
        "AB08",
    );
    assert_eq!(
        ok(&evil.get(&format!("{KEYS}?workspace_id=ws-default")).await)["total"],
        2,
        "by that name it has one itself"
    );
    for id in [
        id.as_str(),
        "7f000000-0000-4000-8000-000000000001",
        "no-id",
        "self",
    ] {
        let path = format!("{KEYS}/{id}");
        for answer in [
            evil.get(&path).await,
            evil.put(&path, &json!({ "name": "mine" })).await,
            evil.delete(&path).await,
            evil.post(&format!("{path}/rotate"), &json!({})).await,
        ] {
            assert_eq!(refused(&answer, 404, "AB08"), "API key not found", "{id}");
        }
    }
    let mut theirs = with_scopes(&["mcp_servers.list"]);
    theirs["workspace_id"] = json!(acme.workspace_id);
    refused(
        &evil
            .post(&format!("{KEYS}/workspace/service"), &theirs)
            .await,
        404,
        "AB08",
    );
    let mut theirs = with_scopes_only(&[]);
    theirs["organisation_id"] = json!(acme.tenant_id);
    refused(
        &evil
            .post(&format!("{KEYS}/organisation/service"), &theirs)
            .await,
        400,
        "AB01",
    );
    super::opens(&stack, &made).await;
    let row = super::shown(&api, &id).await;
    assert_eq!(
        (&row["name"], &row["last_updated_at"]),
        (&json!("for a test"), &row["created_at"])
    );
}
