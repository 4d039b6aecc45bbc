//! Real servers are judged right, and are asked no more than needed.

use futures::future::join_all;
use harness::peers::{Behaviour, Certificate, Peer, Rmcp};
use shared::verdict::{Era, Reason, StepName};
use shared_mcp::Limits;

use super::{TOKEN, check, check_url, outcome, prober, step_names};

#[tokio::test]
async fn what_a_real_server_says_of_itself_is_kept() {
    let prober = prober(Limits::default());
    for kind in Rmcp::ALL {
        let peer = Peer::rmcp(kind)
            .bearer(TOKEN)
            .instructions("Mind the gap.")
            .start()
            .await;
        let finding = check(&prober, &peer, None).await;
        let contract = finding.outcome.unwrap_or_else(|failure| {
            panic!("{kind:?}: {failure:?}, {:?}", peer.seen());
        });
        let (version, era) = if kind.is_modern() {
            ("2026-07-28", Era::Modern)
        } else {
            ("2025-11-25", Era::Legacy)
        };
        assert_eq!(contract.protocol_version, version, "{kind:?}");
        assert_eq!(finding.era, Some(era), "{kind:?}");
        assert_eq!(contract.instructions.as_deref(), Some("Mind the gap."));
        let info = contract.server_info.expect("rmcp introduces itself");
        assert_eq!(
            (info.name.as_str(), info.version.as_str()),
            ("real-server", "1.2.3")
        );
        assert_eq!(info.title.as_deref(), Some("A real server"));
        let names: Vec<_> = contract.tools.iter().map(|tool| &tool.name).collect();
        assert_eq!(names, ["tool-000", "tool-001"], "{kind:?}");
        assert_eq!(contract.tools[0].input_schema["type"], "object");
        let bearer = Some(format!("Bearer {TOKEN}"));
        assert!(peer.authorizations().iter().all(|sent| *sent == bearer));
    }
}

#[tokio::test]
async fn a_known_server_is_asked_only_what_is_needed() {
    let prober = prober(Limits::default());
    for kind in Rmcp::ALL {
        let peer = Peer::rmcp(kind).start().await;
        let first = check(&prober, &peer, None).await;
        peer.forget();
        let again = check(&prober, &peer, first.era).await;
        assert_eq!(outcome(&again), Ok(2), "{kind:?}");
        let asked: Vec<_> = peer
            .seen()
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.rpc))
            .collect();
        if kind.is_modern() {
            assert_eq!(asked, ["POST server/discover", "POST tools/list"]);
        } else {
            assert_eq!(
                asked[..3],
                [
                    "POST initialize",
                    "POST notifications/initialized",
                    "POST tools/list"
                ],
                "{kind:?}"
            );
            let session = kind == Rmcp::LegacySession;
            assert_eq!(
                asked.get(3).map(String::as_str),
                session.then_some("DELETE ")
            );
        }
        assert_eq!(peer.connections(), 1, "{kind:?} was dialled more than once");
    }
}

#[tokio::test]
async fn every_page_is_read() {
    let prober = prober(Limits::default());
    for kind in [Rmcp::Modern, Rmcp::LegacySession] {
        let peer = Peer::rmcp(kind).tools(950).start().await;
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), Ok(950), "{kind:?}");
        peer.set_tools(1001);
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), Err(Reason::ResponseTooLarge), "{kind:?}");
    }
}

#[tokio::test]
async fn the_transcript_has_one_step_per_phase() {
    use StepName::*;
    let prober = prober(Limits::default());
    let modern = Peer::rmcp(Rmcp::ModernJson)
        .tls(Certificate::Good)
        .start()
        .await;
    let finding = check(&prober, &modern, None).await;
    assert_eq!(
        step_names(&finding),
        [Resolve, Connect, Tls, Discover, ListTools]
    );
    let legacy = Peer::rmcp(Rmcp::LegacySession).start().await;
    let finding = check(&prober, &legacy, None).await;
    assert_eq!(
        step_names(&finding),
        [
            Resolve,
            Connect,
            Discover,
            Initialize,
            Initialized,
            ListTools,
            EndSession
        ]
    );
    let total: u64 = finding.steps.iter().map(|step| step.duration_ms).sum();
    assert!(total <= finding.latency_ms);
    let last = finding.steps.last().and_then(|step| step.http_status);
    assert!(last.is_some_and(|status| status < 300), "{last:?}");
}

/// The era belongs to the server, and servers are replaced.
#[tokio::test]
async fn a_server_that_changes_its_era_is_followed() {
    let prober = prober(Limits::default());
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    for (era, behaviour, expected) in [
        (Era::Legacy, Behaviour::Modern, Era::Modern),
        (Era::Modern, Behaviour::Legacy, Era::Legacy),
        (Era::Modern, Behaviour::Modern, Era::Modern),
        (Era::Legacy, Behaviour::Legacy, Era::Legacy),
    ] {
        peer.behave(behaviour);
        let finding = check(&prober, &peer, Some(era)).await;
        assert_eq!((outcome(&finding), finding.era), (Ok(1), Some(expected)));
    }
    // What is remembered stays when nothing was learned.
    peer.behave(Behaviour::Status(503));
    let finding = check(&prober, &peer, Some(Era::Legacy)).await;
    assert_eq!(finding.era, Some(Era::Legacy));
}

/// A modern server believes the body only where the headers say the same.
#[tokio::test]
async fn modern_requests_describe_themselves() {
    let prober = prober(Limits::default());
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    check(&prober, &peer, None).await;
    for seen in peer.seen() {
        assert_eq!(seen.header("mcp-method"), Some(seen.rpc.as_str()));
        assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert_eq!(
            seen.header("accept"),
            Some("application/json, text/event-stream")
        );
        assert_eq!(seen.header("content-type"), Some("application/json"));
        let agent = seen.header("user-agent").unwrap_or_default();
        assert!(agent.starts_with("mcp-steward/"), "{agent}");
        assert_eq!(
            seen.header("host").map(ToOwned::to_owned),
            Some(peer.address.to_string())
        );
        let meta = &seen.body["params"]["_meta"];
        assert_eq!(
            meta["io.modelcontextprotocol/protocolVersion"],
            "2026-07-28"
        );
        assert_eq!(
            meta["io.modelcontextprotocol/clientInfo"]["name"],
            "mcp-steward"
        );
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    }
}

#[tokio::test]
async fn legacy_requests_carry_session_and_version() {
    let prober = prober(Limits::default());
    let peer = Peer::hostile(Behaviour::Handshakes("2025-06-18"))
        .start()
        .await;
    check(&prober, &peer, Some(Era::Legacy)).await;
    let seen = peer.seen();
    assert_eq!(seen[0].body["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(seen[0].header("mcp-protocol-version"), None);
    assert_eq!(seen.len(), 4);
    for later in &seen[1..] {
        assert_eq!(later.header("mcp-protocol-version"), Some("2025-06-18"));
        assert_eq!(later.header("mcp-session-id"), Some("session-1"));
        assert_eq!(later.header("mcp-method"), None);
    }
}

/// Real servers behind TLS, by name and by address.
#[tokio::test]
async fn real_servers_are_reached_over_tls() {
    let prober = prober(Limits::default());
    let checks = Rmcp::ALL.map(|kind| {
        let prober = &prober;
        async move {
            let peer = Peer::rmcp(kind).tls(Certificate::Good).start().await;
            for address in [peer.url.clone(), peer.named_url()] {
                let finding = check_url(prober, &address, None).await;
                assert_eq!(outcome(&finding), Ok(2), "{kind:?} at {address}");
            }
        }
    });
    join_all(checks).await;
}
