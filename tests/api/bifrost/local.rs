//! Clients that run as a process beside a gateway: kept, shown, exported, and never run.

use harness::stack::TestStack;
use serde_json::{Value, json};

use super::{CLIENT, CLIENTS, change, create, ok, read, refused, wrong};

fn process(name: &str) -> Value {
    json!({ "name": name, "connection_type": "stdio", "stdio_config": { "command": "/bin/sh", "args": ["-c", "touch /tmp/steward-was-here"], "envs": ["HOME", "KEY=value"] } })
}

#[tokio::test]
async fn they_are_disabled_and_say_why() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let made = ok(&api.post(CLIENT, &process("files")).await);
    assert!(
        made["message"]
            .as_str()
            .unwrap()
            .contains("not_runnable_here"),
        "{made}"
    );
    let id = made["mcp_client_id"].as_str().unwrap();
    let inprocess = create(
        &api,
        &json!({ "name": "part", "connection_type": "inprocess" }),
    )
    .await;
    for _ in 0..3 {
        stack.clock.turn_to_next_minute();
        let ticked = stack.tick().await;
        assert_eq!(ticked["checks"], 0, "{ticked}");
    }
    for id in [id, &inprocess] {
        let client = read(&api, id).await;
        let shown = [
            &client["state"],
            &client["state_reason"],
            &client["next_check_at"],
            &client["last_checked_at"],
        ];
        assert_eq!(
            shown,
            [
                &json!("disabled"),
                &json!("not_runnable_here"),
                &Value::Null,
                &Value::Null
            ]
        );
        assert_eq!(client["config"]["connection_string"], "");
        for below in ["reconnect", "refresh-tools"] {
            let answer = api
                .post(&format!("{CLIENT}/{id}/{below}"), &json!({}))
                .await;
            refused(&answer, 422, "check_failed");
            assert_eq!(answer.json()["extra_fields"]["reason"], "not_runnable_here");
        }
        // Nor does any other vocabulary run it.
        let tested = stack
            .api()
            .post(&format!("/api/mcp-connections/{id}/test"), &json!({}))
            .await;
        assert_eq!(
            tested.json()["statusReason"],
            "not_runnable_here",
            "{tested:?}"
        );
        let tested = stack
            .portkey()
            .post(&format!("/v1/mcp-integrations/{id}/test"), &json!({}))
            .await;
        assert_eq!(
            tested.json()["details"]["reason"],
            "not_runnable_here",
            "{tested:?}"
        );
        assert_eq!(stack.read(id).await["statusReason"], "not_runnable_here");
    }
    assert!(!std::path::Path::new("/tmp/steward-was-here").exists());
    let listed = ok(&api
        .get(&format!("{CLIENTS}?connection_type=stdio,inprocess"))
        .await);
    assert_eq!(listed["count"], 2);
}

#[tokio::test]
async fn a_process_says_how_it_is_started_and_none_takes_what_is_sent_to_servers() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for config in [Value::Null, json!({}), json!({ "command": "" })] {
        let mut body = process("files");
        body["stdio_config"] = config;
        wrong(&api.post(CLIENT, &body).await, "stdio_config");
    }
    let inprocess = json!({ "name": "part", "connection_type": "inprocess" });
    for mut body in [process("files"), inprocess] {
        body["auth_type"] = json!("per_user_headers");
        body["per_user_header_keys"] = json!(["x-key"]);
        wrong(&api.post(CLIENT, &body).await, "auth_type");
    }
    assert_eq!(ok(&api.get(CLIENTS).await), json!([]));
}

#[tokio::test]
async fn they_cannot_be_given_an_address_later() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = create(&api, &process("files")).await;
    let url = "https://mcp.example.com/mcp";
    wrong(
        &change(&api, &id, &json!({ "connection_string": url })).await,
        "connection_string",
    );
    wrong(
        &change(&api, &id, &json!({ "connection_type": "http" })).await,
        "connection_type",
    );
    wrong(
        &change(
            &api,
            &id,
            &json!({ "stdio_config": { "command": "other" } }),
        )
        .await,
        "stdio_config",
    );
    wrong(
        &change(&api, &id, &json!({ "headers": { "X": "y" } })).await,
        "headers",
    );
    let native = stack
        .api()
        .patch(
            &format!("/api/mcp-connections/{id}"),
            &json!({ "serverUrl": url }),
        )
        .await;
    assert_eq!(
        (native.status, &native.json()["details"][0]["field"]),
        (400, &json!("/serverUrl"))
    );
    let path = format!("/v1/mcp-integrations/{id}");
    for change in [json!({ "url": url }), json!({ "transport": "http" })] {
        let answer = stack.portkey().put(&path, &change).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    // What has an address keeps one.
    let with_address = stack.register_open("remote", url).await;
    let answer = stack
        .api()
        .patch(
            &format!("/api/mcp-connections/{with_address}"),
            &json!({ "serverUrl": "local:" }),
        )
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");

    // Everything else about them can be changed, and they can go.
    ok(&change(
        &api,
        &id,
        &json!({ "name": "renamed", "tools_to_execute": ["read"] }),
    )
    .await);
    assert_eq!(read(&api, &id).await["config"]["name"], "renamed");
    ok(&api.delete(&format!("{CLIENT}/{id}")).await);
}

#[tokio::test]
async fn how_a_process_is_started_is_said_in_full() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for (field, config) in [
        ("stdio_config.command", json!({ "args": ["x"] })),
        (
            "stdio_config.command",
            json!({ "command": "" , "args": ["x"] }),
        ),
        (
            "stdio_config.args",
            json!({ "command": "npx", "args": "x" }),
        ),
        (
            "stdio_config.envs",
            json!({ "command": "npx", "envs": ["a\u{0}b"] }),
        ),
        // What was shown of another client.
        (
            "stdio_config.args",
            json!({ "command": "npx", "args": ["<REDACTED>"] }),
        ),
        (
            "stdio_config.envs",
            json!({ "command": "npx", "envs": ["KEY=<REDACTED>"] }),
        ),
        ("stdio_config.command", json!({ "command": "n\u{1b}px" })),
        ("stdio_config.cwd", json!({ "command": "npx", "cwd": "/" })),
    ] {
        let mut body = process("bad");
        body["stdio_config"] = config;
        wrong(&api.post(CLIENT, &body).await, field);
    }
    let mut body = process("bad");
    body["connection_string"] = json!("https://mcp.example.com/mcp");
    wrong(&api.post(CLIENT, &body).await, "connection_string");
}
