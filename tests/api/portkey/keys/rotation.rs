//! A key gets a new secret. The old one goes at once, or after a while.

use futures::future::join_all;
use harness::{client::Client, stack::TestStack};
use serde_json::{Value, json};
use shared::{ports::Clock as _, timestamp::Timestamp};

use super::super::{key, ok, refused, text};
use super::{KEYS, make, opens, opens_nothing, shown, with_scopes};

const HALF_AN_HOUR_MS: i64 = 1_800_000;

async fn rotate(client: &Client, id: &str, body: &Value) -> (String, Value) {
    let told = ok(&client.post(&format!("{KEYS}/{id}/rotate"), body).await);
    assert_eq!(
        (&told["id"], &told["object"]),
        (&json!(id), &json!("api-key"))
    );
    (text(&told["key"]), told)
}

#[tokio::test]
async fn without_a_time_the_old_key_ends_at_once() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, first) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let before = shown(&api, &id).await;
    let mut old = first;
    // With an empty body, with none, and with one that says nothing.
    for body in [
        Some(json!({})),
        None,
        Some(json!({ "key_transition_period_ms": null, "x": 1 })),
    ] {
        let path = format!("{KEYS}/{id}/rotate");
        let told = ok(&api
            .send(http::Method::POST, &path, &[], body.as_ref())
            .await);
        assert!(told.get("key_transition_expires_at").is_none(), "{told}");
        let new = text(&told["key"]);
        assert_ne!(new, old);
        opens_nothing(&stack, &old).await;
        opens(&stack, &new).await;
        old = new;
    }
    let mut after = shown(&api, &id).await;
    after["last_updated_at"] = before["last_updated_at"].clone();
    assert_eq!(after, before, "everything else stays");
    // The native API takes the new one as well.
    let (id, first) = make(
        &api,
        "organisation/service",
        &json!({ "name": "x", "scopes": ["organisation_mcp_integrations.list"] }),
    )
    .await;
    let (new, _) = rotate(&api, &id, &json!({})).await;
    assert_eq!(
        stack
            .with_key(&new)
            .get("/api/mcp-connections")
            .await
            .status,
        200
    );
    assert_eq!(
        stack
            .with_key(&first)
            .get("/api/mcp-connections")
            .await
            .status,
        401
    );
    let trail = ok(&api.get(&format!("/v1/audit-logs?resource_id={id}")).await);
    assert_eq!(trail["data"][0]["action"], "rotate");
}

#[tokio::test]
async fn the_old_key_opens_until_its_time_is_over() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, first) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let early = stack.clock.now();
    let (second, told) = rotate(
        &api,
        &id,
        &json!({ "key_transition_period_ms": HALF_AN_HOUR_MS }),
    )
    .await;
    let until = Timestamp::parse(told["key_transition_expires_at"].as_str().unwrap()).unwrap();
    let late = stack.clock.now();
    assert!(
        (early.millis()..=late.millis()).contains(&(until.millis() - HALF_AN_HOUR_MS)),
        "{told}"
    );
    for key in [&first, &second] {
        opens(&stack, key).await;
    }
    // Both are one key: what is changed of it is changed of both.
    assert_eq!(
        ok(&stack
            .portkey_with(&first)
            .get(&format!("{KEYS}/self/details"))
            .await)["data"]["api_key_details"]["id"],
        json!(id)
    );
    stack.clock.turn_seconds(29 * 60);
    for key in [&first, &second] {
        opens(&stack, key).await;
    }
    stack.clock.turn_seconds(61);
    opens_nothing(&stack, &first).await;
    opens(&stack, &second).await;

    // Of three, two open: the one before the last is forgotten, though its time was not over.
    let (third, _) = rotate(
        &api,
        &id,
        &json!({ "key_transition_period_ms": 2_592_000_000_u64 }),
    )
    .await;
    let (fourth, _) = rotate(
        &api,
        &id,
        &json!({ "key_transition_period_ms": HALF_AN_HOUR_MS }),
    )
    .await;
    opens_nothing(&stack, &second).await;
    opens(&stack, &third).await;
    opens(&stack, &fourth).await;
    // Rotated once more without a time, both end; and with the key ends whatever still opened.
    let (fifth, _) = rotate(&api, &id, &json!({})).await;
    opens_nothing(&stack, &third).await;
    opens_nothing(&stack, &fourth).await;
    let (sixth, _) = rotate(
        &api,
        &id,
        &json!({ "key_transition_period_ms": HALF_AN_HOUR_MS }),
    )
    .await;
    ok(&api.delete(&format!("{KEYS}/{id}")).await);
    opens_nothing(&stack, &fifth).await;
    opens_nothing(&stack, &sixth).await;
}

#[tokio::test]
async fn the_time_has_bounds() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, made) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let path = format!("{KEYS}/{id}/rotate");
    for (period, told) in [
        (json!(0), "must be between 1800000 and 2592000000"),
        (json!(1_799_999), "must be between 1800000 and 2592000000"),
        (
            json!(2_592_000_001_u64),
            "must be between 1800000 and 2592000000",
        ),
        (json!(1e300), "must be a whole number"),
        (json!(-1_800_000), "must be a whole number"),
        (json!(1_800_000.5), "must be a whole number"),
        (json!("1800000"), "must be a whole number"),
        (json!(true), "must be a whole number"),
    ] {
        let body = json!({ "key_transition_period_ms": period });
        let message = refused(&api.post(&path, &body).await, 400, "AB01");
        assert_eq!(
            message,
            format!("key_transition_period_ms {told}"),
            "{period}"
        );
    }
    opens(&stack, &made).await;
    let before = shown(&api, &id).await;
    assert_eq!(before["last_updated_at"], before["created_at"]);
    for period in [json!(1_800_000), json!(1.8e6), json!(2_592_000_000_u64)] {
        let (_, told) = rotate(&api, &id, &json!({ "key_transition_period_ms": period })).await;
        assert!(told["key_transition_expires_at"].is_string());
    }
}

/// Who rotates a key has it afterwards, so he must have what it may do.
#[tokio::test]
async fn nobody_rotates_himself_into_more_than_he_has() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let scopes = ["mcp_servers.list", "mcp_servers.delete"];
    let (id, made) = make(&api, "workspace/service", &with_scopes(&scopes)).await;
    let path = format!("{KEYS}/{id}/rotate");
    let rotator = ["workspace_service_api_keys.rotate", "mcp_servers.list"];
    let weak = stack.portkey_with(&key(&stack, "workspace/service", &rotator).await);
    assert!(refused(&weak.post(&path, &json!({})).await, 403, "AB03").contains("own key has"));
    opens(&stack, &made).await;
    let strong = [
        "workspace_service_api_keys.rotate",
        "mcp_servers.list",
        "mcp_servers.delete",
    ];
    let strong = stack.portkey_with(&key(&stack, "workspace/service", &strong).await);
    let (new, _) = rotate(&strong, &id, &json!({})).await;
    opens(&stack, &new).await;
    opens_nothing(&stack, &made).await;

    // A key has what it has itself, so it may rotate itself, and the answer is the last that the old one gets.
    let (own_id, own) = make(&api, "workspace/service", &with_scopes(&rotator)).await;
    let (renewed, _) = rotate(&stack.portkey_with(&own), &own_id, &json!({})).await;
    opens_nothing(&stack, &own).await;
    // So it may with its old secret, as long as that opens.
    let (last, _) = rotate(
        &stack.portkey_with(&renewed),
        &own_id,
        &json!({ "key_transition_period_ms": HALF_AN_HOUR_MS }),
    )
    .await;
    let (newest, _) = rotate(&stack.portkey_with(&renewed), &own_id, &json!({})).await;
    opens_nothing(&stack, &renewed).await;
    opens_nothing(&stack, &last).await;
    opens(&stack, &newest).await;
    // A key of the organisation gives mcp.invoke without having it, and so rotates what has it.
    let (invoking, _) = make(&api, "workspace/service", &with_scopes(&["mcp.invoke"])).await;
    rotate(&api, &invoking, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_rotations_the_last_one_counts() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (id, first) = make(
        &api,
        "workspace/service",
        &with_scopes(&["mcp_servers.list"]),
    )
    .await;
    let (path, body) = (format!("{KEYS}/{id}/rotate"), json!({}));
    let answers = join_all((0..16).map(|_| api.post(&path, &body))).await;
    let mut good = 0;
    for answer in &answers {
        if answer.status == 200 {
            let client = stack.portkey_with(answer.json()["key"].as_str().unwrap());
            good += usize::from(client.get(super::SERVERS).await.status == 200);
        } else {
            refused(answer, 409, "AB07");
        }
    }
    assert_eq!(good, 1);
    opens_nothing(&stack, &first).await;
}
