//! What the tests share: the whole stack with a clock to turn, a client that holds every answer against the API's description, and
//! the peers that are checked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod client;
pub mod clock;
pub mod contract;
pub mod faults;
pub mod log;
pub mod peers;
pub mod spellings;
pub mod stack;
pub mod stored;
