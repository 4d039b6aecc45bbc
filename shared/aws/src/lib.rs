//! Where things are kept: DynamoDB and Secrets Manager behind the ports of `shared`.

pub mod client;
mod connector;
