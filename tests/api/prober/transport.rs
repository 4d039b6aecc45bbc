//! What goes wrong before a byte of HTTP: ports, names, TLS.

use std::time::{Duration, Instant};

use harness::peers::{Behaviour, Certificate, Peer, Rmcp};
use shared::verdict::{Reason, StepName};
use shared_mcp::{Limits, McpProber, ProberSettings};

use super::{assert_lawful, check, check_url, outcome, prober, quick, step_names};

#[tokio::test]
async fn a_certificate_must_be_valid_and_ours() {
    let prober = prober(Limits::default());
    for (certificate, expected) in [
        (Certificate::Good, Ok(1)),
        (Certificate::Expired, Err(Reason::TlsExpired)),
        (Certificate::NotYetValid, Err(Reason::TlsInvalid)),
        (Certificate::WrongName, Err(Reason::TlsInvalid)),
        (Certificate::SelfSigned, Err(Reason::TlsInvalid)),
    ] {
        let peer = Peer::hostile(Behaviour::Modern)
            .tls(certificate)
            .start()
            .await;
        let since = Instant::now();
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), expected, "{certificate:?}");
        assert_lawful(&finding, &Limits::default(), since, "certificate");
        if expected.is_err() {
            assert_eq!(step_names(&finding).last(), Some(&StepName::Tls));
            assert_eq!(peer.requests(), 0, "a token was sent to {certificate:?}");
        }
    }
}

/// Without the extra root, the authority of the tests is nobody.
#[tokio::test]
async fn only_known_authorities_are_believed() {
    let prober = McpProber::new(ProberSettings {
        development: true,
        ..ProberSettings::default()
    });
    let peer = Peer::rmcp(Rmcp::Modern)
        .tls(Certificate::Good)
        .start()
        .await;
    let finding = check(&prober, &peer, None).await;
    assert_eq!(outcome(&finding), Err(Reason::TlsInvalid));
    assert_eq!(peer.requests(), 0);
}

#[tokio::test]
async fn tls_where_there_is_none_and_the_other_way_round() {
    let limits = quick();
    let prober = prober(limits);
    let tls = |behaviour| Peer::hostile(behaviour).tls(Certificate::Good).start();
    for (behaviour, expected) in [
        (Behaviour::NoTls, Reason::TlsInvalid),
        (Behaviour::CloseAtOnce, Reason::TlsInvalid),
        (Behaviour::HangAtOnce, Reason::ConnectTimeout),
    ] {
        let what = format!("{behaviour:?}");
        let peer = tls(behaviour).await;
        let since = Instant::now();
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), Err(expected), "{what}");
        assert_lawful(&finding, &limits, since, &what);
        assert_eq!(step_names(&finding).last(), Some(&StepName::Tls), "{what}");
    }
    let peer = tls(Behaviour::Modern).await;
    let plain = peer.url.replace("https", "http");
    let finding = check_url(&prober, &plain, None).await;
    assert!(
        matches!(
            outcome(&finding),
            Err(Reason::NotMcp | Reason::ProtocolError)
        ),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_server_goes_and_comes_back() {
    let limits = Limits::default();
    let prober = prober(limits);
    let peer = Peer::rmcp(Rmcp::Modern).start().await;
    assert_eq!(outcome(&check(&prober, &peer, None).await), Ok(2));
    peer.down().await;
    let since = Instant::now();
    let finding = check(&prober, &peer, None).await;
    assert_eq!(outcome(&finding), Err(Reason::ConnectRefused));
    assert_lawful(&finding, &limits, since, "down");
    assert!(since.elapsed() < Duration::from_secs(1));
    peer.up().await;
    assert_eq!(outcome(&check(&prober, &peer, None).await), Ok(2));
}

/// A redirect is reported. Nobody goes there, least of all with the token.
#[tokio::test]
async fn no_redirect_is_followed() {
    let prober = prober(Limits::default());
    let elsewhere = Peer::rmcp(Rmcp::Modern).start().await;
    for status in [301, 302, 303, 307, 308] {
        let peer = Peer::hostile(Behaviour::Redirect(status, elsewhere.url.clone()))
            .start()
            .await;
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), Err(Reason::RedirectRefused));
        assert_eq!(
            finding.steps.last().and_then(|step| step.http_status),
            Some(status)
        );
        assert_eq!(peer.requests(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}
