//! Creating answers at once, whatever the upstream does.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::json;

use super::{CLIENT, CLIENTS, ok, open, with_token};

const IMPORTED: usize = 1000;

/// A thousand clients of a server that never answers: not one connection reaches it before the schedule's turn, and every one of them is in the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_are_imported_without_one_call_upstream() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::HangAtOnce).start().await;
    let api = &stack.api();
    let bodies: Vec<_> = (0..IMPORTED)
        .map(|number| match number % 10 {
            0 => with_token(&format!("client_{number}"), &peer.url, "token"),
            1 => json!({ "name": format!("client_{number}"), "connection_type": "stdio", "stdio_config": { "command": "npx" } }),
            _ => open(&format!("client_{number}"), &peer.url),
        })
        .collect();
    let slowest = stream::iter(bodies)
        .map(async |body| {
            let began = Instant::now();
            let answer = api.post(CLIENT, &body).await;
            ok(&answer);
            began.elapsed()
        })
        .buffer_unordered(8)
        .fold(Duration::ZERO, async |slowest, one| slowest.max(one))
        .await;
    assert_eq!(peer.connections(), 0);
    // The peer would have kept each of them waiting for ten seconds.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");

    let mut names = Vec::new();
    let mut path = CLIENTS.to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = api.get(&path).await;
        let page = ok(&answer);
        let page = page.as_array().unwrap();
        pages.push(page.len());
        names.extend(
            page.iter()
                .map(|client| client["config"]["name"].as_str().unwrap().to_owned()),
        );
        let Some(link) = answer.headers.get("link") else {
            break;
        };
        let next = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .unwrap();
        path = next[next.find("/api/").unwrap()..].to_owned();
    }
    assert!(
        pages.iter().all(|length| *length <= 500) && pages.len() >= 2,
        "{pages:?}"
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), IMPORTED);
    let counted = ok(&api.get(&format!("{CLIENTS}?limit=1&offset=999")).await);
    assert_eq!(
        (&counted["count"], &counted["total_count"]),
        (&json!(1), &json!(IMPORTED))
    );
    assert_eq!(peer.connections(), 0);
}
