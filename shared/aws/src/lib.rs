//! Where things are kept: DynamoDB and Secrets Manager behind the ports of `shared`.

pub mod client;
mod connector;
mod failure;
mod signer;
mod items;
pub mod keys;
pub mod secrets;
pub mod store;
