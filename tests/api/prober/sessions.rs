//! A session that a server opens is closed again, however the check ends.

use harness::peers::{Behaviour, Peer, Rmcp};
use shared::verdict::StepName;

use super::{check, prober, quick, step_names};

#[tokio::test]
async fn no_session_is_left_open() {
    let prober = prober(quick());
    for behaviour in [
        Behaviour::Legacy,
        Behaviour::KeepsSessions,
        Behaviour::Handshakes("2099-01-01"),
        Behaviour::HangAt("notifications/initialized"),
        Behaviour::HangAt("tools/list"),
        Behaviour::CloseAt("tools/list"),
        Behaviour::StatusAt("notifications/initialized", 500),
        Behaviour::StatusAt("tools/list", 401),
        Behaviour::StatusAt("tools/list", 500),
    ] {
        let what = format!("{behaviour:?}");
        let peer = Peer::hostile(behaviour).start().await;
        let finding = check(&prober, &peer, None).await;
        let seen = peer.seen();
        let closing: Vec<_> = seen.iter().filter(|seen| seen.method == "DELETE").collect();
        assert_eq!(closing.len(), 1, "{what}");
        assert_eq!(closing[0].header("mcp-session-id"), Some("session-1"));
        assert_eq!(
            step_names(&finding).last(),
            Some(&StepName::EndSession),
            "{what}"
        );
    }
}

/// Nothing is closed that was not opened.
#[tokio::test]
async fn without_a_session_there_is_nothing_to_close() {
    let prober = prober(quick());
    for kind in [Rmcp::Modern, Rmcp::LegacyStateless] {
        let peer = Peer::rmcp(kind).start().await;
        check(&prober, &peer, None).await;
        assert!(peer.seen().iter().all(|seen| seen.method == "POST"));
    }
}
