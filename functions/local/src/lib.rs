pub mod ambient;
pub mod dynamodb;
pub mod gateway;
pub mod secrets_manager;
pub mod server;
pub mod table;
pub mod template;
