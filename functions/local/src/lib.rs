pub mod secrets_manager;
pub mod server;
