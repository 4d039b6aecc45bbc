//! `GET …/{id}`, `POST …/test`, `GET …/tools` and `GET …/health`: what is known of a connection.

use harness::{
    peers::{Behaviour, Peer, Rmcp},
    stack::TestStack,
};
use serde_json::json;

fn path(id: &str, below: &str) -> String {
    format!("/api/mcp-connections/{id}{below}")
}

/// Whatever generation of MCP a server speaks: it is found working, and what it says of itself is kept.
#[tokio::test]
async fn a_working_server_is_active_with_what_it_offers() {
    let stack = TestStack::start().await;
    let mut peers = Vec::new();
    for kind in Rmcp::ALL {
        let peer = Peer::rmcp(kind)
            .bearer("t")
            .instructions("Be brief.")
            .tools(3)
            .start()
            .await;
        let id = stack
            .register_bearer(&format!("{kind:?}"), &peer.url, "t")
            .await;
        let verdicts = stack.tick().await["verdicts"].clone();
        assert!(
            verdicts["ok"].is_number() && verdicts.as_object().unwrap().len() == 1,
            "{kind:?}: {verdicts}"
        );
        let read = stack.read(&id).await;
        assert_eq!(
            (&read["status"], &read["statusReason"]),
            (&json!("active"), &json!(null)),
            "{kind:?}"
        );
        assert_eq!(
            (&read["instructions"], &read["toolCount"]),
            (&json!("Be brief."), &json!(3)),
            "{kind:?}"
        );
        let revision = if kind.is_modern() {
            "2026-07-28"
        } else {
            "2025-11-25"
        };
        assert_eq!(read["protocolVersion"], revision, "{kind:?}");
        assert!(read["serverInfo"]["name"].is_string(), "{kind:?}");
        assert!(read["lastSucceededAt"].is_string() && read["latencyMs"].is_number());

        let tools = stack.api().get(&path(&id, "/tools")).await.json();
        assert_eq!(tools.as_array().unwrap().len(), 3, "{kind:?}");
        assert!(tools[0]["name"].is_string() && tools[0]["inputSchema"].is_object());
        peers.push(peer);
    }
}

#[tokio::test]
async fn a_test_tells_step_by_step() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::Modern).bearer("t").start().await;
    let id = stack.register_bearer("tested", &peer.url, "t").await;
    let test = stack.api().post(&path(&id, "/test"), &json!({})).await;
    let result = test.json();
    assert_eq!(
        (test.status, &result["status"], &result["statusReason"]),
        (200, &json!("active"), &json!(null))
    );
    let steps: Vec<&str> = result["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["resolve", "connect", "discover", "list_tools"]);
    assert_eq!(
        stack.read(&id).await["lastHealthCheckAt"],
        result["lastHealthCheckAt"],
        "it is stored like any other check"
    );

    peer.set_bearer("other");
    let rejected = stack
        .api()
        .post(&path(&id, "/test"), &json!({}))
        .await
        .json();
    assert_eq!(
        (
            &rejected["status"],
            &rejected["statusReason"],
            &rejected["retryable"]
        ),
        (
            &json!("error"),
            &json!("credential_rejected"),
            &json!(false)
        )
    );
    assert!(rejected["remedy"].as_str().unwrap().contains("credential"));
    let last = rejected["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["step"], &last["httpStatus"], &last["reason"]),
        (
            &json!("discover"),
            &json!(401),
            &json!("credential_rejected")
        )
    );
}

#[tokio::test]
async fn a_changed_offer_is_remarked_on() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::Modern).tools(2).start().await;
    let id = stack.register_open("changing", &peer.url).await;
    stack.tick().await;
    peer.set_tools(5);
    let test = async || {
        stack
            .api()
            .post(&path(&id, "/test"), &json!({}))
            .await
            .json()
    };
    let changed = test().await;
    assert_eq!(
        (&changed["status"], &changed["statusReason"]),
        (&json!("active"), &json!("contract_changed"))
    );
    assert_eq!(
        stack
            .api()
            .get(&path(&id, "/tools"))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        test().await["statusReason"],
        json!(null),
        "what was remarked on is known"
    );
    // Of what was never seen there is nothing that could have changed.
    peer.set_instructions("Now different.");
    assert_eq!(test().await["statusReason"], "contract_changed");
}

#[tokio::test]
async fn the_history_is_told_newest_first_in_pages() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::Modern).start().await;
    let id = stack.register_open("observed", &peer.url).await;
    let test = async || {
        stack.clock.turn_seconds(400);
        stack
            .api()
            .post(&path(&id, "/test"), &json!({}))
            .await
            .json()["lastHealthCheckAt"]
            .clone()
    };
    let mut times = Vec::new();
    for _ in 0..12 {
        times.push(test().await);
    }
    peer.behave(Behaviour::Status(500));
    for _ in 0..3 {
        times.push(test().await);
    }
    peer.heal();
    for _ in 0..2 {
        times.push(test().await);
    }
    times.reverse();

    let mut seen = Vec::new();
    let mut next = Some(format!("{}?limit=5", path(&id, "/health")));
    let mut pages = 0;
    while let Some(at) = next {
        let answer = stack.api().get(&at).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        seen.extend(answer.json()["checks"].as_array().unwrap().clone());
        next = answer.next(&stack.stack.url);
        pages += 1;
    }
    assert_eq!(pages, 4);
    assert_eq!(
        seen.iter()
            .map(|check| check["at"].clone())
            .collect::<Vec<_>>(),
        times
    );
    assert_eq!(seen[2]["statusReason"], "http_error");

    let health = stack.api().get(&path(&id, "/health")).await.json();
    assert_eq!(health["uptime"]["24h"], json!(14.0 / 17.0));
    assert!(health["latencyMs"]["p50"].is_number() && health["latencyMs"]["p99"].is_number());
    let incidents = health["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!(
        (&incidents[0]["startedAt"], &incidents[0]["statusReason"]),
        (&times[4], &json!("http_error"))
    );
    assert_eq!(incidents[0]["endedAt"], times[0]);
}

#[tokio::test]
async fn what_was_never_checked_has_no_history() {
    let stack = TestStack::start().await;
    let id = stack
        .register_open("new", "https://mcp.example.com/mcp")
        .await;
    assert_eq!(
        stack.api().get(&path(&id, "/tools")).await.json(),
        json!([])
    );
    assert_eq!(
        stack.api().get(&path(&id, "/health")).await.json(),
        json!({
            "uptime": { "24h": null, "7d": null, "30d": null }, "latencyMs": { "p50": null, "p95": null, "p99": null },
            "checks": [], "incidents": [],
        })
    );
}

/// Nobody can turn us against a server by asking again and again.
#[tokio::test]
async fn tests_of_one_connection_are_limited() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::Modern).start().await;
    let id = stack.register_open("asked for", &peer.url).await;
    stack.clock.turn_to_next_minute();
    for _ in 0..30 {
        let test = stack.api().post(&path(&id, "/test"), &json!({})).await;
        assert_eq!(test.status, 200);
    }
    let before = peer.requests();
    let refused = stack.api().post(&path(&id, "/test"), &json!({})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "too_many_requests")
    );
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(peer.requests(), before, "the server was not asked");
    stack.clock.turn_seconds(wait);
    assert_eq!(
        stack
            .api()
            .post(&path(&id, "/test"), &json!({}))
            .await
            .status,
        200
    );
}
