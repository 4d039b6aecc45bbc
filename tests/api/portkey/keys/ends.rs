//! How keys end: they are deleted, or their time is over.

use futures::future::join_all;
use harness::{stack::TestStack, stored};
use serde_json::json;
use shared::ports::Clock as _;

use super::super::{ok, refused};
use super::{KEYS, ids, make, opens, opens_nothing, shown, total, with_scopes, with_scopes_only};

#[tokio::test]
async fn a_deleted_key_opens_nothing() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let before = total(&api).await;
    let scopes = ["mcp_servers.list"];
    let mut of_user = with_scopes(&scopes);
    of_user["user_id"] = json!(acme.user_id);
    for (kind, body) in [
        ("organisation/service", with_scopes_only(&scopes)),
        ("workspace/service", with_scopes(&scopes)),
        ("workspace/user", of_user),
    ] {
        let (id, key) = make(&api, kind, &body).await;
        opens(&stack, &key).await;
        let path = format!("{KEYS}/{id}");
        assert_eq!(ok(&api.delete(&path).await), json!({}));
        opens_nothing(&stack, &key).await;
        for answer in [
            api.get(&path).await,
            api.put(&path, &json!({ "name": "back" })).await,
            api.post(&format!("{path}/rotate"), &json!({})).await,
            api.delete(&path).await,
        ] {
            assert_eq!(refused(&answer, 404, "AB08"), "API key not found");
        }
        let listed = ok(&api.get(KEYS).await);
        assert!(
            listed["total"] == before && !ids(&listed).contains(&id),
            "{listed}"
        );
        let trail = ok(&api.get(&format!("/v1/audit-logs?resource_id={id}")).await);
        let deeds: Vec<_> = trail["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["action"].clone())
            .collect();
        assert_eq!(deeds, ["delete", "create"]);
        assert!(
            !serde_json::to_string(&stored::raw_items(&stack.stack))
                .unwrap()
                .contains(&format!("KEY#{}", id.replace('-', "")))
        );
    }
    // The last thing that a key can do is to delete itself.
    let (id, key) = make(
        &api,
        "workspace/service",
        &with_scopes(&["workspace_service_api_keys.delete"]),
    )
    .await;
    ok(&stack
        .portkey_with(&key)
        .delete(&format!("{KEYS}/{id}"))
        .await);
    opens_nothing(&stack, &key).await;
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn an_expired_key_opens_nothing_until_its_time_is_made_longer() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, key) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let now = stack.clock.now();
    let soon = now.plus_seconds(60).to_string();
    ok(&api
        .put(&format!("{KEYS}/{id}"), &json!({ "expires_at": soon }))
        .await);
    assert_eq!(
        (
            &shown(&api, &id).await["status"],
            &shown(&api, &id).await["expires_at"]
        ),
        (&json!("active"), &json!(soon))
    );
    opens(&stack, &key).await;
    stack.clock.turn_seconds(61);
    opens_nothing(&stack, &key).await;
    assert_eq!(shown(&api, &id).await["status"], "expired");
    let listed = ok(&api.get(KEYS).await);
    let row = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == json!(id))
        .unwrap();
    assert_eq!(row["status"], "expired");
    // Other things can be said of it though its end lies behind, and said again itself.
    ok(&api
        .put(
            &format!("{KEYS}/{id}"),
            &json!({ "name": "renamed", "expires_at": soon }),
        )
        .await);
    refused(
        &api.put(
            &format!("{KEYS}/{id}"),
            &json!({ "expires_at": now.plus_seconds(30).to_string() }),
        )
        .await,
        400,
        "AB01",
    );
    opens_nothing(&stack, &key).await;
    // A new secret makes it no younger.
    let rotated = ok(&api.post(&format!("{KEYS}/{id}/rotate"), &json!({})).await);
    let key = super::text(&rotated["key"]);
    refused(&stack.portkey_with(&key).get(KEYS).await, 401, "AB05");
    ok(&api
        .put(&format!("{KEYS}/{id}"), &json!({ "expires_at": null }))
        .await);
    opens(&stack, &key).await;
    assert_eq!(shown(&api, &id).await["status"], "active");
}

/// Nothing tells a key that never was from one that was, or from another tenant's.
#[tokio::test]
async fn a_key_that_was_is_as_unknown_as_one_that_never_was() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, key) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    ok(&api.delete(&format!("{KEYS}/{id}")).await);
    let secret = key.rsplit('_').next().unwrap();
    let never = key.replace(secret, &"0".repeat(64));
    let foreign = key.replace(
        &stack.acme().tenant_id.replace('-', ""),
        &stack.evil().tenant_id.replace('-', ""),
    );
    let mut told = Vec::new();
    for key in [&key, &never, &foreign, &"sk-something-else".to_owned()] {
        let answer = stack.portkey_with(key).get(KEYS).await;
        refused(&answer, 401, "AB05");
        told.push(answer.anonymous());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_delete_a_key_all_find_it_gone() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, key) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let path = format!("{KEYS}/{id}");
    let answers = join_all((0..16).map(|_| api.delete(&path))).await;
    for answer in &answers {
        assert!([200, 404].contains(&answer.status), "{answer:?}");
    }
    opens_nothing(&stack, &key).await;
    assert_eq!(total(&api).await, 3);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}
