//! What the tests share: the peers that are checked.

pub mod contract;
pub mod peers;
