//! The schedule over the whole stack, with a clock that is turned: who is checked when, and what comes of it.

mod edits;
mod ticks;
mod turns;
mod verdicts;

use harness::{
    peers::Peer,
    stack::{TestStack, id_of},
};
use serde_json::{Value, json};
use shared::{ports::Clock as _, timestamp::Timestamp};

const CONNECTIONS: &str = "/api/mcp-connections";

async fn register(stack: &TestStack, name: &str, url: &str, interval: u32) -> String {
    let body = json!({ "name": name, "serverUrl": url, "authType": "none", "checkIntervalSeconds": interval });
    id_of(&stack.register(body).await)
}

/// Turns the clock to the next minute and lets its tick run.
async fn next_minute(stack: &TestStack) -> Value {
    stack.clock.turn_to_next_minute();
    stack.tick().await
}

/// Turns the clock to this moment.
fn turn_to(stack: &TestStack, moment: Timestamp) {
    let wait = moment.millis_since(stack.clock.now());
    stack.clock.turn_seconds(wait / 1000 + 1);
}

fn now(stack: &TestStack) -> Timestamp {
    stack.clock.now()
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().and_then(Timestamp::parse).expect("a moment")
}

/// Checks that a peer was asked for: each begins with this.
fn asked(peer: &Peer) -> usize {
    peer.seen()
        .iter()
        .filter(|seen| seen.rpc == "server/discover")
        .count()
}

async fn patch(stack: &TestStack, id: &str, change: Value) -> Value {
    let answer = stack
        .api()
        .patch(&format!("{CONNECTIONS}/{id}"), &change)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn health(stack: &TestStack, id: &str) -> Value {
    let answer = stack
        .api()
        .get(&format!("{CONNECTIONS}/{id}/health?limit=500"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The newest checks, oldest first: the status after each, why, and the seconds since the one before.
async fn latest(stack: &TestStack, id: &str, number: usize) -> Vec<(String, Option<String>, i64)> {
    let health = health(stack, id).await;
    let checks = health["checks"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found: Vec<_> = (0..number)
        .map(|n| {
            let since = checks.get(n + 1).map_or(0, |before| {
                moment(&checks[n]["at"]).millis_since(moment(&before["at"])) / 1000
            });
            let status = text(&checks[n]["status"]).expect("a status");
            (status, text(&checks[n]["statusReason"]), since)
        })
        .collect();
    found.reverse();
    found
}
