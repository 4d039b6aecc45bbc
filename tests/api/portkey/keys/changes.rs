//! What can be changed of a key, and by whom.

use harness::stack::TestStack;
use http::Method;
use serde_json::{Value, json};

use super::super::{SERVERS, key, ok, refused};
use super::{KEYS, make, opens, shown, with_scopes};

#[tokio::test]
async fn a_change_is_of_what_is_given_and_counts_at_once() {
    let stack = TestStack::start().await;
    let (api, listed) = (
        stack.portkey(),
        format!("{SERVERS}?workspace_id=ws-default"),
    );
    let (id, made) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let path = format!("{KEYS}/{id}");
    stack.clock.turn_seconds(60);
    let mut expected = shown(&api, &id).await;
    for (change, member) in [
        (json!({ "name": "renamed" }), "name"),
        (json!({ "description": "a text" }), "description"),
        (
            json!({ "expires_at": "2100-01-01T00:00:00.000Z" }),
            "expires_at",
        ),
        (
            json!({ "scopes": ["mcp_servers.read", "mcp_servers.list"] }),
            "scopes",
        ),
        (json!({ "rate_limits": [{ "value": 1 }] }), "rate_limits"),
        (
            json!({ "usage_limits": { "credit_limit": 1 } }),
            "usage_limits",
        ),
        (json!({ "defaults": { "metadata": {} } }), "defaults"),
        (json!({ "alert_emails": [] }), "alert_emails"),
        (json!({ "rotation_policy": { "x": 1 } }), "rotation_policy"),
    ] {
        assert_eq!(ok(&api.put(&path, &change).await), json!({}));
        expected[member] = change[member].clone();
        let mut after = shown(&api, &id).await;
        assert_ne!(after["last_updated_at"], after["created_at"]);
        after["last_updated_at"] = expected["last_updated_at"].clone();
        assert_eq!(after, expected, "{change}");
    }
    // Null takes away what can be absent, and says nothing of what cannot.
    for member in [
        "description",
        "expires_at",
        "rate_limits",
        "usage_limits",
        "defaults",
        "alert_emails",
        "rotation_policy",
    ] {
        ok(&api.put(&path, &json!({ member: null })).await);
        assert!(shown(&api, &id).await.get(member).is_none(), "{member}");
    }
    let before = shown(&api, &id).await;
    for nothing in [
        json!({}),
        json!({ "name": null, "scopes": null, "type": null, "unknown": 1 }),
        json!({ "name": "renamed" }),
    ] {
        stack.clock.turn_seconds(60);
        ok(&api.put(&path, &nothing).await);
        assert_eq!(shown(&api, &id).await, before, "{nothing}");
    }
    // What a key may do changes with it, at its next request.
    opens(&stack, &made).await;
    ok(&api
        .put(&path, &json!({ "scopes": ["mcp_servers.read"] }))
        .await);
    refused(&stack.portkey_with(&made).get(&listed).await, 403, "AB03");
    let fields = ok(&api.get(&format!("/v1/audit-logs?resource_id={id}")).await)["data"][0]["changed_fields"].clone();
    assert_eq!(fields, json!(["scopes"]));
}

#[tokio::test]
async fn kind_and_user_and_workspace_of_a_key_stay() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let mut body = with_scopes(&["mcp_servers.list"]);
    body["user_id"] = json!(acme.user_id);
    let (id, _) = make(&api, "workspace/user", &body).await;
    let path = format!("{KEYS}/{id}");
    let same = json!({ "type": "workspace-user", "user_id": acme.user_id, "organisation_id": acme.tenant_id, "name": "same" });
    ok(&api.put(&path, &same).await);
    let before = shown(&api, &id).await;
    for (change, told) in [
        (
            json!({ "type": "organisation-service", "user_id": acme.tenant_id, "name": "x" }),
            "type cannot be changed; user_id cannot be changed",
        ),
        (
            json!({ "type": "workspace-service" }),
            "type cannot be changed",
        ),
        (json!({ "type": "system" }), "type cannot be changed"),
        (json!({ "type": "mine" }), "type must be"),
        (json!({ "user_id": "x" }), "user_id must be a UUID"),
    ] {
        let message = refused(&api.put(&path, &change).await, 400, "AB01");
        assert!(message.contains(told), "{change}: {message}");
    }
    let other = super::another_workspace(&stack).await;
    ok(&api.put(&path, &json!({ "workspace_id": other })).await);
    assert_eq!(shown(&api, &id).await, before);
    // Another kind of key has no user to name.
    let (service, _) = make(&api, "workspace/service", &with_scopes(&[])).await;
    refused(
        &api.put(
            &format!("{KEYS}/{service}"),
            &json!({ "user_id": acme.user_id }),
        )
        .await,
        400,
        "AB01",
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_changed() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, _) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let path = format!("{KEYS}/{id}");
    let before = shown(&api, &id).await;
    let refuse = async |change: Value, told: &str| {
        let message = refused(&api.put(&path, &change).await, 400, "AB01");
        assert!(message.contains(told), "{change}: {message}");
    };
    refuse(
        json!({ "name": "", "description": "x" }),
        "name must be 1 to 255",
    )
    .await;
    refuse(
        json!({ "description": "x".repeat(501) }),
        "description must be at most 500",
    )
    .await;
    refuse(
        json!({ "scopes": "mcp.invoke" }),
        "scopes must be a list of strings",
    )
    .await;
    refuse(
        json!({ "scopes": ["workspaces.read"] }),
        "workspaces.read is no scope for a key of this kind",
    )
    .await;
    refuse(
        json!({ "expires_at": "2020-01-01T00:00:00Z" }),
        "expires_at must lie in the future",
    )
    .await;
    refuse(json!({ "expires_at": 7 }), "expires_at must be a string").await;
    refuse(
        json!({ "rate_limits": {} }),
        "rate_limits must be a list of objects",
    )
    .await;
    refuse(json!({ "defaults": "x" }), "defaults must be an object").await;
    refuse(
        json!({ "defaults": { "x": "x".repeat(16_384) } }),
        "more than 16384 bytes",
    )
    .await;
    refuse(json!({ "organisation_id": "x" }), "organisation_id must be").await;
    let silent = api.send(Method::PUT, &path, &[], None).await;
    refused(&silent, 400, "AB01");
    assert_eq!(shown(&api, &id).await, before);
}

/// A key may be given what its changer has, and keeps what it has, though he has it not.
#[tokio::test]
async fn nobody_adds_what_his_own_key_has_not() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, _) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.read", "mcp_servers.list"]),
    )
    .await;
    let changer = stack.portkey_with(
        &key(
            &stack,
            "workspace/service",
            &["workspace_service_api_keys.update", "mcp_servers.create"],
        )
        .await,
    );
    let path = format!("{KEYS}/{id}");
    let set = async |scopes: &[&str]| changer.put(&path, &json!({ "scopes": scopes })).await;
    refused(
        &set(&["mcp_servers.read", "mcp_servers.update"]).await,
        403,
        "AB03",
    );
    refused(&set(&["mcp.invoke"]).await, 403, "AB03");
    ok(&set(&["mcp_servers.read", "mcp_servers.list", "mcp_servers.create"]).await);
    ok(&set(&["mcp_servers.read"]).await);
    refused(
        &set(&["mcp_servers.read", "mcp_servers.list"]).await,
        403,
        "AB03",
    );
    assert_eq!(
        shown(&api, &id).await["scopes"],
        json!(["mcp_servers.read"])
    );
    // Nor to itself.
    let own = key(
        &stack,
        "workspace/service",
        &["workspace_service_api_keys.update", "mcp_servers.list"],
    )
    .await;
    let own = stack.portkey_with(&own);
    let told = ok(&own.get(&format!("{KEYS}/self/details")).await);
    let own_path = format!(
        "{KEYS}/{}",
        super::text(&told["data"]["api_key_details"]["id"])
    );
    let more = json!({ "scopes": ["workspace_service_api_keys.update", "workspace_service_api_keys.create"] });
    refused(&own.put(&own_path, &more).await, 403, "AB03");
}

/// Each verb has its scope, and each kind of key scopes of its own.
#[tokio::test]
async fn a_right_to_keys_is_to_one_kind_and_one_verb() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let noun = |kind: &str| format!("{}_api_keys", kind.replace('/', "_"));
    let kinds = [
        "organisation/service",
        "workspace/service",
        "workspace/user",
    ];
    let mut targets = Vec::new();
    for kind in kinds {
        let body = match kind {
            "organisation/service" => super::with_scopes_only(&[]),
            "workspace/service" => with_scopes(&[]),
            _ => {
                json!({ "name": "x", "workspace_id": "ws-default", "user_id": acme.user_id, "scopes": [] })
            }
        };
        targets.push((kind, make(&api, kind, &body).await.0));
    }
    for held in ["read", "update", "rotate", "create"] {
        for held_kind in kinds {
            let scope = format!("{}.{held}", noun(held_kind));
            let client = stack.portkey_with(&key(&stack, "organisation/service", &[&scope]).await);
            for (kind, id) in &targets {
                let path = format!("{KEYS}/{id}");
                for (verb, answer) in [
                    ("read", client.get(&path).await),
                    (
                        "update",
                        client
                            .put(&path, &json!({ "name": format!("by {scope}") }))
                            .await,
                    ),
                    (
                        "rotate",
                        client.post(&format!("{path}/rotate"), &json!({})).await,
                    ),
                    ("delete", client.delete(&path).await),
                ] {
                    if verb == held && *kind == held_kind {
                        ok(&answer);
                    } else {
                        let told = refused(&answer, 403, "AB03");
                        assert!(
                            told.contains(&format!("{}.{verb}", noun(kind))),
                            "{scope}: {told}"
                        );
                    }
                }
            }
        }
    }
    for (kind, id) in &targets {
        let scope = format!("{}.delete", noun(kind));
        let client = stack.portkey_with(&key(&stack, "organisation/service", &[&scope]).await);
        for (other, id) in targets.iter().filter(|(other, _)| other != kind) {
            let answer = client.delete(&format!("{KEYS}/{id}")).await;
            assert!([403, 404].contains(&answer.status), "{other}: {answer:?}");
        }
        assert_eq!(ok(&client.delete(&format!("{KEYS}/{id}")).await), json!({}));
    }
}
