//! What happens when many callers want something at the same time: one wins, nobody's work is lost, and nothing is left over.

use std::time::Duration;

use futures::future::{join, join_all, join3};
use harness::{
    client::{Answer, Client},
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
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

async fn create_with_key(api: &Client, key: &str, body: &Value) -> Answer {
    api.send(
        Method::POST,
        CONNECTIONS,
        &[("idempotency-key", key)],
        Some(body),
    )
    .await
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

/// The secrets there are, each with its values and their stages.
fn secrets(stack: &TestStack) -> Vec<(String, Vec<(String, Vec<String>)>)> {
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
    let pending =
        |(_, stages): &(String, Vec<String>)| stages.iter().any(|stage| stage == "AWSPENDING");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_name_exactly_one_gets_it() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..20 {
        let name = format!("wanted {round}");
        let body = if round % 4 == 0 {
            bearer(&name, NOWHERE, "token")
        } else {
            json!({ "name": name, "serverUrl": NOWHERE, "authType": "none" })
        };
        let answers = join_all((0..MANY).map(|_| api.post(CONNECTIONS, &body))).await;
        assert_eq!(count(&answers, 201, ""), 1, "{:?}", statuses(&answers));
        assert_eq!(
            count(&answers, 409, "name_taken"),
            MANY - 1,
            "{:?}",
            statuses(&answers)
        );
    }
    let all = api.get(CONNECTIONS).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(20));
    assert_eq!(secrets(&stack).len(), 5);
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_many_times_at_once_is_one_connection() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..5 {
        let key = format!("key {round}");
        let body = bearer(&format!("once {round}"), NOWHERE, "token");
        let answers = join_all((0..MANY).map(|_| create_with_key(&api, &key, &body))).await;
        assert_eq!(count(&answers, 201, ""), MANY, "{:?}", statuses(&answers));
        let first = &answers[0];
        for answer in &answers {
            assert_eq!(answer.json(), first.json());
            assert_eq!(answer.header("location"), first.header("location"));
        }
        let read = stack.read(&id_of(&first.json())).await;
        assert_eq!(read["hasCredential"], true);
    }
    let secrets = secrets(&stack);
    assert_eq!(secrets.len(), 5);
    for (name, values) in secrets {
        assert_eq!(values.len(), 1, "{name}");
        assert_eq!(values[0].0, "token");
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_for_two_requests_serves_the_first_of_them() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..5 {
        let key = format!("key {round}");
        let bodies =
            ["left", "right"].map(|side| bearer(&format!("{side} {round}"), NOWHERE, "token"));
        let answers =
            join_all((0..MANY).map(|n| create_with_key(&api, &key, &bodies[n % 2]))).await;
        let (left, right): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .enumerate()
            .partition(|(n, _)| n % 2 == 0);
        let [left, right] = [left, right].map(|side| {
            side.into_iter()
                .map(|(_, answer)| answer)
                .collect::<Vec<_>>()
        });
        let (served, refused) = if left[0].status == 201 {
            (left, right)
        } else {
            (right, left)
        };
        assert_eq!(count(&served, 201, ""), MANY / 2, "{:?}", statuses(&served));
        assert_eq!(
            count(&refused, 422, "idempotency_key_reused"),
            MANY / 2,
            "{:?}",
            statuses(&refused)
        );
    }
    let all = api.get(CONNECTIONS).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(5));
    assert_eq!(secrets(&stack).len(), 5);
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_saw_the_same_version_exactly_one_may_change_it() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = stack.register_bearer("seen", NOWHERE, "token").await;
    let path = format!("{CONNECTIONS}/{id}");
    for round in 0..10 {
        let seen = api.get(&path).await;
        let tag = seen
            .header("etag")
            .expect("a connection has a version")
            .to_owned();
        let changes: Vec<Value> = (0..MANY)
            .map(|n| {
                // Some of them replace the credential, which takes three steps instead of one.
                if round % 2 == 1 && n % 4 == 0 {
                    json!({ "bearerToken": format!("token-{round}-{n}") })
                } else {
                    json!({ "name": format!("change {round} {n}") })
                }
            })
            .collect();
        let headers = [("if-match", tag.as_str())];
        let answers = join_all(
            changes
                .iter()
                .map(|body| api.send(Method::PATCH, &path, &headers, Some(body))),
        )
        .await;
        assert_eq!(count(&answers, 200, ""), 1, "{:?}", statuses(&answers));
        let refused = count(&answers, 412, "version_mismatch") + count(&answers, 409, "busy");
        assert_eq!(refused, MANY - 1, "{:?}", statuses(&answers));
        if round % 2 == 0 {
            assert_eq!(
                count(&answers, 412, ""),
                MANY - 1,
                "{:?}",
                statuses(&answers)
            );
        }

        let winner = answers
            .iter()
            .position(|answer| answer.status == 200)
            .expect("one won");
        let after = api.get(&path).await;
        assert_eq!(after.header("etag"), answers[winner].header("etag"));
        assert_ne!(after.header("etag"), Some(tag.as_str()));
        match changes[winner]["bearerToken"].as_str() {
            Some(token) => assert_eq!(the_current_value(&stack), token),
            None => assert_eq!(after.json()["name"], changes[winner]["name"]),
        }
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_different_callers_are_all_kept() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..10 {
        let id = stack
            .register_bearer(&format!("shared {round}"), NOWHERE, "old")
            .await;
        let path = format!("{CONNECTIONS}/{id}");
        let changes = [
            json!({ "name": format!("renamed {round}") }),
            json!({ "serverUrl": "http://127.0.0.1:9/elsewhere" }),
            json!({ "enabled": false }),
            json!({ "checkIntervalSeconds": 900 }),
            json!({ "bearerToken": format!("new-{round}") }),
        ];
        let answers = join_all(
            changes
                .iter()
                .map(|body| until_not_busy(&api, Method::PATCH, &path, Some(body))),
        )
        .await;
        assert_eq!(count(&answers, 200, ""), changes.len(), "{answers:?}");

        let after = api.get(&path).await;
        assert_eq!(
            after.header("etag"),
            Some("\"6\""),
            "each change is a version of its own"
        );
        let after = after.json();
        assert_eq!(after["name"], format!("renamed {round}"));
        assert_eq!(after["serverUrl"], "http://127.0.0.1:9/elsewhere");
        assert_eq!(after["enabled"], false);
        assert_eq!(after["checkIntervalSeconds"], 900);
        assert_eq!(the_current_value(&stack), format!("new-{round}"));
        assert_eq!(api.delete(&path).await.status, 204);
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_removed_during_a_change_leaves_nothing() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..20 {
        let id = stack.register_bearer("fleeting", NOWHERE, "old").await;
        let path = format!("{CONNECTIONS}/{id}");
        let change = if round % 2 == 0 {
            json!({ "name": "renamed" })
        } else {
            json!({ "bearerToken": "new", "serverUrl": "http://127.0.0.1:10/mcp" })
        };
        let (removed, changed) = join(
            until_not_busy(&api, Method::DELETE, &path, None),
            until_not_busy(&api, Method::PATCH, &path, Some(&change)),
        )
        .await;
        assert_eq!(removed.status, 204, "{removed:?}");
        assert!(matches!(changed.status, 200 | 404), "{changed:?}");
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(secrets(&stack), vec![]);

        // Both names are free again.
        for name in ["fleeting", "renamed"] {
            let id = stack.register_open(name, NOWHERE).await;
            assert_eq!(api.delete(&format!("{CONNECTIONS}/{id}")).await.status, 204);
        }
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_rotations_at_the_same_time_one_counts() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = stack.register_bearer("rotated", &peer.url, "token").await;
    let path = format!("{CONNECTIONS}/{id}/credential");
    for round in 0..10 {
        let tokens: Vec<Value> = (0..8)
            .map(|n| json!({ "bearerToken": format!("token-{round}-{n}") }))
            .collect();
        let answers = join_all(tokens.iter().map(|body| api.put(&path, body))).await;
        let accepted = count(&answers, 200, "");
        assert!(accepted >= 1, "{:?}", statuses(&answers));
        assert_eq!(
            accepted + count(&answers, 409, "busy"),
            8,
            "{:?}",
            statuses(&answers)
        );

        let in_use = the_current_value(&stack);
        let winner = tokens
            .iter()
            .position(|token| token["bearerToken"] == in_use.as_str());
        let winner = winner.expect("a token of this round is in use");
        assert_eq!(answers[winner].status, 200);
        assert_eq!(sent(&stack, &peer, &id).await, in_use);
    }
    assert_nothing_left_over(&stack).await;
}

/// The token that a test of the connection shows to its server.
async fn sent(stack: &TestStack, peer: &Peer, id: &str) -> String {
    peer.forget();
    let tested = stack
        .api()
        .send(Method::POST, &format!("{CONNECTIONS}/{id}/test"), &[], None)
        .await;
    assert_eq!(tested.status, 200, "{tested:?}");
    let authorizations = peer.authorizations();
    let first = authorizations
        .first()
        .and_then(Clone::clone)
        .expect("it was asked with a token");
    assert!(
        authorizations
            .iter()
            .all(|other| other.as_ref() == Some(&first))
    );
    first.trim_start_matches("Bearer ").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_with_the_old_token_says_nothing_about_the_new_one() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_millis(60)))
        .start()
        .await;
    peer.set_bearer("token-0");
    let id = {
        let body = json!({ "name": "checked", "serverUrl": peer.url, "authType": "bearer", "bearerToken": "token-0", "checkIntervalSeconds": 60 });
        id_of(&stack.register(body).await)
    };
    stack.tick().await;
    for round in 1..=10 {
        // The server takes the new token only, so a check with the old one fails while the rotation is under way.
        let token = format!("token-{round}");
        peer.set_bearer(&token);
        stack.clock.turn_to_next_minute();
        let path = format!("{CONNECTIONS}/{id}/credential");
        let body = json!({ "bearerToken": token });
        let late = async {
            tokio::time::sleep(Duration::from_millis(u64::from(round * 15_u32))).await;
            stack.tick().await
        };
        let (rotated, tally) = join(api.put(&path, &body), late).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
        assert_eq!(tally["faults"], 0, "{tally}");

        let after = stack.read(&id).await;
        assert_eq!(after["status"], "active", "round {round}: {after}");
        assert_eq!(after["statusReason"], Value::Null);
        assert_eq!(the_current_value(&stack), token);
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_removed_during_a_rotation_leaves_nothing() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_millis(20)))
        .start()
        .await;
    for round in 0..12_u64 {
        let id = stack.register_bearer("leaving", &peer.url, "old").await;
        let path = format!("{CONNECTIONS}/{id}");
        let (credential, new) = (
            format!("{path}/credential"),
            json!({ "bearerToken": "new" }),
        );
        let late = async {
            tokio::time::sleep(Duration::from_millis(round * 6)).await;
            until_not_busy(&api, Method::DELETE, &path, None).await
        };
        let (rotated, removed, tally) = join3(api.put(&credential, &new), late, stack.tick()).await;
        assert_eq!(removed.status, 204, "{removed:?}");
        assert!(matches!(rotated.status, 200 | 404 | 409), "{rotated:?}");
        assert_eq!(tally["faults"], 0, "{tally}");
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(secrets(&stack), vec![]);
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_leaves_exactly_one_sample() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_millis(30)))
        .start()
        .await;
    let id = id_of(&stack.register(json!({ "name": "measured", "serverUrl": peer.url, "authType": "none", "checkIntervalSeconds": 60 })).await);
    let mut checks = 0;
    for _ in 0..10 {
        stack.clock.turn_to_next_minute();
        let tests = join_all((0..3_u64).map(|n| {
            let api = &api;
            let path = format!("{CONNECTIONS}/{id}/test");
            async move {
                // Two checks of one millisecond that took equally long would be one sample.
                tokio::time::sleep(Duration::from_millis(n * 9)).await;
                api.send(Method::POST, &path, &[], None).await
            }
        }));
        let (tests, tally) = join(tests, stack.tick()).await;
        assert_eq!(count(&tests, 200, ""), 3, "{:?}", statuses(&tests));
        assert_eq!(tally["checks"], 1, "{tally}");
        checks += 4;

        let health = api
            .get(&format!("{CONNECTIONS}/{id}/health?limit=500"))
            .await
            .json();
        assert_eq!(health["checks"].as_array().map(Vec::len), Some(checks));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ticks_of_one_minute_check_every_connection_once() {
    const CONNECTED: usize = 40;
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_millis(10)))
        .start()
        .await;
    for n in 0..CONNECTED {
        let body = json!({ "name": format!("twice {n}"), "serverUrl": peer.url, "authType": "none", "checkIntervalSeconds": 60 });
        stack.register(body).await;
    }
    for minute in 0..4 {
        stack.clock.turn_to_next_minute();
        peer.forget();
        let (one, other) = join(stack.tick(), stack.tick()).await;
        let asked = peer
            .seen()
            .iter()
            .filter(|seen| seen.rpc == "server/discover")
            .count();
        assert_eq!(asked, CONNECTED, "minute {minute}: {one} {other}");
        let checks = [&one, &other].map(|tally| tally["checks"].as_u64().expect("a number"));
        assert_eq!(
            checks.iter().sum::<u64>(),
            CONNECTED as u64,
            "minute {minute}: {one} {other}"
        );
    }
}
