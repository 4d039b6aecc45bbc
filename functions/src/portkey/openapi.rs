//! The description of Portkey's API.

pub mod read;
