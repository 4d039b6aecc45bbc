//! How the schedule follows an edit.

use std::time::Duration;

use futures::future::join;
use harness::{
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use http::Method;
use serde_json::{Value, json};

use super::{CONNECTIONS, asked, health, moment, next_minute, now, patch, register};

#[tokio::test]
async fn what_is_disabled_is_left_alone_until_it_is_enabled() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "switched", &peer.url, 60).await;
    next_minute(&stack).await;
    let disabled = patch(&stack, &id, json!({ "enabled": false })).await;
    assert_eq!(disabled["nextCheckAt"], Value::Null);
    assert_eq!(disabled["status"], "active");
    peer.forget();
    for _ in 0..3 {
        assert_eq!(next_minute(&stack).await["checks"], 0);
    }
    // Whoever asks for a check gets one, and that does not put it back on the schedule.
    let tested = stack
        .api()
        .send(Method::POST, &format!("{CONNECTIONS}/{id}/test"), &[], None)
        .await;
    assert_eq!(tested.status, 200);
    assert_eq!(asked(&peer), 1);
    assert_eq!(next_minute(&stack).await["checks"], 0);
    assert_eq!(stack.read(&id).await["nextCheckAt"], Value::Null);

    let enabled = patch(&stack, &id, json!({ "enabled": true })).await;
    let promised = moment(&enabled["nextCheckAt"]);
    assert_eq!(promised.minute(), now(&stack).minute() + 1);
    for minute in 1..=3 {
        assert_eq!(next_minute(&stack).await["checks"], 1);
        assert_eq!(asked(&peer), 1 + minute);
    }

    // What is made disabled is not checked either.
    let body = json!({ "name": "made disabled", "serverUrl": peer.url, "authType": "none", "enabled": false });
    let made = stack.register(body).await;
    assert_eq!(made["nextCheckAt"], Value::Null);
    assert_eq!(next_minute(&stack).await["checks"], 1);
    assert_eq!(stack.read(&id_of(&made)).await["status"], "unknown");
}

#[tokio::test]
async fn another_interval_takes_effect_at_once() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "hurried", &peer.url, 3600).await;
    next_minute(&stack).await;
    peer.forget();
    let changed = patch(&stack, &id, json!({ "checkIntervalSeconds": 60 })).await;
    assert_eq!(
        moment(&changed["nextCheckAt"]).minute(),
        now(&stack).minute() + 1
    );
    for minute in 1..=3 {
        next_minute(&stack).await;
        assert_eq!(asked(&peer), minute);
    }
    let changed = patch(&stack, &id, json!({ "checkIntervalSeconds": 600 })).await;
    assert_eq!(
        moment(&changed["nextCheckAt"]).minute(),
        now(&stack).minute() + 1
    );
    peer.forget();
    next_minute(&stack).await;
    assert_eq!(asked(&peer), 1);
    for _ in 0..10 {
        next_minute(&stack).await;
    }
    assert_eq!(asked(&peer), 2);
}

#[tokio::test]
async fn another_address_makes_the_status_unknown_until_the_next_tick() {
    let stack = TestStack::start().await;
    let old = Peer::hostile(Behaviour::Modern).start().await;
    let new = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "moved", &old.url, 3600).await;
    next_minute(&stack).await;
    old.forget();
    let moved = patch(&stack, &id, json!({ "serverUrl": new.url })).await;
    assert_eq!(moved["status"], "unknown");
    assert_eq!(moved["lastSucceededAt"], Value::Null);
    assert_eq!(
        moment(&moved["nextCheckAt"]).minute(),
        now(&stack).minute() + 1
    );
    assert_eq!(next_minute(&stack).await["checks"], 1);
    assert_eq!(stack.read(&id).await["status"], "active");
    assert_eq!((old.requests(), asked(&new)), (0, 1));
}

#[tokio::test]
async fn a_check_of_the_old_address_says_nothing_about_the_new_one() {
    let stack = TestStack::start().await;
    let old = Peer::hostile(Behaviour::Slow(Duration::from_millis(300)))
        .start()
        .await;
    let new = Peer::hostile(Behaviour::Status(401)).start().await;
    let id = register(&stack, "overtaken", &old.url, 3600).await;
    stack.clock.turn_to_next_minute();
    let edit = async {
        while asked(&old) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        patch(&stack, &id, json!({ "serverUrl": new.url })).await
    };
    let (tally, edited) = join(stack.tick(), edit).await;
    assert_eq!(tally["checks"], 0, "{tally}");
    assert_eq!(edited["status"], "unknown");
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "unknown");
    assert_eq!(read["lastHealthCheckAt"], Value::Null);
    assert_eq!(read["instructions"], Value::Null);
    assert_eq!(health(&stack, &id).await["checks"], json!([]));

    assert_eq!(next_minute(&stack).await["checks"], 1);
    let read = stack.read(&id).await;
    assert_eq!(read["status"], "error");
    assert_eq!(read["statusReason"], "auth_required");
}
