//! A workspace that was removed by half is removed whole by whoever asks again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::join_all;
use harness::{
    faults::{Direct, Watched},
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use local::fault::Fault;
use serde_json::{Value, json};

use super::super::{ok, refused};
use super::{
    WORKSPACES,
    deletion::{Full, full, is_gone},
    remove,
};

/// Longer than work that was begun keeps others away.
const WORK_IS_OVER_SECONDS: i64 = 6 * 60;

async fn until_crash(watched: &Watched, id: &str) -> Option<Value> {
    let request = Direct {
        method: "DELETE",
        path: format!("{WORKSPACES}/{id}"),
        id: Some(id),
        body: Some(json!({ "force_delete": true })),
        ..Direct::default()
    };
    // Not through the gateway, which would let it run on after its caller is gone.
    let event = watched.event(&request).await;
    let ended = watched
        .until_crash(watched.stack.invoke("portkey-workspaces-delete", event))
        .await;
    ended.map(|ended| ended.unwrap())
}

/// Asks again. What was begun of somebody's tokens is not seen any more, and is for the sweeper.
async fn is_gone_for_whoever_asks_again(watched: &Watched, scene: &Full) {
    let body = json!({ "force_delete": true });
    let again = remove(&watched.portkey(), &scene.id, Some(body)).await;
    assert!(
        [200, 404].contains(&again.status),
        "{}: {again:?}",
        scene.name
    );
    assert_eq!(watched.sweep().await["failed"], 0, "{}", scene.name);
    is_gone(watched, scene).await;
}

/// A crash before the first write and after each. One before a later write leaves what one after its forerunner leaves.
#[tokio::test]
async fn a_crash_is_repaired_by_asking_again() {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let scene = full(&watched, &peer, "whole").await;
    watched.calm();
    let ended = until_crash(&watched, &scene.id).await.unwrap();
    assert_eq!(ended["statusCode"], 200);
    let writes = watched.written();
    assert!(writes.len() >= 12, "{writes:?}");
    is_gone(&watched, &scene).await;
    let after_each = (0..writes.len()).map(|number| (number, Fault::CrashAfter));
    for (number, fault) in [(0, Fault::CrashBefore)].into_iter().chain(after_each) {
        let point = format!("{fault:?} {number}");
        let scene = full(&watched, &peer, &point).await;
        watched.disturb(number..number + 1, fault);
        assert_eq!(until_crash(&watched, &scene.id).await, None, "{point}");
        watched.calm();
        watched.clock.turn_seconds(WORK_IS_OVER_SECONDS);
        is_gone_for_whoever_asks_again(&watched, &scene).await;
    }
}

/// What cannot be done in the time of one request is done by the next, and the first says so.
#[tokio::test]
async fn what_takes_too_long_goes_on_with_the_next_request() {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let scene = full(&watched, &peer, "large").await;
    let mut asked = 0;
    loop {
        asked += 1;
        let (late, clock) = (AtomicBool::new(false), Arc::clone(&watched.clock));
        watched.disturb_where(move |_, _| {
            // Every request does one thing and finds its time over.
            if !late.swap(true, Ordering::SeqCst) {
                clock.turn_seconds(20);
            }
            Fault::Pass
        });
        let answer = remove(
            &watched.portkey(),
            &scene.id,
            Some(json!({ "force_delete": true })),
        )
        .await;
        if answer.status == 200 {
            break;
        }
        let told = refused(&answer, 409, "AB07");
        assert!(told.contains("repeat the request to go on"), "{told}");
        assert!(asked < 20);
    }
    assert!(asked > 6, "{asked}");
    is_gone(&watched, &scene).await;
}

/// The services fail now and then; nothing is torn by that, and it is over when it is over.
#[tokio::test]
async fn a_lost_answer_is_no_harm() {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let scene = full(&watched, &peer, "shaky").await;
    watched.disturb_where(|_, number| match number % 4 {
        1 => Fault::LoseAnswer,
        2 => Fault::Throttle,
        _ => Fault::Pass,
    });
    let answer = remove(
        &watched.portkey(),
        &scene.id,
        Some(json!({ "force_delete": true })),
    )
    .await;
    assert!([200, 409, 503].contains(&answer.status), "{answer:?}");
    watched.calm();
    watched.clock.turn_seconds(WORK_IS_OVER_SECONDS);
    is_gone_for_whoever_asks_again(&watched, &scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_remove_it_all_find_it_gone_in_the_end() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let (api, body) = (stack.portkey(), json!({ "force_delete": true }));
    for round in 0..4 {
        let scene = full(&stack, &peer, &format!("round {round}")).await;
        let removals = (0..8).map(|_| remove(&api, &scene.id, Some(body.clone())));
        for answer in join_all(removals).await {
            assert!([200, 404, 409].contains(&answer.status), "{answer:?}");
        }
        stack.clock.turn_seconds(WORK_IS_OVER_SECONDS);
        let again = remove(&api, &scene.id, Some(body.clone())).await;
        assert!([200, 404].contains(&again.status), "{again:?}");
        assert_eq!(stack.sweep().await["failed"], 0);
        is_gone(&stack, &scene).await;
        assert_eq!(ok(&api.get(WORKSPACES).await)["total"], 1);
    }
}
