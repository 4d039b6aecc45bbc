//! Makes every function of virtual keys do all that it can do.

use harness::{
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use http::Method;
use local::fault::SeenRequest;
use serde_json::{Value, json};

const KEYS: &str = "/api/governance/virtual-keys";
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let api = watched.api();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let [one, other] = [
        watched.register_open("one", &peer.url).await,
        watched.register_open("other", &peer.url).await,
    ];
    watched.tick().await;
    let grants = |configs: Value| json!({ "name": "ci", "mcp_configs": configs });
    let by_id = json!([{ "mcp_client_id": one, "tools_to_execute": ["*"] }]);
    let by_name = json!([{ "mcp_client_name": "other" }]);
    let unknown = json!([{ "mcp_client_name": "unknown" }]);
    let ask = async |method: Method, path: &str, body: &Value, expected: u16| {
        let sent = (!body.is_null()).then_some(body);
        let answer = api.send(method, path, &[], sent).await;
        assert_eq!(answer.status, expected, "{path} {body}: {answer:?}");
        answer
    };
    let mut made = Vec::new();
    for body in [
        grants(json!([])),
        grants(by_id.clone()),
        grants(by_name.clone()),
    ] {
        let answer = ask(Method::POST, KEYS, &body, 200).await;
        made.push(id_of(&answer.json()["virtual_key"]));
    }
    ask(Method::POST, KEYS, &grants(unknown.clone()), 400).await;
    // A workspace's key makes it for its own.
    let scopes = ["workspace_service_api_keys.create", "mcp.invoke"];
    let maker = json!({ "name": "maker", "workspace_id": "ws-default", "scopes": scopes });
    let maker = watched
        .portkey()
        .post("/v1/api-keys/workspace/service", &maker)
        .await
        .json();
    let maker = watched.with_key(maker["key"].as_str().unwrap());
    let own = maker.post(KEYS, &json!({ "name": "own" })).await;
    assert_eq!(own.status, 200, "{own:?}");

    // Seen from the client.
    let path = format!("/api/mcp/client/{one}");
    let to = |key: &str| json!({ "vk_configs": [{ "virtual_key_id": key }] });
    for (body, expected) in [
        (to(&made[0]), 200),
        (to(UNKNOWN), 400),
        (json!({ "vk_configs": [] }), 200),
    ] {
        ask(Method::PUT, &path, &body, expected).await;
        ask(Method::GET, &path, &Value::Null, 200).await;
        ask(Method::GET, "/api/mcp/clients", &Value::Null, 200).await;
    }
    let query = format!("/api/mcp/clients?virtual_keys={}", made[0]);
    ask(Method::GET, &query, &Value::Null, 200).await;

    for query in ["", "?limit=1&offset=1", "?search=CI", "?search=nothing"] {
        ask(Method::GET, &format!("{KEYS}{query}"), &Value::Null, 200).await;
    }
    for key in [&made[0], &made[1], UNKNOWN] {
        let expected = if key == UNKNOWN { 404 } else { 200 };
        let path = format!("{KEYS}/{key}");
        for body in [
            json!({}),
            json!({ "name": "renamed" }),
            grants(by_id.clone()),
            grants(by_name.clone()),
            grants(json!([])),
            grants(by_id.clone()),
        ] {
            ask(Method::PUT, &path, &body, expected).await;
        }
        ask(Method::GET, &path, &Value::Null, expected).await;
        ask(
            Method::GET,
            &format!("{path}/tools"),
            &Value::Null,
            expected,
        )
        .await;
        ask(
            Method::POST,
            &format!("{path}/rotate"),
            &Value::Null,
            expected,
        )
        .await;
    }
    ask(
        Method::PUT,
        &format!("{KEYS}/{}", made[0]),
        &grants(unknown),
        400,
    )
    .await;
    ask(
        Method::DELETE,
        &format!("{KEYS}/{}", made[0]),
        &Value::Null,
        200,
    )
    .await;
    ask(
        Method::DELETE,
        &format!("{KEYS}/{}", made[0]),
        &Value::Null,
        404,
    )
    .await;
    // The other vocabularies take grants away as well.
    let portkey = watched.portkey();
    let gone = portkey.delete(&format!("/v1/api-keys/{}", made[1])).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let gone = api.delete(&format!("/api/mcp-connections/{other}")).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    ask(
        Method::DELETE,
        &format!("{KEYS}/{}", made[2]),
        &Value::Null,
        200,
    )
    .await;
    with_a_workspace(&watched, &by_id).await;
    watched.seen()
}

/// With a workspace, and with a user, go keys; those of a user are granted nothing, and looked at all the same.
async fn with_a_workspace(watched: &TestStack, configs: &Value) {
    let portkey = watched.portkey();
    let founded = portkey
        .post("/v1/admin/workspaces", &json!({ "name": "going" }))
        .await
        .json();
    let workspace = id_of(&founded);
    let key = json!({ "name": "a key", "workspace_id": workspace, "scopes": ["mcp.invoke"] });
    let key = id_of(
        &portkey
            .post("/v1/api-keys/workspace/service", &key)
            .await
            .json(),
    );
    let granted = json!({ "mcp_configs": configs });
    let granted = watched.api().put(&format!("{KEYS}/{key}"), &granted).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let path = format!("/v1/admin/workspaces/{workspace}");
    let forced = json!({ "force_delete": true });
    let gone = portkey
        .send(Method::DELETE, &path, &[], Some(&forced))
        .await;
    assert_eq!(gone.status, 200, "{gone:?}");
}
