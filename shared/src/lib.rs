//! What mcp-steward is, without AWS, HTTP, a clock or randomness.
//!
//! Read in this order: the nouns ([`tenant`], [`caller`], [`connection`], [`credential`], [`contract`]), what a check finds
//! ([`verdict`]) and what becomes of it ([`health`], [`history`], [`wheel`]), what is needed from outside ([`ports`]), and
//! what is done with all of it: [`registry`] keeps connections and their credentials, [`checkup`] proves that they work,
//! [`rounds`] does so on schedule.

pub mod caller;
pub mod connection;
pub mod contract;
pub mod credential;
pub mod error;
pub mod health;
pub mod history;
pub mod ports;
pub mod tenant;
mod text;
pub mod timestamp;
pub mod verdict;
pub mod wheel;

pub use text::Unfit;
