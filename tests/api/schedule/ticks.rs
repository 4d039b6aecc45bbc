//! What becomes of ticks that are missed, die, come twice or late, or have too much to do.

use std::time::{Duration, Instant};

use futures::future::join_all;
use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::json;

use super::{CONNECTIONS, asked, moment, next_minute, register, turn_to};

#[tokio::test]
async fn minutes_that_were_missed_are_caught_up_once() {
    let stack = TestStack::start().await;
    let peers = [
        Peer::hostile(Behaviour::Modern).start().await,
        Peer::hostile(Behaviour::Modern).start().await,
    ];
    register(&stack, "each minute", &peers[0].url, 60).await;
    register(&stack, "every five minutes", &peers[1].url, 300).await;
    next_minute(&stack).await;
    for peer in &peers {
        peer.forget();
    }
    stack.clock.turn_seconds(20 * 60);
    let tally = stack.tick().await;
    assert_eq!(tally["checks"], 2, "{tally}");
    assert_eq!(peers.each_ref().map(asked), [1, 1]);
    // And then all goes on as if nothing had been.
    for _ in 0..10 {
        next_minute(&stack).await;
    }
    assert_eq!(peers.each_ref().map(asked), [11, 3]);
}

#[tokio::test]
async fn a_tick_that_dies_is_taken_over_by_the_next() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let on_the_wheel = register(&stack, "on the wheel", &peer.url, 3600).await;
    next_minute(&stack).await;
    let due = moment(&stack.read(&on_the_wheel).await["nextCheckAt"]);
    turn_to(&stack, due);
    let new = register(&stack, "new", &peer.url, 3600).await;

    peer.forget();
    peer.behave(Behaviour::Slow(Duration::from_secs(30)));
    let dies = async {
        while asked(&peer) < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = stack.tick() => panic!("it was to die"),
        () = dies => {}
    }
    // The claims of the dead one run out before the next minute does.
    peer.heal();
    peer.forget();
    assert_eq!(stack.tick().await["checks"], 0);
    let tally = next_minute(&stack).await;
    assert_eq!(tally["checks"], 2, "{tally}");
    assert_eq!(asked(&peer), 2);
    assert_eq!(stack.read(&new).await["status"], "active");
    let read = stack.read(&on_the_wheel).await;
    assert_eq!(read["status"], "active");
    assert_eq!(moment(&read["nextCheckAt"]), due.plus_seconds(3600));
    // The new one's own turn may come at any minute; the other's has been, and is not made up for twice.
    next_minute(&stack).await;
    let again = stack.read(&on_the_wheel).await;
    assert_eq!(again["lastHealthCheckAt"], read["lastHealthCheckAt"]);
}

#[tokio::test]
async fn ticks_that_come_twice_or_late_do_no_harm() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    register(&stack, "steady", &peer.url, 60).await;
    next_minute(&stack).await;
    peer.forget();
    for minute in 1..=5 {
        stack.clock.turn_to_next_minute();
        if minute % 2 == 0 {
            stack.clock.turn_seconds(50);
        }
        join_all([stack.tick(), stack.tick()]).await;
        stack.tick().await;
        assert_eq!(asked(&peer), minute);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slow_servers_are_checked_at_the_same_time() {
    const CONNECTED: usize = 260;
    const AT_ONCE: usize = 256;
    let stack = TestStack::start().await;
    // A check takes two answers.
    let slow = Behaviour::Slow(Duration::from_secs(1));
    let peer = Peer::hostile(slow).start().await;
    let api = stack.api();
    for n in 0..CONNECTED {
        let body = json!({ "name": format!("slow {n}"), "serverUrl": peer.url, "authType": "none", "checkIntervalSeconds": 60 });
        assert_eq!(api.post(CONNECTIONS, &body).await.status, 201);
    }

    // One after the other they would take nine minutes.
    let began = Instant::now();
    let tally = next_minute(&stack).await;
    assert_eq!(tally["checks"], CONNECTED, "{tally}");
    assert_eq!(tally["postponed"], 0, "{tally}");
    assert_eq!(asked(&peer), CONNECTED);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(45), "{took:?}");

    // Now they say nothing, for longer than there is time to begin another check. What does not fit is left to the next tick.
    peer.behave(Behaviour::HangAtOnce);
    peer.forget();
    stack.clock.turn_to_next_minute();
    let short = Duration::from_secs(23);
    let tick = stack
        .stack
        .invoke_within("check-due-connections", json!({}), short);
    let tally = tick.await.expect("the tick runs");
    // A machine that has too much to do notices some of the ends late, and then it is not the server who is blamed.
    let ended = |word: &str| tally["verdicts"][word].as_u64().unwrap_or(0);
    let ends = ended("response_timeout") + ended("internal_error");
    assert_eq!(ends, AT_ONCE as u64, "{tally}");
    assert_eq!(tally["postponed"], CONNECTED - AT_ONCE, "{tally}");
    // Each waited for ten seconds, and none began after eight: so all were open at once.
    assert_eq!(peer.connections(), AT_ONCE);

    peer.behave(Behaviour::Modern);
    peer.forget();
    let tally = next_minute(&stack).await;
    assert_eq!(tally["verdicts"], json!({ "ok": CONNECTED }), "{tally}");
    assert_eq!(asked(&peer), CONNECTED);
}
