//! Many checks at once in one small runtime, as the scheduled function runs them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use harness::peers::{Behaviour, Peer};
use shared::verdict::Reason;
use shared_mcp::Limits;

use super::{check, check_openly, outcome, prober};

/// Two hundred checks of a server that takes half a second for each answer take little longer than one.
#[tokio::test(flavor = "current_thread")]
async fn slow_servers_are_waited_for_together() {
    let prober = prober(Limits::default());
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_millis(500)))
        .start()
        .await;
    let since = Instant::now();
    let findings = join_all((0..200).map(|_| check(&prober, &peer, None))).await;
    let took = since.elapsed();
    let good = findings
        .iter()
        .filter(|finding| outcome(finding) == Ok(1))
        .count();
    assert_eq!(good, 200);
    assert!(took < Duration::from_secs(8), "took {took:?}");
    assert_eq!(peer.requests(), 400);
}

/// Servers that send all they may do not make us hold much more than what they sent.
#[tokio::test(flavor = "current_thread")]
async fn floods_are_cut_off_together() {
    let limits = Limits::default();
    let prober = prober(limits);
    let peer = Peer::hostile(Behaviour::CommentFlood).start().await;
    let findings = join_all((0..200).map(|_| check(&prober, &peer, None))).await;
    for finding in &findings {
        assert!(outcome(finding).is_err());
        let limit = u64::try_from(limits.total.as_millis()).unwrap_or(u64::MAX) + 500;
        assert!(finding.latency_ms <= limit, "{} ms", finding.latency_ms);
    }
}

/// A runtime that was busy with something else for a second has not given the server its time.
#[tokio::test]
async fn a_deadline_that_we_slept_through_is_not_held_against_the_server() {
    let limits = Limits {
        total: Duration::from_millis(200),
        ..Limits::default()
    };
    let peer = Peer::hostile(Behaviour::Slow(Duration::from_secs(5)))
        .start()
        .await;
    let prober = prober(limits);
    let busy = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::thread::sleep(Duration::from_secs(1));
    };
    let (finding, ()) = tokio::join!(check_openly(&prober, &peer), busy);
    assert_eq!(outcome(&finding), Err(Reason::InternalError));
}
