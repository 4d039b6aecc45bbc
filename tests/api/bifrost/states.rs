//! The five states over HTTP, each with its reason.

use harness::{
    peers::{Behaviour, Peer, Rmcp},
    stack::TestStack,
};
use serde_json::{Value, json};

use super::{change, create, ok, open, read, with_token};

#[tokio::test]
async fn each_client_shows_its_state_and_its_reason() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let good = Peer::rmcp(Rmcp::ALL[0]).start().await;
    let guarded = Peer::rmcp(Rmcp::ALL[0]).bearer("right").start().await;
    let empty = Peer::hostile(Behaviour::ManyTools(0)).start().await;
    let mut off = open("off", &good.url);
    off["disabled"] = json!(true);
    let clients = [
        (
            open("works", &good.url),
            "connected",
            "healthy",
            Value::Null,
            Value::Null,
        ),
        (
            open("lists_nothing", &empty.url),
            "connected",
            "healthy",
            json!("no_tools"),
            Value::Null,
        ),
        (
            with_token("dead_token", &guarded.url, "wrong"),
            "error",
            "error",
            json!("credential_rejected"),
            json!("credential"),
        ),
        (
            open("unreachable", "http://127.0.0.1:1/mcp"),
            "disconnected",
            "unstable",
            json!("connect_refused"),
            json!("connect"),
        ),
        (
            open("asks_for_one", &guarded.url),
            "error",
            "error",
            json!("auth_required"),
            json!("credential"),
        ),
        (off, "disabled", "disabled", Value::Null, Value::Null),
    ];
    let mut made = Vec::new();
    for (body, ..) in &clients {
        let id = create(&api, body).await;
        let fresh = read(&api, &id).await;
        if body["disabled"] != true {
            let shown = [
                &fresh["state"],
                &fresh["state_reason"],
                &fresh["health_state"],
            ];
            assert_eq!(
                shown,
                [
                    &json!("pending_tools"),
                    &json!("not_checked"),
                    &json!("pending_verification")
                ]
            );
        }
        made.push(id);
    }
    stack.clock.turn_to_next_minute();
    stack.tick().await;
    for (id, (body, state, health, reason, stage)) in made.iter().zip(&clients) {
        let client = read(&api, id).await;
        let name = &body["name"];
        assert_eq!(
            (&client["state"], &client["health_state"]),
            (&json!(state), &json!(health)),
            "{name}: {client}"
        );
        assert_eq!(client["state_reason"], *reason, "{name}");
        assert_eq!(client["last_failure"]["stage"], *stage, "{name}");
        if !stage.is_null() {
            let failure = &client["last_failure"];
            assert_eq!(
                (&failure["at"], &failure["since"]),
                (&client["last_checked_at"], &client["last_checked_at"]),
                "{name}"
            );
            assert!(
                failure["message"]
                    .as_str()
                    .unwrap()
                    .starts_with(reason.as_str().unwrap()),
                "{failure}"
            );
            assert!(
                client["remedy"].is_string() || state == &"disconnected",
                "{client}"
            );
        }
    }

    // A good check ends the failure, a bad one begins it, and what is switched off is neither.
    ok(&change(
        &api,
        &made[2],
        &json!({ "headers": { "Authorization": "Bearer right" } }),
    )
    .await);
    stack.clock.turn_to_next_minute();
    stack.tick().await;
    let mended = read(&api, &made[2]).await;
    assert_eq!(
        (&mended["state"], &mended["last_failure"]),
        (&json!("connected"), &Value::Null)
    );
    ok(&change(&api, &made[0], &json!({ "disabled": true })).await);
    assert_eq!(read(&api, &made[0]).await["state"], "disabled");
}
