//! How mcp-steward runs on one machine: template.yaml's routes and schedules, and stand-ins for the AWS services.
//!
//! [`stack`] puts it together. [`gateway`] is API Gateway, [`host`] is Lambda, [`schedule`] is `EventBridge`, [`dynamodb`] and
//! [`secrets_manager`] are what their names say; [`template`] reads the one list of all of it. Nothing of the product is in here.

pub mod ahead;
pub mod ambient;
pub mod demo;
pub mod dynamodb;
pub mod fault;
pub mod gateway;
pub mod host;
mod private_file;
pub mod schedule;
pub mod secrets_manager;
pub mod server;
pub mod stack;
mod state;
pub mod table;
pub mod template;
