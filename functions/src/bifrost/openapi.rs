//! The description of Bifrost's API.

pub mod read;
