//! One row, several names: what is made under one vocabulary is seen under the other, with its health, and can be changed there.

use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use serde_json::json;

use super::{INTEGRATIONS, MASK, create, integration, ok, with_headers};

#[tokio::test]
async fn an_integration_is_a_connection() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0])
        .bearer("token-of-portkey")
        .start()
        .await;
    let body = with_headers(
        "made by Portkey's client",
        &peer.url,
        json!({ "Authorization": "Bearer token-of-portkey" }),
    );
    let id = create(&stack.portkey(), &body).await;

    let unchecked = stack.read(&id).await;
    assert_eq!(
        (&unchecked["status"], &unchecked["authType"]),
        (&json!("unknown"), &json!("bearer"))
    );
    assert_eq!(
        (&unchecked["name"], &unchecked["hasCredential"]),
        (&body["name"], &json!(true))
    );
    assert!(
        unchecked["serverUrl"]
            .as_str()
            .unwrap()
            .starts_with(&peer.url)
    );
    stack.tick().await;
    let checked = stack.read(&id).await;
    assert_eq!(
        (&checked["status"], &checked["toolCount"]),
        (&json!("active"), &json!(2)),
        "{checked}"
    );
    let shown = integration(&stack.portkey(), &id).await;
    assert_eq!(shown["health"]["status"], checked["status"]);
    assert_eq!(
        shown["health"]["last_checked_at"],
        checked["lastHealthCheckAt"]
    );
    assert_eq!(
        shown["metadata"]["protocol_version"],
        checked["protocolVersion"]
    );

    // The credential is replaced with proof under the other vocabulary, and what is shown here follows.
    peer.set_bearer("rotated-token");
    let rotated = stack
        .api()
        .put(
            &format!("/api/mcp-connections/{id}/credential"),
            &json!({ "bearerToken": "rotated-token" }),
        )
        .await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let told = ok(&stack
        .portkey()
        .post(&format!("{INTEGRATIONS}/{id}/test"), &json!({}))
        .await);
    assert_eq!(told["success"], true, "{told}");
    assert_eq!(
        integration(&stack.portkey(), &id).await["configurations"],
        json!({ "custom_headers": { "Authorization": MASK } })
    );

    let patched = stack
        .api()
        .patch(
            &format!("/api/mcp-connections/{id}"),
            &json!({ "name": "renamed natively" }),
        )
        .await;
    assert_eq!(patched.status, 200, "{patched:?}");
    assert_eq!(
        integration(&stack.portkey(), &id).await["name"],
        "renamed natively"
    );
    let found = ok(&stack
        .portkey()
        .get(&format!("{INTEGRATIONS}?search=natively"))
        .await);
    assert_eq!(found["total"], 1);

    assert_eq!(
        stack
            .api()
            .delete(&format!("/api/mcp-connections/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(
        stack
            .portkey()
            .get(&format!("{INTEGRATIONS}/{id}"))
            .await
            .status,
        404
    );
    assert_eq!(ok(&stack.portkey().get(INTEGRATIONS).await)["total"], 0);
}

#[tokio::test]
async fn a_connection_is_an_integration() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0])
        .api_key("x-key", "native-key")
        .start()
        .await;
    let made = stack
        .register(json!({ "name": "made natively", "serverUrl": peer.url, "authType": "api_key", "headerName": "X-Key", "apiKey": "native-key" }))
        .await;
    let id = harness::stack::id_of(&made);
    stack.tick().await;

    let api = stack.portkey();
    let shown = integration(&api, "made-natively").await;
    for (member, expected) in [
        ("id", json!(id)),
        ("name", json!("made natively")),
        ("auth_type", json!("headers")),
        ("transport", json!("http")),
        ("type", json!("organisation")),
        (
            "configurations",
            json!({ "custom_headers": { "x-key": MASK } }),
        ),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert_eq!(shown["health"]["status"], "active", "{shown}");

    // A masked value keeps the key that was stored natively, beside a second header that is new.
    let change =
        json!({ "configurations": { "custom_headers": { "X-Key": MASK, "X-More": "more" } } });
    ok(&api.put(&format!("{INTEGRATIONS}/{id}"), &change).await);
    peer.forget();
    let told = ok(&api
        .post(&format!("{INTEGRATIONS}/{id}/test"), &json!({}))
        .await);
    assert_eq!(told["success"], true, "{told}");
    assert!(
        peer.seen()
            .iter()
            .all(|seen| seen.header("x-more") == Some("more")
                && seen.header("x-key") == Some("native-key"))
    );
    let natively = stack.read(&id).await;
    assert_eq!(
        (&natively["authType"], &natively["hasCredential"]),
        (&json!("headers"), &json!(true))
    );
    // What has several headers cannot be replaced by one token, but keeps working through other changes.
    let rotated = stack
        .api()
        .put(
            &format!("/api/mcp-connections/{id}/credential"),
            &json!({ "apiKey": "x" }),
        )
        .await;
    assert_eq!(
        (rotated.status, rotated.code().as_str()),
        (409, "no_credential")
    );
    let patched = stack
        .api()
        .patch(
            &format!("/api/mcp-connections/{id}"),
            &json!({ "checkIntervalSeconds": 60 }),
        )
        .await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let told = ok(&api
        .post(&format!("{INTEGRATIONS}/{id}/test"), &json!({}))
        .await);
    assert_eq!(told["success"], true, "{told}");

    assert_eq!(
        ok(&api.delete(&format!("{INTEGRATIONS}/{id}")).await),
        json!({})
    );
    assert_eq!(
        stack
            .api()
            .get(&format!("/api/mcp-connections/{id}"))
            .await
            .status,
        404
    );
}

/// What belongs to one workspace is not shown to another's key, under the native API neither.
#[tokio::test]
async fn a_workspaces_integration_is_its_own_natively_too() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let other = ok(&api
        .post("/v1/admin/workspaces", &json!({ "name": "Other" }))
        .await);
    for (name, workspace) in [
        ("own", &json!(stack.acme().workspace_id)),
        ("theirs", &other["id"]),
        ("organisation's", &json!(null)),
    ] {
        let body = json!({ "name": name, "url": "https://mcp.example.com/mcp", "auth_type": "none", "transport": "http", "workspace_id": workspace });
        create(&api, &body).await;
    }
    let listed = stack
        .with_key(&stack.acme().workspace_service_key)
        .pages("/api/mcp-connections")
        .await
        .concat();
    let names: Vec<_> = listed
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["own", "organisation's"]);
    assert_eq!(
        stack
            .api()
            .pages("/api/mcp-connections")
            .await
            .concat()
            .len(),
        3
    );
}
