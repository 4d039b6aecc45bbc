//! What mcp-steward is, without AWS, HTTP, a clock or randomness.
//!
//! Read in this order: the nouns ([`tenant`], [`caller`], [`connection`], [`credential`], [`contract`]), what a check finds
//! ([`verdict`]) and what becomes of it ([`health`], [`history`], [`wheel`]), what is needed from outside ([`ports`]), and
//! what is done with all of it: [`registry`] keeps connections and their credentials, [`checkup`] proves that they work,
//! [`rotation`] replaces a credential with proof, [`scheduler`] checks what is due, [`sweep`] repairs what a crash left, [`search`] lists, and
//! [`tenant_creation`] is where tenants come from.

pub mod caller;
pub mod checkup;
pub mod connection;
pub mod contract;
pub mod credential;
pub mod error;
pub mod health;
pub mod history;
pub mod ports;
pub mod registry;
pub mod rotation;
pub mod scheduler;
pub mod search;
pub mod signing;
pub mod sweep;
pub mod tenant;
pub mod tenant_creation;
mod text;
pub mod timestamp;
pub mod verdict;
pub mod wheel;

pub use text::ParseError;
