//! How it is checked: a small MCP client that trusts nothing it reads, over a connector that dials nothing it has not checked.
//!
//! Read in this order: [`prober`] is one check from the first step to the finding; `client` is the conversation, and
//! `client::era` the rule that decides which generation of MCP a server speaks; `channel`, `body` and `rpc` are one request and what
//! may come back for it; [`oauth`] speaks to authorization servers by `fetch`, one request at a time; `guard`, `resolve` and `dial` are how a connection comes to be.
//!
//! Nothing here writes a log. What a peer says leaves this crate only as a contract's texts; a failure is a word of a closed list.

mod body;
mod channel;
mod client;
mod dial;
mod fetch;
pub mod guard;
mod limits;
pub mod oauth;
pub mod prober;
mod redact;
pub mod resolve;
mod retry_after;
mod room;
mod rpc;
mod sse;
mod tls;
mod transcript;

pub use limits::Limits;
pub use oauth::OauthPeers;
pub use prober::{McpProber, ProberSettings};
