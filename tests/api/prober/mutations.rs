//! Good answers with bytes changed, left out and doubled. What comes of each does not matter; that it comes to an end does.

use std::time::Instant;

use futures::{StreamExt as _, stream};
use harness::peers::{Behaviour, Peer};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{assert_lawful, check, prober, quick};

const ANSWERS: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 96\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}}}}",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n41\r\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[],\"x\":1}}\n\n\r\n0\r\n\r\n",
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32022,\"message\":\"\",\"data\":{\"supported\":[\"2025-11-25\"]}}}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: s\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}}}}",
];

/// One change: where, what, and how many bytes it takes the place of.
fn mutation() -> impl Strategy<Value = (usize, Vec<u8>, usize)> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..3),
        proptest::sample::select(vec![
            "\r\n",
            "\n",
            ":",
            "{",
            "]",
            "\"",
            "0",
            "-1",
            "99999999999999999999"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (0_usize..300, bytes, 0_usize..4)
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (
        proptest::sample::select(ANSWERS.to_vec()),
        proptest::collection::vec(mutation(), 1..4),
    )
        .prop_map(|(answer, mutations)| {
            let mut bytes = answer.as_bytes().to_vec();
            for (at, new, gone) in mutations {
                let at = at % bytes.len().max(1);
                let end = (at + gone).min(bytes.len());
                bytes.splice(at..end, new);
            }
            bytes
        })
}

#[tokio::test]
async fn no_bytes_are_too_strange() {
    let limits = quick();
    let prober = prober(limits);
    // The same cases every time: a failure here must be one that can be looked at.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let cases: Vec<Vec<u8>> = (0..400)
        .map(|_| {
            mutated()
                .new_tree(&mut runner)
                .expect("no case is filtered")
                .current()
        })
        .collect();
    stream::iter(cases)
        .for_each_concurrent(8, |case| {
            let prober = &prober;
            async move {
                let what = String::from_utf8_lossy(&case).into_owned();
                // Behaviours are constants elsewhere; a test may leak what it makes up.
                let peer = Peer::hostile(Behaviour::Raw(case.leak())).start().await;
                let since = Instant::now();
                let finding = check(prober, &peer, None).await;
                assert_lawful(&finding, &limits, since, &what);
            }
        })
        .await;
}
