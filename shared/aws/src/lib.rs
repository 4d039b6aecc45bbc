//! Where things are kept: DynamoDB and Secrets Manager behind the ports of `shared`.

mod answers;
mod attributes;
pub mod client;
mod connector;
mod failure;
mod items;
pub mod keys;
mod retry;
pub mod secrets;
mod settings;
mod signer;
pub mod store;
