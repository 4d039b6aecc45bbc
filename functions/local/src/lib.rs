pub mod ambient;
pub mod gateway;
pub mod secrets_manager;
pub mod server;
pub mod template;
