//! MCP servers to be checked: real ones, made with rmcp, and one that misbehaves in whatever way it is told to.
//!
//! ```no_run
//! # async fn demo() {
//! use harness::peers::{Behaviour, Peer, Rmcp};
//!
//! let peer = Peer::rmcp(Rmcp::Modern).bearer("token").start().await;
//! assert_eq!(peer.requests(), 0);
//! peer.behave(Behaviour::Status(503)); // from now on, on new connections
//! peer.heal(); // as it was
//! peer.set_bearer("another"); // the old token is no longer good
//! peer.down().await; // nothing listens any more
//! peer.up().await; // at the same address
//! # }
//! ```

mod answers;
pub mod authority;
mod behaviour;
mod certificates;
mod real;
mod script;
mod serve;
mod wire;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    behaviour::Behaviour,
    certificates::{Certificate, other_root_pem, root, root_pem},
    real::Rmcp,
};

/// What a peer saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// The method in the body; empty where there is none.
    pub rpc: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a peer does with a connection.
#[derive(Clone, Debug)]
enum Nature {
    Real(Rmcp),
    Hostile(Behaviour),
}

/// What can change while a peer runs.
#[derive(Debug)]
struct State {
    nature: Nature,
    /// The header and the value that a request must have.
    credential: Option<(String, String)>,
    instructions: String,
    tools: usize,
    seen: Vec<Seen>,
    connections: usize,
}

/// Shared between a peer and its connections.
#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a peer is to be.
#[derive(Debug)]
pub struct PeerBuilder {
    state: State,
    certificate: Option<Certificate>,
}

impl PeerBuilder {
    /// Refuses everybody without this token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.api_key("authorization", &format!("Bearer {token}"))
    }

    /// Refuses everybody without this header.
    #[must_use]
    pub fn api_key(mut self, header: &str, value: &str) -> Self {
        self.state.credential = Some((header.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Speaks TLS. The authority is [`root`].
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// What it tells clients about itself; without a call it says "Use with care.".
    #[must_use]
    pub fn instructions(mut self, text: &str) -> Self {
        text.clone_into(&mut self.state.instructions);
        self
    }

    /// How many tools it lists, named `tool-000` and so on; two without a call.
    #[must_use]
    pub fn tools(mut self, number: usize) -> Self {
        self.state.tools = number;
        self
    }

    /// Starts it on a port of its own on 127.0.0.1.
    pub async fn start(self) -> Peer {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let nature = self.state.nature.clone();
        let shared = Shared(Arc::new(Mutex::new(self.state)));
        let mut peer = Peer {
            url: format!("{scheme}://127.0.0.1:{}/mcp", address.port()),
            address,
            nature,
            certificate: self.certificate,
            shared,
            server: Mutex::new(None),
        };
        *peer
            .server
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner) = Some(peer.serve(listener));
        peer
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Peer {
    pub url: String,
    pub address: SocketAddr,
    nature: Nature,
    certificate: Option<Certificate>,
    shared: Shared,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Peer {
    /// A real server.
    pub fn rmcp(kind: Rmcp) -> PeerBuilder {
        Self::builder(Nature::Real(kind))
    }

    /// A server that misbehaves.
    pub fn hostile(behaviour: Behaviour) -> PeerBuilder {
        Self::builder(Nature::Hostile(behaviour))
    }

    fn builder(nature: Nature) -> PeerBuilder {
        PeerBuilder {
            state: State {
                nature,
                credential: None,
                instructions: "Use with care.".to_owned(),
                tools: 2,
                seen: Vec::new(),
                connections: 0,
            },
            certificate: None,
        }
    }

    /// The same place under the name `localhost`.
    pub fn named_url(&self) -> String {
        self.url.replace("127.0.0.1", "localhost")
    }

    /// How many requests it has read.
    pub fn requests(&self) -> usize {
        self.shared.lock().seen.len()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Every request it has read.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// The `Authorization` headers it has got, one per request.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.seen()
            .iter()
            .map(|seen| seen.header("authorization").map(ToOwned::to_owned))
            .collect()
    }

    /// Forgets what it has seen.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.seen.clear();
        state.connections = 0;
    }

    /// Misbehaves from now on, on new connections.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().nature = Nature::Hostile(behaviour);
    }

    /// Is again what it was when it started.
    pub fn heal(&self) {
        self.shared.lock().nature = self.nature.clone();
    }

    /// Accepts only this token from now on.
    pub fn set_bearer(&self, token: &str) {
        self.shared.lock().credential =
            Some(("authorization".to_owned(), format!("Bearer {token}")));
    }

    /// Accepts everybody from now on.
    pub fn clear_credential(&self) {
        self.shared.lock().credential = None;
    }

    /// Tells clients something else from now on.
    pub fn set_instructions(&self, text: &str) {
        text.clone_into(&mut self.shared.lock().instructions);
    }

    /// Lists another number of tools from now on.
    pub fn set_tools(&self, number: usize) {
        self.shared.lock().tools = number;
    }

    /// Goes away: connections break and new ones are refused.
    pub async fn down(&self) {
        let server = self.server_slot().take();
        if let Some(server) = server {
            server.abort();
            // The listener is closed when the task is gone, not when it is told to go.
            let _ = server.await;
        }
    }

    /// Comes back at the same address.
    pub async fn up(&self) {
        self.down().await;
        let listener = bind(self.address).await;
        let server = self.serve(listener);
        *self.server_slot() = Some(server);
    }

    fn server_slot(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        let tls = self.certificate.map(certificates::acceptor);
        tokio::spawn(serve::serve(listener, tls, self.shared.clone()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(server) = self.server_slot().take() {
            server.abort();
        }
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address)
        .await
        .expect("loopback has a free port")
}
