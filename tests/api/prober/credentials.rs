//! Credentials: which header carries one, what a refusal means, and that none comes back out.

use harness::peers::{Behaviour, Peer, Rmcp};
use shared::{
    connection::{Auth, HeaderName},
    credential::Secret,
    ports::{Prober as _, Target},
    trust::Trust,
    verdict::Reason,
};
use shared_mcp::Limits;

use super::{TOKEN, assert_silent, check, check_openly, outcome, prober, url};

#[tokio::test]
async fn a_refusal_means_what_was_sent() {
    let prober = prober(Limits::default());
    for (status, with, without) in [
        (401, Reason::CredentialRejected, Reason::AuthRequired),
        (403, Reason::CredentialForbidden, Reason::AuthRequired),
    ] {
        let peer = Peer::hostile(Behaviour::Status(status)).start().await;
        let finding = check(&prober, &peer, None).await;
        assert_eq!(outcome(&finding), Err(with));
        let finding = check_openly(&prober, &peer).await;
        assert_eq!(outcome(&finding), Err(without));
        assert_eq!(peer.requests(), 2, "a refusal is not asked about again");
        assert_eq!(peer.authorizations()[1], None);
    }
}

#[tokio::test]
async fn a_token_that_is_replaced_at_the_server_is_rejected() {
    let prober = prober(Limits::default());
    let peer = Peer::rmcp(Rmcp::LegacySession).bearer(TOKEN).start().await;
    assert_eq!(outcome(&check(&prober, &peer, None).await), Ok(2));
    peer.set_bearer("another");
    let finding = check(&prober, &peer, None).await;
    assert_eq!(outcome(&finding), Err(Reason::CredentialRejected));
    peer.clear_credential();
    assert_eq!(outcome(&check_openly(&prober, &peer).await), Ok(2));
}

#[tokio::test]
async fn an_api_key_goes_in_its_own_header() {
    let prober = prober(Limits::default());
    let peer = Peer::rmcp(Rmcp::ModernJson)
        .api_key("X-Api-Key", TOKEN)
        .start()
        .await;
    let header = HeaderName::try_from("X-Api-Key".to_owned()).expect("a valid name");
    let auth = Auth::ApiKey { header };
    let secret = Secret::parse(TOKEN.to_owned()).expect("a valid secret");
    let finding = prober
        .check(Target {
            url: &url(&peer.url),
            auth: &auth,
            secret: Some(&secret),
            trust: &Trust::PUBLIC,
            era: None,
        })
        .await;
    assert_eq!(outcome(&finding), Ok(2));
    assert!(peer.authorizations().iter().all(Option::is_none));
}

/// Nothing to send is not tried out on the server.
#[tokio::test]
async fn without_its_credential_nothing_is_dialled() {
    let prober = prober(Limits::default());
    let peer = Peer::rmcp(Rmcp::Modern).start().await;
    let finding = prober
        .check(Target {
            url: &url(&peer.url),
            auth: &Auth::Bearer,
            secret: None,
            trust: &Trust::PUBLIC,
            era: None,
        })
        .await;
    assert_eq!(outcome(&finding), Err(Reason::CredentialMissing));
    assert!(finding.steps.is_empty());
    assert_eq!(peer.connections(), 0);
}

/// A server that repeats the token gets its texts stored without it.
#[tokio::test]
async fn an_echoed_token_is_taken_out() {
    let prober = prober(Limits::default());
    let peer = Peer::hostile(Behaviour::Echo).start().await;
    let finding = check(&prober, &peer, None).await;
    assert_silent(&finding, "echo");
    let contract = finding.outcome.expect("an echo is no failure");
    assert_eq!(
        contract.instructions.as_deref(),
        Some("You sent Bearer [credential].")
    );
    assert_eq!(contract.tools[0].name, "Bearer [credential]");
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_heard() {
    let prober = prober(Limits::default());
    for (status, when, expected) in [
        (429, "120", (Reason::RateLimited, Some(120))),
        (429, "soon", (Reason::RateLimited, None)),
        (
            429,
            "Sun, 06 Nov 1994 08:49:37 GMT",
            (Reason::RateLimited, Some(0)),
        ),
        (503, "120", (Reason::HttpError, None)),
    ] {
        let peer = Peer::hostile(Behaviour::RetryAfter(status, when.to_owned()))
            .start()
            .await;
        let failure = check(&prober, &peer, None)
            .await
            .outcome
            .expect_err("it asked for patience");
        assert_eq!((failure.reason, failure.retry_after_seconds), expected);
        assert_eq!(peer.requests(), 1);
    }
}
