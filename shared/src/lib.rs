//! What mcp-steward is, without AWS, HTTP, a clock or randomness.
//!
//! Read in this order: the nouns ([`tenant`], [`caller`], [`connection`], [`credential`], [`contract`]), what a check finds
//! ([`verdict`]) and what becomes of it ([`health`], [`history`], [`wheel`]), what is needed from outside ([`ports`]), and
//! what is done with all of it: [`registry`] keeps connections and their credentials, [`checkup`] proves that they work,
//! [`rounds`] does so on schedule.

pub mod caller;
pub mod checkup;
pub mod connection;
pub mod contract;
pub mod credential;
pub mod error;
pub mod founding;
pub mod health;
pub mod history;
pub mod ports;
pub mod registry;
pub mod rotation;
pub mod rounds;
pub mod search;
pub mod signing;
pub mod sweep;
pub mod tenant;
mod text;
pub mod timestamp;
pub mod verdict;
pub mod wheel;

pub use text::Unfit;
