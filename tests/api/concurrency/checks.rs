//! Rotations, checks that are asked for and checks of the schedule, all of the same connections.

use std::time::Duration;

use futures::future::{join, join_all, join3};
use harness::{
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use http::Method;
use serde_json::{Value, json};

use super::{
    CONNECTIONS, assert_nothing_left_over, count, secrets, statuses, the_current_value,
    until_not_busy,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_rotations_at_the_same_time_one_counts() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = stack.register_bearer("rotated", &peer.url, "token").await;
    let path = format!("{CONNECTIONS}/{id}/credential");
    for round in 0..10 {
        // No more than thirty a minute may be asked for.
        stack.clock.turn_to_next_minute();
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
