//! How mcp-steward is called: one small file for each Lambda, and what they share.
//!
//! A function does three things in this order: parse, do, answer. [`edge`] is all that knows Lambda, [`app`] is all that knows
//! which adapters there are.

pub mod app;
pub mod authorize;
pub mod authorize_portkey;
pub mod bifrost;
mod call;
pub mod check_due_connections;
mod context;
pub mod create_system_key;
pub mod create_tenant;
pub mod edge;
mod fields;
pub mod log;
pub mod native;
pub mod openapi;
mod paging;
pub mod portkey;
mod reply;
pub mod revoke_system_key;
pub mod sweep;

pub use edge::run;

use edge::Function;
use mimalloc::MiMalloc;
use native::connections;

/// A warm request allocates over a thousand times. With the C library's allocator that is a quarter of what the request costs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Every Lambda there is. A test holds this table against template.yaml, the binaries and the files.
pub const FUNCTIONS: &[Function] = &[
    authorize::FUNCTION,
    authorize_portkey::FUNCTION,
    bifrost::clients::create::FUNCTION,
    bifrost::clients::delete::FUNCTION,
    bifrost::clients::filterdata::FUNCTION,
    bifrost::clients::list::FUNCTION,
    bifrost::clients::read::FUNCTION,
    bifrost::clients::reconnect::FUNCTION,
    bifrost::clients::refresh_tools::FUNCTION,
    bifrost::clients::update::FUNCTION,
    bifrost::clients::verify_headers::FUNCTION,
    bifrost::headers::delete::FUNCTION,
    bifrost::headers::read::FUNCTION,
    bifrost::headers::submit::FUNCTION,
    bifrost::keys::create::FUNCTION,
    bifrost::keys::delete::FUNCTION,
    bifrost::keys::list::FUNCTION,
    bifrost::keys::read::FUNCTION,
    bifrost::keys::rotate::FUNCTION,
    bifrost::keys::tools::FUNCTION,
    bifrost::keys::update::FUNCTION,
    bifrost::oauth::callback::FUNCTION,
    bifrost::oauth::complete::FUNCTION,
    bifrost::oauth::reauthorize::FUNCTION,
    bifrost::oauth::revoke::FUNCTION,
    bifrost::oauth::start::FUNCTION,
    bifrost::oauth::status::FUNCTION,
    bifrost::openapi::read::FUNCTION,
    bifrost::sessions::create::FUNCTION,
    bifrost::sessions::delete::FUNCTION,
    bifrost::sessions::list::FUNCTION,
    bifrost::sessions::reauth::FUNCTION,
    check_due_connections::FUNCTION,
    create_system_key::FUNCTION,
    create_tenant::FUNCTION,
    connections::create::FUNCTION,
    connections::delete::FUNCTION,
    connections::health::FUNCTION,
    connections::list::FUNCTION,
    connections::read::FUNCTION,
    connections::rotate::FUNCTION,
    connections::test::FUNCTION,
    connections::tools::FUNCTION,
    connections::update::FUNCTION,
    openapi::FUNCTION,
    portkey::audit::list::FUNCTION,
    portkey::integrations::create::FUNCTION,
    portkey::integrations::delete::FUNCTION,
    portkey::integrations::list::FUNCTION,
    portkey::integrations::list_capabilities::FUNCTION,
    portkey::integrations::list_workspaces::FUNCTION,
    portkey::integrations::read::FUNCTION,
    portkey::integrations::read_metadata::FUNCTION,
    portkey::integrations::sync::FUNCTION,
    portkey::integrations::test::FUNCTION,
    portkey::integrations::update::FUNCTION,
    portkey::integrations::update_capabilities::FUNCTION,
    portkey::integrations::update_workspaces::FUNCTION,
    portkey::keys::create_organisation_service::FUNCTION,
    portkey::keys::create_workspace_service::FUNCTION,
    portkey::keys::create_workspace_user::FUNCTION,
    portkey::keys::delete::FUNCTION,
    portkey::keys::list::FUNCTION,
    portkey::keys::read::FUNCTION,
    portkey::keys::read_self::FUNCTION,
    portkey::keys::rotate::FUNCTION,
    portkey::keys::update::FUNCTION,
    portkey::members::create::FUNCTION,
    portkey::members::delete::FUNCTION,
    portkey::members::list::FUNCTION,
    portkey::members::read::FUNCTION,
    portkey::members::update::FUNCTION,
    portkey::openapi::read::FUNCTION,
    portkey::servers::check_user_access::FUNCTION,
    portkey::servers::create::FUNCTION,
    portkey::servers::delete::FUNCTION,
    portkey::servers::delete_connection::FUNCTION,
    portkey::servers::delete_tokens::FUNCTION,
    portkey::servers::list::FUNCTION,
    portkey::servers::list_capabilities::FUNCTION,
    portkey::servers::list_connections::FUNCTION,
    portkey::servers::list_user_access::FUNCTION,
    portkey::servers::read::FUNCTION,
    portkey::servers::read_client_info::FUNCTION,
    portkey::servers::read_metadata::FUNCTION,
    portkey::servers::read_tokens::FUNCTION,
    portkey::servers::sync_capabilities::FUNCTION,
    portkey::servers::sync_metadata::FUNCTION,
    portkey::servers::test::FUNCTION,
    portkey::servers::update::FUNCTION,
    portkey::servers::update_capabilities::FUNCTION,
    portkey::servers::update_user_access::FUNCTION,
    portkey::servers::write_tokens::FUNCTION,
    portkey::workspaces::create::FUNCTION,
    portkey::workspaces::delete::FUNCTION,
    portkey::workspaces::list::FUNCTION,
    portkey::workspaces::read::FUNCTION,
    portkey::workspaces::update::FUNCTION,
    revoke_system_key::FUNCTION,
    sweep::FUNCTION,
];
