//! Speaks OAuth to the authorization servers of tenants' MCP servers: finds them, registers at them, and fetches tokens from them.
//!
//! What an authorization server says leaves this file as addresses that the guard has judged, as tokens, and as a word of a closed list.

mod challenge;
mod discovery;
mod tokens;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};
use shared::{
    connection::ServerUrl,
    credential::Secret,
    oauth::{Endpoints, Issued, OauthClient, TokenEndpoint, Trouble, held::Arranged},
    ports::AuthorizationServers,
    verdict::Reason,
};
use tokio::time::Instant;
use url::Url;

use crate::{
    fetch::{Fetched, Fetcher},
    prober::ProberSettings,
    resolve::{PlatformResolver, Resolve},
};

/// All questions of a discovery together: a person waits for it.
const DISCOVERY: Duration = Duration::from_secs(8);
/// Registering, and fetching tokens. A check waits for the latter.
const ONE_QUESTION: Duration = Duration::from_secs(5);

/// No honest address is longer.
const MAX_URL: usize = 2048;

/// The authorization servers out there. Costs nothing until the first question over TLS.
pub struct OauthPeers {
    fetcher: Fetcher,
    /// The longest that a discovery and one question may take.
    times: (Duration, Duration),
}

impl OauthPeers {
    pub fn new(settings: ProberSettings) -> Self {
        Self::with_resolver(settings, Arc::new(PlatformResolver))
    }

    /// The same with other answers to names.
    pub fn with_resolver(settings: ProberSettings, resolver: Arc<dyn Resolve>) -> Self {
        let total = settings.limits.total;
        Self {
            fetcher: Fetcher::new(settings, resolver),
            times: (DISCOVERY.min(total), ONE_QUESTION.min(total)),
        }
    }

    fn soon(&self) -> Instant {
        Instant::now() + self.times.1
    }

    /// An address as it came, if it is one that may be dialled or handed out.
    fn admit(&self, text: &str) -> Result<Url, Trouble> {
        if text.len() > MAX_URL {
            return Err(Trouble::Malformed);
        }
        let url = Url::parse(text).map_err(|_| Trouble::Malformed)?;
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(Trouble::Malformed);
        }
        self.fetcher
            .guard
            .admit_url(&url)
            .map_err(|_| Trouble::AddressBlocked)?;
        Ok(url)
    }
}

#[async_trait]
impl AuthorizationServers for OauthPeers {
    async fn discover(
        &self,
        server: &ServerUrl,
        arranged: &Arranged,
    ) -> Result<Endpoints, Trouble> {
        let deadline = Instant::now() + self.times.0;
        discovery::discover(self, server, arranged, deadline).await
    }

    async fn register(
        &self,
        at: &Endpoints,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<OauthClient, Trouble> {
        tokens::register(self, at, redirect_uri, scopes).await
    }

    async fn exchange(
        &self,
        at: &TokenEndpoint,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Issued, Trouble> {
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        tokens::fetch(self, at, &grant).await
    }

    async fn refresh(&self, at: &TokenEndpoint, refresh_token: &Secret) -> Result<Issued, Trouble> {
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        tokens::fetch(self, at, &grant).await
    }
}

fn trouble(reason: Reason) -> Trouble {
    match reason {
        Reason::AddressBlocked => Trouble::AddressBlocked,
        Reason::ProtocolError | Reason::ResponseTooLarge => Trouble::Malformed,
        _ => Trouble::Unreachable,
    }
}

/// The object in an answer; nothing where it is something else.
fn object(fetched: &Fetched) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&fetched.body) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// The texts in a list; nothing where there is no list.
fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    let items = members.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).collect())
}
