//! When a connection is checked, as long as nobody interferes.

use std::collections::BTreeMap;

use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::{Value, json};
use shared::timestamp::Timestamp;

use super::{CONNECTIONS, asked, moment, next_minute, now, register};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9/mcp";

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
