//! The guard, from outside: what may not be dialled is not dialled, whoever says so.

use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use harness::peers::{Behaviour, Certificate, Peer, Rmcp, root};
use shared::verdict::{Reason, StepName};
use shared_mcp::{McpProber, ProberSettings, resolve::Resolve};

use super::{check_url, outcome, quick, step_names};

/// Answers each question with the next list, and the last one for ever.
struct Rebinding(Mutex<VecDeque<Vec<IpAddr>>>);

impl Rebinding {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().filter_map(|ip| ip.parse().ok()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(answers.pop_front().unwrap_or_default())
    }
}

fn strict(resolver: Arc<dyn Resolve>) -> McpProber {
    let settings = ProberSettings {
        development: false,
        extra_roots: vec![root()],
        limits: quick(),
        ..ProberSettings::default()
    };
    McpProber::with_resolver(settings, resolver)
}

/// In the cloud, a peer on loopback is out of reach by every way to write it.
#[tokio::test]
async fn loopback_is_out_of_reach_in_the_cloud() {
    let peer = Peer::rmcp(Rmcp::Modern)
        .tls(Certificate::Good)
        .start()
        .await;
    let prober = strict(Rebinding::new(&[&["127.0.0.1"]]));
    let port = peer.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "mcp.example.com",
    ] {
        let finding = check_url(&prober, &format!("https://{host}:{port}/mcp"), None).await;
        assert_eq!(outcome(&finding), Err(Reason::AddressBlocked), "{host}");
    }
    assert_eq!(peer.connections(), 0);
}

/// A name server that gives one address to the check and another to the dialler finds that nobody asks twice, even where the
/// connection has to be made again.
#[tokio::test]
async fn a_name_is_looked_up_once() {
    let peer = Peer::hostile(Behaviour::CloseAfterEach).start().await;
    let resolver = Rebinding::new(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2"]]);
    let settings = ProberSettings {
        development: true,
        limits: quick(),
        ..ProberSettings::default()
    };
    let prober = McpProber::with_resolver(settings, resolver.clone());
    let address = format!("http://mcp.example.com:{}/mcp", peer.address.port());
    let finding = check_url(&prober, &address, None).await;
    assert_eq!(outcome(&finding), Ok(1));
    assert_eq!(peer.connections(), 2);
    assert_eq!(resolver.left(), 2, "the name was looked up again");
    let host = format!("mcp.example.com:{}", peer.address.port());
    assert!(
        peer.seen()
            .iter()
            .all(|seen| seen.header("host") == Some(&host))
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failure_of_the_name() {
    let prober = strict(Rebinding::new(&[]));
    let finding = check_url(&prober, "https://mcp.example.com/mcp", None).await;
    assert_eq!(outcome(&finding), Err(Reason::DnsFailure));
    assert_eq!(step_names(&finding), [StepName::Resolve]);
}

/// One bad address among good ones is enough.
#[tokio::test]
async fn a_name_that_is_also_inside_is_blocked() {
    let prober = strict(Rebinding::new(&[&["93.184.216.34", "10.0.0.1"]]));
    let finding = check_url(&prober, "https://mcp.example.com/mcp", None).await;
    assert_eq!(outcome(&finding), Err(Reason::AddressBlocked));
    assert_eq!(finding.steps.len(), 1);
}

/// Plain http and odd ports are a developer's business.
#[tokio::test]
async fn the_cloud_speaks_tls_to_ordinary_ports_only() {
    let prober = strict(Rebinding::new(&[]));
    for address in [
        "http://mcp.example.com/mcp",
        "http://mcp.example.com:8080/mcp",
        "https://mcp.example.com:25/mcp",
        "https://mcp.example.com:22/mcp",
    ] {
        let finding = check_url(&prober, address, None).await;
        assert_eq!(outcome(&finding), Err(Reason::AddressBlocked), "{address}");
        assert!(finding.steps.is_empty(), "{address} was begun");
    }
}
