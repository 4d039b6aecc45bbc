//! Whose keys may do what with users, and in which workspace.

use harness::{
    client::{Answer, Client},
    stack::TestStack,
};
use serde_json::json;

use super::super::{key, ok, refused};
use super::{DEFAULT, ids, join, user, users_of};

const VERBS: [&str; 5] = ["create", "list", "read", "update", "delete"];

/// Does it to the first user.
async fn ask(client: &Client, path: &str, verb: &str) -> Answer {
    let one = format!("{path}/{}", user(1));
    match verb {
        "create" => client.post(path, &json!({ "users": [user(1)] })).await,
        "list" => client.get(path).await,
        "read" => client.get(&one).await,
        "update" => client.put(&one, &json!({ "role": "manager" })).await,
        _ => client.delete(&one).await,
    }
}

#[tokio::test]
async fn each_verb_has_its_scope() {
    let stack = TestStack::start().await;
    join(&stack.portkey(), DEFAULT, json!([user(1)])).await;
    for kind in [
        "organisation/service",
        "workspace/service",
        "workspace/user",
    ] {
        for held in VERBS {
            let scope = format!("workspace_users.{held}");
            let client = stack.portkey_with(&key(&stack, kind, &[&scope]).await);
            for verb in VERBS.into_iter().filter(|verb| *verb != held) {
                let told = refused(&ask(&client, DEFAULT, verb).await, 403, "AB03");
                assert!(
                    told.contains(&format!("workspace_users.{verb}")),
                    "{kind} {held}: {told}"
                );
            }
            ok(&ask(&client, DEFAULT, held).await);
        }
        join(&stack.portkey(), DEFAULT, json!([user(1)])).await;
    }
    // The first keys of a workspace have none of them.
    for key in [
        &stack.acme().workspace_service_key,
        &stack.acme().workspace_user_key,
    ] {
        for verb in VERBS {
            refused(
                &ask(&stack.portkey_with(key), DEFAULT, verb).await,
                403,
                "AB03",
            );
        }
    }
}

#[tokio::test]
async fn a_workspaces_key_reaches_its_own_workspace() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let other = users_of(&api, "Other").await;
    join(&api, &other, json!([user(1)])).await;
    let scopes = VERBS.map(|verb| format!("workspace_users.{verb}"));
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    for kind in ["workspace/service", "workspace/user"] {
        let client = stack.portkey_with(&key(&stack, kind, &scopes).await);
        for path in [
            &*other,
            "/v1/admin/workspaces/other/users",
            "/v1/admin/workspaces/ws-unknown/users",
        ] {
            for verb in VERBS {
                assert_eq!(
                    refused(&ask(&client, path, verb).await, 404, "AB08"),
                    "workspace not found",
                    "{path} {verb}"
                );
            }
        }
        let by_id = format!("/v1/admin/workspaces/{}/users", stack.acme().workspace_id);
        for path in [DEFAULT, &*by_id] {
            for verb in VERBS {
                ok(&ask(&client, path, verb).await);
            }
        }
    }
    assert_eq!(ids(&ok(&api.get(&other).await)), [user(1)]);
    assert_eq!(
        ok(&api.get(&format!("{other}/{}", user(1))).await)["role"],
        "member"
    );
}

#[tokio::test]
async fn a_tenant_knows_no_users_but_its_own() {
    let stack = TestStack::start().await;
    let (api, evil) = (
        stack.portkey(),
        stack.portkey_with(&stack.evil().organisation_service_key),
    );
    join(&api, DEFAULT, json!([user(1)])).await;
    let foreign = format!("/v1/admin/workspaces/{}/users", stack.acme().workspace_id);
    for verb in VERBS {
        refused(&ask(&evil, &foreign, verb).await, 404, "AB08");
    }
    // Of the same name it has one itself, in which nobody of that id is.
    for verb in ["read", "update", "delete"] {
        assert_eq!(
            refused(&ask(&evil, DEFAULT, verb).await, 404, "AB08"),
            "workspace user not found"
        );
    }
    assert_eq!(
        ids(&ok(&evil.get(DEFAULT).await)),
        [stack.evil().user_id.clone()]
    );
    assert_eq!(
        ids(&ok(&api.get(DEFAULT).await)),
        [stack.acme().user_id.clone(), user(1)]
    );
}
