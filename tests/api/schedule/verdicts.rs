//! What becomes of the findings: confirmations, outages, refusals, patience, and faults of our own.

use std::time::Duration;

use harness::{
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use local::fault::Fault;
use serde_json::{Value, json};

use super::{health, latest, moment, next_minute, now, register, turn_to};

#[tokio::test]
async fn an_outage_is_confirmed_within_a_minute_and_so_is_its_end() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "falling", &peer.url, 60).await;
    next_minute(&stack).await;

    peer.down().await;
    let tally = next_minute(&stack).await;
    assert_eq!(tally["verdicts"]["connect_refused"], 3, "{tally}");
    let reason = || Some("connect_refused".to_owned());
    let found = latest(&stack, &id, 3).await;
    let [first, second, third] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((first.0.as_str(), &first.1), ("active", &reason()));
    assert_eq!((second.0.as_str(), &second.1), ("active", &reason()));
    assert_eq!((third.0.as_str(), &third.1), ("error", &reason()));
    assert!((15..=18).contains(&second.2), "{found:?}");
    assert!((30..=33).contains(&third.2), "{found:?}");

    let read = stack.read(&id).await;
    assert_eq!(read["status"], "error");
    assert_eq!(read["consecutiveFailures"], 3);
    assert_eq!(read["retryable"], true);
    let began = read["firstFailedAt"].clone();
    assert!(moment(&began) < moment(&read["lastHealthCheckAt"]));
    let incidents = health(&stack, &id).await["incidents"].clone();
    assert_eq!(incidents[0]["startedAt"], began);
    assert_eq!(incidents[0]["endedAt"], Value::Null);
    assert_eq!(incidents[0]["statusReason"], "connect_refused");

    peer.up().await;
    let tally = next_minute(&stack).await;
    assert_eq!(tally["verdicts"]["ok"], 2, "{tally}");
    let found = latest(&stack, &id, 2).await;
    assert_eq!(found[0].0, "error");
    assert_eq!(found[1].0, "active");
    assert!((15..=18).contains(&found[1].2), "{found:?}");
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "active");
    assert_eq!(read["firstFailedAt"], Value::Null);
    assert_eq!(read["consecutiveFailures"], 0);
    let incidents = health(&stack, &id).await["incidents"].clone();
    assert_eq!(incidents.as_array().map(Vec::len), Some(1));
    assert_eq!(incidents[0]["endedAt"], read["lastHealthCheckAt"]);
}

#[tokio::test]
async fn a_confirmation_that_a_tick_cannot_wait_for_is_left_to_the_next() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "blinking", &peer.url, 300).await;
    next_minute(&stack).await;
    let due = moment(&stack.read(&id).await["nextCheckAt"]);
    turn_to(&stack, due);

    // Ten seconds to take work, and the confirmation is wanted after fifteen.
    peer.down().await;
    let short = Duration::from_secs(25);
    let tally = stack
        .stack
        .invoke_within("check-due-connections", json!({}), short)
        .await;
    assert_eq!(
        tally.expect("the tick runs")["verdicts"]["connect_refused"],
        1
    );
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "active");
    assert_eq!(read["statusReason"], "connect_refused");
    let wait = moment(&read["nextCheckAt"]).millis_since(moment(&read["lastHealthCheckAt"]));
    assert_eq!(wait, 15_000);

    // It was a blip, and is forgotten.
    peer.up().await;
    let tally = next_minute(&stack).await;
    assert_eq!(tally["verdicts"], json!({ "ok": 1 }));
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "active");
    assert_eq!(read["consecutiveFailures"], 0);
    assert_eq!(moment(&read["nextCheckAt"]), due.plus_seconds(300));
    assert_eq!(health(&stack, &id).await["incidents"], json!([]));
}

#[tokio::test]
async fn a_request_for_patience_leaves_the_status_as_it_was() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "busy", &peer.url, 60).await;
    next_minute(&stack).await;
    peer.behave(Behaviour::RetryAfter(429, "170".to_owned()));
    let tally = next_minute(&stack).await;
    assert_eq!(tally["verdicts"], json!({ "rate_limited": 1 }));
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "active");
    assert_eq!(read["statusReason"], "rate_limited");
    let until = moment(&read["lastHealthCheckAt"]).plus_seconds(170);

    peer.heal();
    peer.forget();
    while now(&stack).plus_seconds(60) < until {
        assert_eq!(next_minute(&stack).await["checks"], 0);
        assert_eq!(peer.requests(), 0);
    }
    next_minute(&stack).await;
    next_minute(&stack).await;
    let read = stack.read(&id).await;
    assert_eq!(read["statusReason"], Value::Null);
    assert!(moment(&read["lastHealthCheckAt"]) >= until);
}

#[tokio::test]
async fn a_refusal_is_an_error_at_once() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let body = json!({ "name": "locked", "serverUrl": peer.url, "authType": "bearer", "bearerToken": "token", "checkIntervalSeconds": 60 });
    let id = id_of(&stack.register(body).await);
    next_minute(&stack).await;
    for (status, reason) in [(401, "credential_rejected"), (403, "credential_forbidden")] {
        peer.heal();
        next_minute(&stack).await;
        assert_eq!(stack.read(&id).await["status"], "active");
        peer.behave(Behaviour::Status(status));
        let tally = next_minute(&stack).await;
        assert_eq!(tally["checks"], 1, "{tally}");
        let read = stack.read(&id).await;
        assert_eq!(read["status"], "error");
        assert_eq!(read["statusReason"], reason);
        assert_eq!(read["retryable"], false);
        assert!(read["remedy"].is_string());
    }
}

#[tokio::test]
async fn that_we_cannot_reach_our_own_store_changes_no_status() {
    let stack = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern)
        .bearer("token")
        .start()
        .await;
    let body = |name: &str| json!({ "name": name, "serverUrl": peer.url, "authType": "bearer", "bearerToken": "token", "checkIntervalSeconds": 60 });
    let known = id_of(&stack.register(body("known")).await);
    next_minute(&stack).await;
    let new = id_of(&stack.register(body("new")).await);
    peer.forget();
    stack.secrets_manager.set_plan(|_| Fault::Throttle);
    for _ in 0..4 {
        let tally = next_minute(&stack).await;
        assert_eq!(tally["verdicts"], json!({ "internal_error": 2 }), "{tally}");
        for (id, status) in [(&known, "active"), (&new, "unknown")] {
            let read = stack.read(id).await;
            assert_eq!(read["status"], status);
            assert_eq!(read["statusReason"], "internal_error");
            assert_eq!(read["consecutiveFailures"], 0);
        }
    }
    assert_eq!(peer.requests(), 0);
    assert_eq!(health(&stack, &known).await["uptime"]["24h"], 1.0);

    stack.calm();
    next_minute(&stack).await;
    for id in [&known, &new] {
        let read = stack.read(id).await;
        assert_eq!(read["status"], "active");
        assert_eq!(read["statusReason"], Value::Null);
    }
}
