//! The audit trail: who did what to which resource, from where, whatever the vocabulary; and never what the secret was.

use harness::stack::TestStack;
use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, ok, publish, refused, text};

const TRAIL: &str = "/v1/audit-logs";

async fn trail(stack: &TestStack, query: &str) -> Value {
    ok(&stack.portkey().get(&format!("{TRAIL}?{query}")).await)
}

fn deeds(page: &Value) -> Vec<(String, String)> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["action"]), text(&row["resource_type"])))
        .collect()
}

#[tokio::test]
async fn every_change_is_on_record_whichever_vocabulary_made_it() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let (integration, server) = publish(&stack, "watched").await;
    let path = format!("{INTEGRATIONS}/{integration}");
    ok(&api.put(&path, &json!({ "description": "new", "configurations": { "headers": { "x": "s3cret-value" } }, "auth_type": "headers" })).await);
    ok(&api
        .put(
            &format!("{path}/capabilities"),
            &json!({ "capabilities": [{ "name": "x", "type": "tool", "enabled": false }] }),
        )
        .await);
    ok(&api
        .put(
            &format!("{SERVERS}/{server}/user-access"),
            &json!({ "default_user_access": "deny" }),
        )
        .await);
    let natively = stack
        .api()
        .patch(
            &format!("/api/mcp-connections/{integration}"),
            &json!({ "enabled": false }),
        )
        .await;
    assert_eq!(natively.status, 200, "{natively:?}");
    ok(&api.delete(&format!("{SERVERS}/{server}")).await);
    assert_eq!(
        stack
            .api()
            .delete(&format!("/api/mcp-connections/{integration}"))
            .await
            .status,
        204
    );

    let of_integration = trail(&stack, &format!("resource_id={integration}")).await;
    let expected = ["delete", "update", "update", "update", "update", "create"];
    assert_eq!(
        deeds(&of_integration),
        expected.map(|action| (action.to_owned(), "mcp_integration".to_owned()))
    );
    let fields: Vec<_> = of_integration["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["changed_fields"].clone())
        .collect();
    assert_eq!(fields[1], json!(["enabled"]));
    assert_eq!(fields[2], json!(["capabilities"]));
    for field in ["auth_type", "configurations", "description"] {
        assert!(
            fields[3].as_array().unwrap().contains(&json!(field)),
            "{}",
            fields[3]
        );
    }
    let row = &of_integration["data"][5];
    assert_eq!(
        (&row["source_ip"], &row["resource_id"]),
        (&json!("127.0.0.1"), &json!(integration))
    );
    assert!(!text(&row["request_id"]).is_empty());
    assert_eq!(
        deeds(&trail(&stack, &format!("resource_id={server}")).await).len(),
        3
    );
    let all = trail(&stack, "page_size=500").await;
    assert!(!all.to_string().contains("s3cret"), "{all}");
    assert_eq!(all["total"], all["data"].as_array().unwrap().len());

    // What failed left nothing.
    let before = all["total"].clone();
    refused(
        &api.put(&format!("{INTEGRATIONS}/unknown"), &json!({ "name": "x" }))
            .await,
        404,
        "AB08",
    );
    refused(&api.post(INTEGRATIONS, &json!({})).await, 400, "AB01");
    assert_eq!(trail(&stack, "").await["total"], before);
}

#[tokio::test]
async fn the_trail_is_asked_by_time_and_actor_and_paged() {
    let stack = TestStack::start().await;
    publish(&stack, "first").await;
    stack.clock.turn_seconds(3600);
    let keys = ok(&stack.portkey().get("/v1/api-keys").await);
    let admin = keys["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["type"] == "organisation-service")
        .unwrap()
        .clone();
    let between = ok(&stack.portkey().get(TRAIL).await)["data"][0]["created_at"].clone();
    let workspace_key = stack.portkey_with(&stack.acme().workspace_service_key);
    let mut own = super::open("of the workspace");
    own["workspace_id"] = json!("ws-default");
    ok(&workspace_key.post(INTEGRATIONS, &own).await);

    let all = trail(&stack, "").await;
    assert_eq!(all["total"], 4, "{all}");
    assert_eq!(
        all["data"][0]["actor"]["type"], "workspace-service",
        "newest first"
    );
    let by_admin = trail(&stack, &format!("actor={}", text(&admin["id"]))).await;
    assert_eq!(
        (&by_admin["total"], &by_admin["data"][0]["actor"]["key_id"]),
        (&json!(3), &admin["id"])
    );
    let earlier = trail(&stack, &format!("end_time={}", text(&between))).await;
    assert_eq!(earlier["total"], 3);
    let later = trail(&stack, "start_time=2100-01-01T00:00:00Z").await;
    assert_eq!((&later["total"], &later["data"]), (&json!(0), &json!([])));
    let page = trail(&stack, "page_size=3&current_page=1").await;
    assert_eq!(
        (
            &page["total"],
            page["data"].as_array().unwrap().len(),
            &page["has_more"]
        ),
        (&json!(4), 1, &json!(false))
    );
    assert_eq!(page["data"][0]["id"], all["data"][3]["id"]);

    refused(&workspace_key.get(TRAIL).await, 403, "AB03");
    let foreign = stack.portkey_with(&stack.evil().organisation_service_key);
    assert_eq!(ok(&foreign.get(TRAIL).await)["total"], 0);
    for query in ["start_time=x", "actor=x", "page_size=501"] {
        refused(
            &stack.portkey().get(&format!("{TRAIL}?{query}")).await,
            400,
            "AB01",
        );
    }
}
