//! The prober against real servers and against every misbehaviour we could think of.

mod addresses;
mod behaviours;
mod credentials;
mod load;
mod mutations;
mod real;
mod sessions;
mod transport;
mod trust;

use std::time::{Duration, Instant};

use harness::peers::{self, Peer};
use shared::{
    connection::{Auth, ServerUrl},
    credential::Secret,
    ports::{Prober as _, Target},
    trust::Trust,
    verdict::{Era, Finding, Reason, StepName},
};
use shared_mcp::{Limits, McpProber, ProberSettings};

/// Long enough that nothing finds it by chance.
const TOKEN: &str = "canary-7f3a/9c+41==";

/// Times short enough for a table of a hundred checks, and everything else as it is in the product.
fn quick() -> Limits {
    Limits {
        total: Duration::from_millis(3000),
        connect: Duration::from_millis(1500),
        end_session: Duration::from_millis(300),
        old_transport: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn prober(limits: Limits) -> McpProber {
    McpProber::new(ProberSettings {
        development: true,
        extra_roots: vec![peers::root()],
        limits,
        ..ProberSettings::default()
    })
}

fn url(text: &str) -> ServerUrl {
    ServerUrl::try_from(text.to_owned()).expect("the tests use valid URLs")
}

/// Checks an address with [`TOKEN`] as bearer.
async fn check_url(prober: &McpProber, address: &str, era: Option<Era>) -> Finding {
    let secret = Secret::parse(TOKEN.to_owned()).expect("the token is a valid secret");
    prober
        .check(Target {
            url: &url(address),
            auth: &Auth::Bearer,
            secret: Some(&secret),
            trust: &Trust::PUBLIC,
            era,
        })
        .await
}

async fn check(prober: &McpProber, peer: &Peer, era: Option<Era>) -> Finding {
    check_url(prober, &peer.url, era).await
}

/// Checks a peer without a credential.
async fn check_openly(prober: &McpProber, peer: &Peer) -> Finding {
    prober
        .check(Target {
            url: &url(&peer.url),
            auth: &Auth::None,
            secret: None,
            trust: &Trust::PUBLIC,
            era: None,
        })
        .await
}

/// The number of tools, or why there are none.
fn outcome(finding: &Finding) -> Result<usize, Reason> {
    finding
        .outcome
        .as_ref()
        .map(|contract| contract.tools.len())
        .map_err(|failure| failure.reason)
}

fn step_names(finding: &Finding) -> Vec<StepName> {
    finding.steps.iter().map(|step| step.step).collect()
}

/// What holds of every finding, whatever the peer did.
fn assert_lawful(finding: &Finding, limits: &Limits, since: Instant, what: &str) {
    let grace = Duration::from_millis(500);
    let took = since.elapsed();
    assert!(took <= limits.total + grace, "{what} took {took:?}");

    let names = step_names(finding);
    let once = names
        .iter()
        .enumerate()
        .all(|(index, name)| !names[..index].contains(name));
    assert!(once, "{what}: a phase comes twice: {names:?}");

    let failed: Vec<_> = finding
        .steps
        .iter()
        .filter_map(|step| step.reason.map(|reason| (step.step, reason)))
        .collect();
    match outcome(finding) {
        Ok(_) => assert_eq!(failed, [], "{what}"),
        Err(reason) => {
            let last = names
                .iter()
                .rev()
                .find(|name| **name != StepName::EndSession);
            let expected: Vec<_> = last.map(|step| (*step, reason)).into_iter().collect();
            assert_eq!(failed, expected, "{what}");
        }
    }
    assert_silent(finding, what);
}

/// The token is nowhere in a finding, in none of its usual forms.
fn assert_silent(finding: &Finding, what: &str) {
    use base64::{Engine as _, engine::general_purpose as forms};
    let text = format!("{finding:?}");
    for form in [
        TOKEN.to_owned(),
        forms::STANDARD.encode(TOKEN),
        forms::STANDARD_NO_PAD.encode(TOKEN),
        forms::URL_SAFE_NO_PAD.encode(TOKEN),
        TOKEN
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D"),
        TOKEN.trim_end_matches('=').to_owned(),
    ] {
        assert!(!text.contains(&form), "{what}: {form} in {text}");
    }
}
