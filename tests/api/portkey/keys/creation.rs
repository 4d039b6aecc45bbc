//! How keys are made, and that they are shown once.

use harness::{stack::TestStack, stored};
use http::Method;
use serde_json::{Value, json};

use super::super::{SERVERS, ok, refused};
use super::{KEYS, make, shown, total, with_scopes};

#[tokio::test]
async fn each_kind_of_key_reaches_what_its_kind_does() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let (_, server) = super::super::publish(&stack, "there").await;
    let other = super::another_workspace(&stack).await;
    let scopes = ["mcp_servers.list", "mcp_servers.read"];
    let mut of_user = with_scopes(&scopes);
    of_user["user_id"] = json!(acme.user_id);
    let of_organisation = json!({ "name": "for a test", "scopes": scopes });
    for (kind, body, workspace, user) in [
        ("organisation/service", of_organisation, None, None),
        (
            "workspace/service",
            with_scopes(&scopes),
            Some(&acme.workspace_id),
            None,
        ),
        (
            "workspace/user",
            of_user,
            Some(&acme.workspace_id),
            Some(&acme.user_id),
        ),
    ] {
        let (id, key) = make(&api, kind, &body).await;
        let row = shown(&api, &id).await;
        for (member, expected) in [
            ("id", json!(id)),
            ("object", json!("api-key")),
            ("name", json!("for a test")),
            ("type", json!(kind.replace('/', "-"))),
            ("organisation_id", json!(acme.tenant_id)),
            ("workspace_id", json!(workspace)),
            ("user_id", json!(user)),
            ("status", json!("active")),
            ("scopes", json!(scopes)),
            ("expires_at", json!(null)),
            ("last_updated_at", row["created_at"].clone()),
        ] {
            assert_eq!(row[member], expected, "{kind}: {member}");
        }
        // What it may do it may do at once, and where its kind does.
        let client = stack.portkey_with(&key);
        ok(&client.get(&format!("{SERVERS}/{server}")).await);
        let elsewhere = client.get(&format!("{SERVERS}?workspace_id={other}")).await;
        let unnamed = client.get(SERVERS).await;
        let connections = client.get(&format!("{SERVERS}/{server}/connections")).await;
        match workspace {
            None => {
                assert_eq!(ok(&elsewhere)["total"], 0);
                assert!(refused(&unnamed, 400, "AB01").contains("workspace_id is required"));
                assert!(refused(&connections, 400, "AB01").contains("workspace_id"));
            }
            Some(_) => {
                refused(&elsewhere, 403, "AB03");
                assert_eq!(ok(&unnamed)["total"], 1);
                assert_eq!(ok(&connections)["total"], 0);
            }
        }
    }
    let deeds = ok(&api.get("/v1/audit-logs").await);
    let first = &deeds["data"][0];
    assert_eq!(
        (&first["action"], &first["resource_type"]),
        (&json!("create"), &json!("api_key"))
    );
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_is_shown_once_and_stored_nowhere() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let scopes = [
        "mcp_servers.list",
        "workspace_service_api_keys.list",
        "workspace_service_api_keys.read",
    ];
    let (id, first) = make(&api, "workspace/service", &with_scopes(&scopes)).await;
    let rotated = ok(&api
        .post(
            &format!("{KEYS}/{id}/rotate"),
            &json!({ "key_transition_period_ms": 1_800_000 }),
        )
        .await);
    let second = super::text(&rotated["key"]);
    let (_, system) = system_key(&stack).await;
    let mut heard = Vec::new();
    for client in [
        &api,
        &stack.portkey_with(&first),
        &stack.portkey_with(&second),
    ] {
        for path in [
            KEYS.to_owned(),
            format!("{KEYS}/{id}"),
            format!("{KEYS}/self/details?include_organisation=true&include_workspace=true"),
            "/v1/audit-logs?page_size=500".to_owned(),
        ] {
            heard.push(client.get(&path).await.text());
        }
    }
    heard.push(
        api.put(&format!("{KEYS}/{id}"), &json!({ "name": "renamed" }))
            .await
            .text(),
    );
    heard.push(serde_json::to_string(&stored::raw_items(&stack.stack)).unwrap());
    heard.push(api.delete(&format!("{KEYS}/{id}")).await.text());
    heard.push(serde_json::to_string(&stored::raw_items(&stack.stack)).unwrap());
    heard.push(harness::log::text());
    for key in [
        &first,
        &second,
        &system,
        &stack.acme().organisation_service_key,
    ] {
        let secret = key.rsplit('_').next().unwrap();
        assert_eq!(secret.len(), 64);
        for text in &heard {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // Nor is there anything to read of a hash.
    let answers = &heard[..heard.len() - 4];
    assert!(
        answers.iter().all(|text| !text.contains("hash")),
        "{answers:?}"
    );
}

/// Makes a key for the gateway; gives its id and itself.
pub async fn system_key(stack: &TestStack) -> (String, String) {
    let event = json!({ "tenantId": stack.acme().tenant_id });
    let made = stack.invoke("create-system-key", event).await.unwrap();
    (super::text(&made["keyId"]), super::text(&made["key"]))
}

#[tokio::test]
async fn what_a_key_was_made_with_is_shown_as_it_came() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let mut body = with_scopes(&["mcp_servers.list"]);
    let given = json!({
        "name": "every 🔑 there is", "description": "on\ntwo lines", "expires_at": "2100-01-01T00:00:00.000Z",
        "rate_limits": [{ "type": "requests", "unit": "rpm", "value": 100 }],
        "usage_limits": { "credit_limit": 10, "alert_threshold": null },
        "defaults": { "metadata": { "team": "a" }, "config_id": "pc-1", "allow_config_override": false },
        "alert_emails": ["a@example.com"], "rotation_policy": { "rotation_period": "monthly" },
    });
    for (name, value) in given.as_object().unwrap() {
        body[name] = value.clone();
    }
    body["organisation_id"] = json!(stack.acme().tenant_id);
    body["something_new"] = json!({ "x": 1 });
    let made = ok(&api.post("/v2/api-keys/workspace/service", &body).await);
    let row = shown(&api, made["id"].as_str().unwrap()).await;
    for (member, expected) in given.as_object().unwrap() {
        assert_eq!(row[member], *expected, "{member}");
    }
    assert!(row.get("something_new").is_none());

    // Null says nothing, and so does what is left out.
    let mut silent = with_scopes(&[]);
    for name in [
        "description",
        "user_id",
        "expires_at",
        "rate_limits",
        "defaults",
        "alert_emails",
    ] {
        silent[name] = json!(null);
    }
    let (id, _) = make(&api, "workspace/service", &silent).await;
    let row = shown(&api, &id).await;
    for member in [
        "description",
        "user_id",
        "expires_at",
        "rate_limits",
        "usage_limits",
        "defaults",
    ] {
        assert!(row.get(member).is_none(), "{row}");
    }
    assert_eq!(row["scopes"], json!([]));
    let mut limits = with_scopes(&[]);
    limits["usage_limits"] = json!([{ "credit_limit": 1 }]);
    let (id, _) = make(&api, "workspace/service", &limits).await;
    assert_eq!(
        shown(&api, &id).await["usage_limits"],
        limits["usage_limits"],
        "a list as well"
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_made() {
    let stack = TestStack::start().await;
    let (api, acme) = (stack.portkey(), stack.acme());
    let before = total(&api).await;
    let change = |member: &str, value: Value| {
        let mut body = with_scopes(&["mcp_servers.list"]);
        body[member] = value;
        body
    };
    let long = |n: usize| json!("x".repeat(n));
    let unnamed = json!({ "name": "x", "scopes": [] });
    let (service, user, organisation) = (
        "workspace/service",
        "workspace/user",
        "organisation/service",
    );
    for (kind, body, told) in [
        (
            organisation,
            json!({}),
            "name is required; scopes is required",
        ),
        (
            service,
            json!({ "name": null }),
            "name is required; scopes is required",
        ),
        (
            user,
            json!({}),
            "name is required; scopes is required; user_id is required",
        ),
        (service, change("name", json!(" ")), "name must be 1 to 255"),
        (service, change("name", long(256)), "name must be 1 to 255"),
        (
            service,
            change("name", json!("a\u{7}")),
            "name must be 1 to 255",
        ),
        (service, change("name", json!(7)), "name must be a string"),
        (
            service,
            change("description", long(501)),
            "description must be at most 500",
        ),
        (
            service,
            change("scopes", json!("mcp_servers.list")),
            "scopes must be a list of strings",
        ),
        (
            service,
            change("scopes", json!([7])),
            "scopes must be a list of strings",
        ),
        (
            service,
            change("scopes", json!(["All of them"])),
            "scopes must be lower-case words",
        ),
        (
            service,
            change("expires_at", json!("tomorrow")),
            "expires_at must be a date",
        ),
        (
            service,
            change("expires_at", json!("2020-01-01T00:00:00Z")),
            "expires_at must lie in the future",
        ),
        (
            service,
            change("organisation_id", json!("x")),
            "organisation_id must be the organisation",
        ),
        (
            service,
            change("workspace_id", json!("a b")),
            "workspace_id must be a UUID or a slug",
        ),
        (service, unnamed, "workspace_id is required"),
        (
            organisation,
            change("x", json!(1)),
            "workspace_id does not go with an API key of the organisation",
        ),
        (
            service,
            change("user_id", json!(acme.user_id)),
            "user_id goes with an API key of a user only",
        ),
        (
            user,
            change("user_id", json!("somebody")),
            "user_id must be a UUID",
        ),
        (
            user,
            change("user_id", json!(acme.tenant_id)),
            "user_id is no user of this workspace",
        ),
        (
            service,
            change("rate_limits", json!({})),
            "rate_limits must be a list of objects",
        ),
        (
            service,
            change("usage_limits", json!(7)),
            "usage_limits must be an object or a list of objects",
        ),
        (
            service,
            change("defaults", json!([])),
            "defaults must be an object",
        ),
        (
            service,
            change("alert_emails", json!([1])),
            "alert_emails must be a list of strings",
        ),
        (
            service,
            change("rotation_policy", json!("x")),
            "rotation_policy must be an object",
        ),
        (
            service,
            change("defaults", json!({ "x": long(16_384) })),
            "limits and defaults of more than 16384 bytes",
        ),
        (
            service,
            json!({ "name": "", "scopes": 1, "expires_at": 7 }),
            "scopes must be a list of strings; expires_at must be",
        ),
    ] {
        let message = refused(
            &api.post(&format!("{KEYS}/{kind}"), &body).await,
            400,
            "AB01",
        );
        assert!(message.contains(told), "{kind} {body}: {message}");
    }
    let service = format!("{KEYS}/{service}");
    refused(
        &api.post(&service, &change("workspace_id", json!("ws-unknown")))
            .await,
        404,
        "AB08",
    );
    refused(
        &api.post(&service, &change("workspace_id", json!(acme.user_id)))
            .await,
        404,
        "AB08",
    );
    let json = [("content-type", "application/json")];
    let broken = api
        .send_raw(Method::POST, &service, &json, b"[]".to_vec())
        .await;
    assert!(refused(&broken, 400, "AB01").contains("must be a JSON object"));
    let silent = api.send(Method::POST, &service, &[], None).await;
    refused(&silent, 400, "AB01");
    assert_eq!(total(&api).await, before);
}
