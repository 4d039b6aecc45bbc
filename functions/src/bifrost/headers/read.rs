//! `GET /api/mcp/per-user-headers/flows/{id}`: what a user is asked for. Names of headers alone, and no value.

use serde_json::json;
use shared::{
    configuration::Configuration,
    error::{Error, Noun, Result},
    right::Right,
    sessions,
    user_connection::SessionStatus,
};

use crate::{
    app::App,
    bifrost::{VOCABULARY, sessions::client},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-headers-read",
    &[Right::READ_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::READ_CONNECTIONS)?;
    let id = call.id(Noun::Session)?;

    let sessions = app.sessions()?;
    let row = sessions.begun(&call.caller, id).await?;
    let asked = row.invitation.ok_or(Error::NotFound(Noun::Session))?;
    let session = sessions.whole(row).await?;
    let connection = session.connection.as_ref();
    let connection = connection.ok_or(Error::NotFound(Noun::Session))?;

    let now = app.clock().now();
    let is_open = asked.until > now;
    let status = session.row.status(Some(connection), now);
    Reply::ok(&json!({
        "id": session.row.id,
        "flow_mode": "user",
        "status": if is_open { "pending" } else { "expired" },
        "mcp_client": client(&session),
        "user_id": session.row.user,
        "expires_at": asked.until,
        "created_at": asked.since,
        "required_header_keys": connection.details.gateway.per_user_header_keys,
        "admin_header_keys": Configuration::header_names(&connection.details),
        "submitted_keys": session.row.keys,
        "has_active_credential": status == SessionStatus::Active,
    }))
}
