//! What mcp-steward is, without AWS, HTTP, a clock or randomness.
//!
//! Read in this order: the nouns ([`tenant`], [`workspace`], [`caller`], [`right`], [`connection`], [`server`], [`access`],
//! [`user_connection`], [`credential`], [`trust`], [`grant`], [`configuration`], [`contract`], [`capability`], [`tool_rules`], [`gateway`], [`grants`]), what a check finds ([`verdict`]) and what becomes of
//! it ([`health`], [`history`], [`wheel`]), what is needed from outside ([`ports`]), and what is done with all of it: [`registry`] keeps
//! connections and their credentials, [`checkup`] proves that they work, [`reconfiguration`] says what a new
//! configuration makes of one, [`rotation`] replaces a credential with proof, [`samples`] lets a server be
//! checked whose users bring headers of their own, [`integrations`] and
//! [`publication`] share connections out to workspaces and users, [`tokens`] keeps what users were given, [`sessions`] asks them for what they bring themselves, [`oauth`] gets and renews tokens of our own,
//! [`disclosure`] hands the gateway what it
//! serves by, [`directory`] keeps workspaces, members, keys and what virtual ones may use, [`closing`] ends
//! a workspace with all that is in it, [`scheduler`] checks
//! what is due, [`sweep`] repairs what a crash left, [`search`] lists, [`audit`] remembers who did what, and [`tenant_creation`] is where
//! tenants come from.

pub mod access;
pub mod audit;
pub mod caller;
pub mod capability;
pub mod checkup;
pub mod closing;
pub mod configuration;
pub mod connection;
pub mod contract;
pub mod credential;
pub mod directory;
pub mod disclosure;
pub mod error;
pub mod gateway;
pub mod grant;
pub mod grants;
pub mod health;
pub mod history;
pub mod integrations;
pub mod oauth;
pub mod ports;
pub mod publication;
pub mod reconfiguration;
pub mod registry;
pub mod right;
pub mod rotation;
pub mod samples;
pub mod scheduler;
pub mod search;
pub mod server;
pub mod sessions;
pub mod signing;
pub mod slug;
pub mod sweep;
pub mod tenant;
pub mod tenant_creation;
mod text;
pub mod timestamp;
pub mod tokens;
pub mod tool_rules;
pub mod trust;
pub mod user_connection;
pub mod verdict;
pub mod wheel;
pub mod workspace;

pub use text::{Document, Label, ParseError, Text};
