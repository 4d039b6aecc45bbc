//! Connections that say whom they believe: an authority of their own, or whoever answers.

use harness::peers::{Behaviour, Certificate, Peer, Rmcp, other_root_pem, root_pem};
use shared::{
    connection::Auth,
    credential::Secret,
    ports::{Prober as _, Target},
    trust::{Authorities, Trust},
    verdict::{Finding, Reason, StepName},
};
use shared_mcp::{McpProber, ProberSettings};

use super::{TOKEN, outcome, step_names, url};

/// Believes the public authorities alone, as an operator without one of his own does.
fn prober(insecure_tls: bool) -> McpProber {
    McpProber::new(ProberSettings {
        development: true,
        insecure_tls,
        ..ProberSettings::default()
    })
}

fn own(pem: String) -> Trust {
    Trust {
        ca: Some(Authorities::try_from(pem).expect("the authority is in PEM")),
        ..Trust::PUBLIC
    }
}

fn anybody() -> Trust {
    Trust {
        skip_verification: true,
        ..Trust::PUBLIC
    }
}

/// Checks with [`TOKEN`] as bearer.
async fn check(prober: &McpProber, peer: &Peer, trust: &Trust) -> Finding {
    let secret = Secret::parse(TOKEN.to_owned()).expect("the token is a valid secret");
    prober
        .check(Target {
            url: &url(&peer.url),
            auth: &Auth::Bearer,
            secret: Some(&secret),
            trust,
            era: None,
        })
        .await
}

async fn hostile(certificate: Certificate) -> Peer {
    Peer::hostile(Behaviour::Modern)
        .tls(certificate)
        .start()
        .await
}

/// Everything else about a certificate has to be right all the same.
#[tokio::test]
async fn an_authority_of_ones_own_is_believed() {
    let prober = prober(false);
    for (pem, certificate, expected) in [
        (root_pem(), Certificate::Good, Ok(1)),
        (other_root_pem() + &root_pem(), Certificate::Good, Ok(1)),
        (other_root_pem(), Certificate::Good, Err(Reason::TlsInvalid)),
        (root_pem(), Certificate::Expired, Err(Reason::TlsExpired)),
        (
            root_pem(),
            Certificate::NotYetValid,
            Err(Reason::TlsInvalid),
        ),
        (root_pem(), Certificate::WrongName, Err(Reason::TlsInvalid)),
        (root_pem(), Certificate::SelfSigned, Err(Reason::TlsInvalid)),
        (root_pem(), Certificate::Stolen, Err(Reason::TlsInvalid)),
    ] {
        let peer = hostile(certificate).await;
        let finding = check(&prober, &peer, &own(pem)).await;
        assert_eq!(outcome(&finding), expected, "{certificate:?}");
        if expected.is_err() {
            assert_eq!(step_names(&finding).last(), Some(&StepName::Tls));
            assert_eq!(peer.requests(), 0, "a token was sent to {certificate:?}");
        }
    }
}

#[tokio::test]
async fn whoever_answers_is_believed_where_the_operator_allows_it() {
    let allowing = prober(true);
    for certificate in [
        Certificate::Good,
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::WrongName,
        Certificate::SelfSigned,
    ] {
        let peer = hostile(certificate).await;
        let finding = check(&allowing, &peer, &anybody()).await;
        assert_eq!(outcome(&finding), Ok(1), "{certificate:?}");
    }
    // It counts for more than an authority that has nothing to do with the server.
    let both = Trust {
        skip_verification: true,
        ..own(other_root_pem())
    };
    let peer = hostile(Certificate::Good).await;
    assert_eq!(outcome(&check(&allowing, &peer, &both).await), Ok(1));
}

/// A certificate is public, so showing it proves nothing.
#[tokio::test]
async fn who_has_not_the_key_of_his_certificate_is_never_believed() {
    let peer = hostile(Certificate::Stolen).await;
    let finding = check(&prober(true), &peer, &anybody()).await;
    assert_eq!(outcome(&finding), Err(Reason::TlsInvalid));
    assert_eq!(peer.requests(), 0);
}

/// A row may be from before the operator changed his mind.
#[tokio::test]
async fn what_the_operator_does_not_allow_is_not_done() {
    let prober = prober(false);
    for certificate in [Certificate::Good, Certificate::SelfSigned] {
        let peer = hostile(certificate).await;
        let finding = check(&prober, &peer, &anybody()).await;
        assert_eq!(outcome(&finding), Err(Reason::TlsInvalid));
        assert_eq!(peer.requests(), 0);
    }
    let asked = Trust {
        skip_verification: true,
        ..own(root_pem())
    };
    let peer = hostile(Certificate::Good).await;
    assert_eq!(outcome(&check(&prober, &peer, &asked).await), Ok(1));
}

/// One prober checks the connections of all tenants, many at a time.
#[tokio::test]
async fn nobodys_trust_comes_into_anothers_check() {
    let prober = prober(true);
    let peer = Peer::rmcp(Rmcp::Modern)
        .tls(Certificate::Good)
        .start()
        .await;
    let all = [
        (own(root_pem()), Ok(2)),
        (Trust::PUBLIC, Err(Reason::TlsInvalid)),
        (own(other_root_pem()), Err(Reason::TlsInvalid)),
        (anybody(), Ok(2)),
    ];
    for (trust, expected) in all.iter().chain(all.iter().rev()) {
        let finding = check(&prober, &peer, trust).await;
        assert_eq!(outcome(&finding), *expected, "{trust:?}");
    }
    let at_once = all.iter().cycle().take(32);
    let at_once = at_once.map(async |(trust, expected)| {
        let finding = check(&prober, &peer, trust).await;
        assert_eq!(outcome(&finding), *expected, "{trust:?}");
    });
    futures::future::join_all(at_once).await;
}
