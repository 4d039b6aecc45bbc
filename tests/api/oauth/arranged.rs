//! What is arranged for a client when it is made: read, refused by name, and never shown.

use harness::{stack::TestStack, stored};
use serde_json::{Value, json};

const URL: &str = "https://mcp.example.com/mcp";

fn client(config: Value) -> Value {
    json!({ "name": "arranged", "connection_type": "http", "connection_string": URL, "auth_type": "oauth", "oauth_config": config })
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for (config, field) in [
        (json!({ "client_id": "has space" }), "client_id"),
        (json!({ "client_id": "<REDACTED>" }), "client_id"),
        (json!({ "client_id": "env.ID" }), "client_id"),
        (json!({ "client_id": 7 }), "client_id"),
        (json!({ "client_secret": "s" }), "client_secret"),
        (json!({ "authorize_url": "javascript:x" }), "authorize_url"),
        (json!({ "token_url": "https://u:p@h/" }), "token_url"),
        (json!({ "authorize_url": "https://h/a" }), "token_url"),
        (json!({ "token_url": "https://h/t" }), "authorize_url"),
        (
            json!({ "registration_url": "/register" }),
            "registration_url",
        ),
        (json!({ "scopes": ["a b"] }), "scopes"),
        (json!({ "scopes": "a" }), "scopes"),
        (json!({ "resource": "a b" }), "resource"),
        (json!({ "access_token": "a" }), "access_token"),
    ] {
        let answer = api.post("/api/mcp/client", &client(config.clone())).await;
        assert_eq!(answer.status, 400, "{config}: {answer:?}");
        let named = format!("oauth_config.{field}");
        assert_eq!(answer.json()["error"]["param"], named, "{config}");
    }
    let answer = api.post("/api/mcp/client", &client(json!("x"))).await;
    assert_eq!(answer.json()["error"]["param"], "oauth_config");
    let mut elsewhere = client(json!({ "client_id": "c" }));
    elsewhere["auth_type"] = json!("headers");
    let answer = api.post("/api/mcp/client", &elsewhere).await;
    assert_eq!(answer.json()["error"]["param"], "oauth_config");
    let process = json!({ "name": "p", "connection_type": "stdio", "stdio_config": { "command": "x" }, "auth_type": "oauth" });
    let answer = api.post("/api/mcp/client", &process).await;
    assert_eq!(answer.json()["error"]["param"], "auth_type");
    assert_eq!(api.get("/api/mcp/clients").await.json(), json!([]));
}

#[tokio::test]
async fn what_is_secret_goes_in_and_does_not_come_out() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let config = json!({
        "client_id": { "value": "the-client-id", "env_var": "", "from_env": false },
        "client_secret": "the-client-secret",
        "authorize_url": "https://as.example.com/authorize",
        "token_url": "https://as.example.com/token",
        "scopes": ["a", "b"],
    });
    let answer = api.post("/api/mcp/client", &client(config)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.json()["mcp_client_id"].as_str().unwrap().to_owned();
    let text = format!("{:?}", stored::items(&stack.stack));
    assert!(text.contains("https://as.example.com/authorize"));
    for secret in ["the-client-id", "the-client-secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
    // Nor is any of it written by another vocabulary; what was read may be sent back.
    let path = format!("/v1/mcp-integrations/{id}");
    let shown = stack.portkey().get(&path).await.json();
    let same = json!({ "configurations": shown["configurations"] });
    let answer = stack.portkey().put(&path, &same).await;
    assert_eq!(answer.status, 200, "{same}: {answer:?}");
    for oauth in [
        json!({ "tokens": { "access_token": "mine" } }),
        json!({ "client_id": "another" }),
        json!("x"),
    ] {
        let body = json!({ "configurations": { "oauth": oauth } });
        let answer = stack.portkey().put(&path, &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
}
