//! The schedule over the whole stack, with a clock that is turned: who is checked when, and what comes of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::{join, join_all};
use harness::{
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use http::Method;
use local::fault::Fault;
use serde_json::{Value, json};
use shared::timestamp::Timestamp;

const CONNECTIONS: &str = "/api/mcp-connections";

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9/mcp";

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
    use shared::ports::Clock as _;
    let wait = moment.millis_since(stack.clock.now());
    stack.clock.turn_seconds(wait / 1000 + 1);
}

fn now(stack: &TestStack) -> Timestamp {
    use shared::ports::Clock as _;
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

#[tokio::test]
async fn what_is_new_is_checked_by_the_next_tick() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let id = register(&stack, "new", &peer.url, 3600).await;
    let before = stack.read(&id).await;
    assert_eq!(before["status"], "unknown");
    assert_eq!(
        moment(&before["nextCheckAt"]),
        Timestamp::from_minute(now(&stack).minute() + 1)
    );
    assert_eq!(peer.requests(), 0, "nobody is dialled inside a request");

    let tally = next_minute(&stack).await;
    assert_eq!(tally["checks"], 1);
    assert_eq!(asked(&peer), 1);
    let after = stack.read(&id).await;
    assert_eq!(after["status"], "active");
    assert!(moment(&after["lastHealthCheckAt"]) >= moment(&before["nextCheckAt"]));

    // Another tick of the same minute has nothing to do.
    assert_eq!(stack.tick().await["checks"], 0);
    assert_eq!(asked(&peer), 1);
}

/// A connection of the simulated hour.
struct Plan {
    name: &'static str,
    interval: u32,
    behaviour: Option<Behaviour>,
    /// Minutes from check to check, beginning with the first check that is the wheel's.
    gaps: &'static [i64],
}

fn plan(
    name: &'static str,
    interval: u32,
    behaviour: Option<Behaviour>,
    gaps: &'static [i64],
) -> Plan {
    Plan {
        name,
        interval,
        behaviour,
        gaps,
    }
}

#[tokio::test]
async fn an_hour_of_the_schedule() {
    let plans = [
        plan("60", 60, Some(Behaviour::Modern), &[1; 64]),
        plan("61", 61, Some(Behaviour::Modern), &[2; 33]),
        plan("300", 300, Some(Behaviour::Modern), &[5; 14]),
        plan("3600", 3600, Some(Behaviour::Modern), &[60, 60]),
        // Down from the beginning: it is asked less and less often, but every half an hour at least.
        plan("down", 60, None, &[1, 2, 4, 8, 16, 30, 30]),
        // After three refusals nobody knocks for an hour, lest an account is locked.
        plan(
            "rejected",
            60,
            Some(Behaviour::Status(401)),
            &[1, 1, 60, 60],
        ),
        plan("forbidden", 300, Some(Behaviour::Status(403)), &[5, 60]),
        // Who asks for ten minutes of patience is not asked before they are over.
        plan(
            "limited",
            60,
            Some(Behaviour::RetryAfter(429, "600".to_owned())),
            &[11; 7],
        ),
    ];
    let stack = TestStack::start().await;
    let mut peers = BTreeMap::new();
    for plan in &plans {
        let (url, peer) = match &plan.behaviour {
            None => (NOWHERE.to_owned(), None),
            Some(behaviour) => {
                let peer = Peer::hostile(behaviour.clone()).start().await;
                (peer.url.clone(), Some(peer))
            }
        };
        let body = json!({ "name": plan.name, "serverUrl": url, "authType": "bearer", "bearerToken": "token", "checkIntervalSeconds": plan.interval });
        stack.register(body).await;
        peers.insert(plan.name.to_owned(), peer);
    }

    // What was checked in which minute, and what was said of it before.
    let mut checked: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut before = list(&stack).await;
    for _ in 0..64 {
        let tally = next_minute(&stack).await;
        assert_eq!(tally["faults"], 0, "{tally}");
        assert_eq!(tally["postponed"], 0, "{tally}");
        let minute = now(&stack).minute();
        let after = list(&stack).await;
        for (name, said) in &before {
            let is_checked = after[name]["lastHealthCheckAt"] != said["lastHealthCheckAt"];
            let is_promised = moment(&said["nextCheckAt"]).minute() <= minute;
            assert_eq!(is_checked, is_promised, "{name} in minute {minute}: {said}");
            if is_checked {
                checked.entry(name.clone()).or_default().push(minute);
            }
        }
        before = after;
    }

    for plan in &plans {
        let minutes = &checked[plan.name];
        // The first check is out of turn, but in each minute it is the turn of what is checked once a minute.
        let turns = if plan.interval == 60 {
            &minutes[..]
        } else {
            &minutes[1..]
        };
        let gaps: Vec<i64> = turns.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(plan.gaps.starts_with(&gaps), "{}: {gaps:?}", plan.name);
        let next = turns[gaps.len()] + plan.gaps[gaps.len()];
        assert!(
            next > now(&stack).minute(),
            "{} was forgotten: {minutes:?}",
            plan.name
        );
        if let (Some(peer), Some(Behaviour::Modern)) = (&peers[plan.name], &plan.behaviour) {
            assert_eq!(asked(peer), minutes.len(), "{}", plan.name);
        }
    }
    assert_eq!(before["60"]["status"], "active");
    for (name, reason) in [
        ("down", "connect_refused"),
        ("rejected", "credential_rejected"),
        ("forbidden", "credential_forbidden"),
    ] {
        assert_eq!(before[name]["status"], "error", "{name}");
        assert_eq!(before[name]["statusReason"], reason, "{name}");
    }
    assert_eq!(before["limited"]["status"], "unknown");
    assert_eq!(before["limited"]["statusReason"], "rate_limited");
}

/// All connections by name.
async fn list(stack: &TestStack) -> BTreeMap<String, Value> {
    let all = stack.api().get(CONNECTIONS).await.json();
    let all = all.as_array().expect("a list").clone();
    all.into_iter()
        .map(|one| (one["name"].as_str().expect("a name").to_owned(), one))
        .collect()
}

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
    for id in [&on_the_wheel, &new] {
        assert_eq!(stack.read(id).await["status"], "active");
        assert_eq!(next_minute(&stack).await["checks"], 0);
    }
    let read = stack.read(&on_the_wheel).await;
    assert_eq!(moment(&read["nextCheckAt"]), due.plus_seconds(3600));
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

/// Runs a tick to its end; gives what it did and how many checks it had in flight at the most.
async fn watch(peer: &Peer, tick: impl Future<Output = Value>) -> (Value, usize) {
    let mut tick = std::pin::pin!(tick);
    let mut most = 0;
    loop {
        if let Ok(tally) = tokio::time::timeout(Duration::from_millis(100), &mut tick).await {
            return (tally, most);
        }
        let seen = peer.seen();
        let number = |rpc: &str| seen.iter().filter(|seen| seen.rpc == rpc).count();
        // Those that have got no answer to their first request.
        most = most.max(number("server/discover") - number("tools/list"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slow_servers_are_checked_at_the_same_time() {
    const CONNECTED: usize = 260;
    const AT_ONCE: usize = 256;
    let stack = TestStack::start().await;
    // A check takes two answers.
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_secs(1)))
        .start()
        .await;
    let api = stack.api();
    for n in 0..CONNECTED {
        let body = json!({ "name": format!("slow {n}"), "serverUrl": peer.url, "authType": "none", "checkIntervalSeconds": 60 });
        assert_eq!(api.post(CONNECTIONS, &body).await.status, 201);
    }

    // What does not fit into the time is left to the next tick.
    stack.clock.turn_to_next_minute();
    let short = async {
        let time = Duration::from_millis(15_900);
        let tally = stack
            .stack
            .invoke_within("check-due-connections", json!({}), time)
            .await;
        tally.expect("the tick runs")
    };
    let (tally, most) = watch(&peer, short).await;
    assert_eq!(tally["checks"], AT_ONCE, "{tally}");
    assert_eq!(tally["postponed"], CONNECTED - AT_ONCE, "{tally}");
    assert!(most >= 200, "{most} in flight");
    assert_eq!(stack.tick().await["checks"], CONNECTED - AT_ONCE);
    assert_eq!(asked(&peer), CONNECTED);

    // One after the other they would take nine minutes.
    stack.clock.turn_to_next_minute();
    let began = Instant::now();
    let tally = stack.tick().await;
    assert_eq!(tally["checks"], CONNECTED, "{tally}");
    assert_eq!(tally["postponed"], 0, "{tally}");
    assert_eq!(asked(&peer), 2 * CONNECTED);
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
}

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
