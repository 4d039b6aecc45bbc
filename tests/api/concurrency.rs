//! What happens when many callers want something at the same time: one wins, nobody's work is lost, and nothing is left over.

mod checks;
mod creates;
mod edits;

use std::time::Duration;

use harness::{
    client::{Answer, Client},
    stack::TestStack,
};
use http::Method;
use serde_json::{Value, json};

const CONNECTIONS: &str = "/api/mcp-connections";
const MANY: usize = 64;

/// Nothing listens there, and nobody is to dial it.
const NOWHERE: &str = "http://127.0.0.1:9/mcp";

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// Answers with this status, and with this word where it is an error.
fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status && (code.is_empty() || answer.code() == code))
        .count()
}

fn bearer(name: &str, url: &str, token: &str) -> Value {
    json!({ "name": name, "serverUrl": url, "authType": "bearer", "bearerToken": token })
}

/// Sends a change until nobody else is at work on the connection, as the answer `busy` asks for.
async fn until_not_busy(api: &Client, method: Method, path: &str, body: Option<&Value>) -> Answer {
    for _ in 0..100 {
        let answer = api.send(method.clone(), path, &[], body).await;
        if answer.status != 409 || answer.code() != "busy" {
            return answer;
        }
        assert_eq!(answer.header("retry-after"), Some("1"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{path} stays busy");
}

/// A value of a secret, and its stages.
type StoredValue = (String, Vec<String>);

/// The secrets there are, each with its values and their stages.
fn secrets(stack: &TestStack) -> Vec<(String, Vec<StoredValue>)> {
    stack
        .stack
        .secrets_manager
        .secrets()
        .into_iter()
        .map(|secret| {
            let versions = secret.versions.into_iter().map(|version| {
                let value = String::from_utf8_lossy(&version.value).into_owned();
                (value, version.stages)
            });
            (secret.name, versions.collect())
        })
        .collect()
}

/// The one value in use of the one secret there is.
fn the_current_value(stack: &TestStack) -> String {
    let secrets = secrets(stack);
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    let current: Vec<_> = secrets[0]
        .1
        .iter()
        .filter(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"))
        .collect();
    assert_eq!(current.len(), 1, "{secrets:?}");
    let pending = |(_, stages): &StoredValue| stages.iter().any(|stage| stage == "AWSPENDING");
    assert!(!secrets[0].1.iter().any(pending), "{secrets:?}");
    current[0].0.clone()
}

/// Nothing is unfinished: a sweep long after finds nothing to repair.
async fn assert_nothing_left_over(stack: &TestStack) {
    stack.clock.turn_seconds(20 * 60);
    let swept = stack.sweep().await;
    assert_eq!(swept["repaired"], 0, "{swept}");
    assert_eq!(swept["failed"], 0, "{swept}");
}
