//! Looking names up. Behind a trait so that tests can answer as a hostile name server would.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use shared::verdict::Reason;
use tokio::time::timeout;
use url::Host;

use crate::guard::{Blocked, Dialable, Guard};

/// No honest name has more addresses than this, and we try only a few of them.
const MAX_ANSWERS: usize = 16;

/// Turns a host name into addresses.
#[async_trait]
pub trait Resolve: Send + Sync {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the platform.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlatformResolver;

#[async_trait]
impl Resolve for PlatformResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no interest here: it is not looked up but taken from the URL.
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Every address of a host, each of them allowed. A single one that is not blocks them all: a server that is also inside is none of ours.
pub(crate) async fn dialable(
    resolver: &dyn Resolve,
    guard: Guard,
    host: &Host<&str>,
    port: u16,
    limit: Duration,
) -> Result<Vec<Dialable>, Reason> {
    let found = match host {
        Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
        Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
        Host::Domain(name) => match timeout(limit, resolver.resolve(name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => return Err(Reason::DnsFailure),
        },
    };
    let mut allowed = found
        .into_iter()
        .map(|ip| guard.admit(SocketAddr::new(ip, port)))
        .collect::<Result<Vec<_>, Blocked>>()
        .map_err(|Blocked| Reason::AddressBlocked)?;
    allowed.truncate(MAX_ANSWERS);
    if allowed.is_empty() {
        return Err(Reason::DnsFailure);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answers(&'static [&'static str]);

    #[async_trait]
    impl Resolve for Answers {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().filter_map(|ip| ip.parse().ok()).collect())
        }
    }

    struct Silent;

    #[async_trait]
    impl Resolve for Silent {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }

    async fn of(resolver: &dyn Resolve) -> Result<usize, Reason> {
        let host = Host::Domain("mcp.example.com");
        let limit = Duration::from_millis(50);
        dialable(resolver, Guard::default(), &host, 443, limit)
            .await
            .map(|found| found.len())
    }

    #[tokio::test]
    async fn one_address_inside_blocks_them_all() {
        assert_eq!(
            of(&Answers(&["93.184.216.34", "2606:2800::1"])).await,
            Ok(2)
        );
        let mixed = Answers(&["93.184.216.34", "10.0.0.1"]);
        assert_eq!(of(&mixed).await, Err(Reason::AddressBlocked));
        let hidden_behind_many = Answers(&[
            "1.0.0.1",
            "1.0.0.2",
            "1.0.0.3",
            "1.0.0.4",
            "1.0.0.5",
            "1.0.0.6",
            "1.0.0.7",
            "1.0.0.8",
            "1.0.0.9",
            "1.0.0.10",
            "1.0.0.11",
            "1.0.0.12",
            "1.0.0.13",
            "1.0.0.14",
            "1.0.0.15",
            "1.0.0.16",
            "127.0.0.1",
        ]);
        assert_eq!(of(&hidden_behind_many).await, Err(Reason::AddressBlocked));
    }

    #[tokio::test]
    async fn no_answer_is_a_failure_of_the_name() {
        assert_eq!(of(&Answers(&[])).await, Err(Reason::DnsFailure));
        assert_eq!(of(&Silent).await, Err(Reason::DnsFailure));
    }
}
