//! Sessions: what each user brings for a client that wants it of every user, and who was asked for it.

pub mod create;
pub mod delete;
mod filter;
pub mod list;
pub mod reauth;

use serde_json::{Value, json};
use shared::{
    caller::Caller,
    connection::Connection,
    directory::named_workspace,
    error::{Error, Noun, Result},
    ports::Connections as _,
    sessions::Session,
    slug::Reference,
    tenant::{UserId, WorkspaceId},
    timestamp::Timestamp,
    user_connection::UserConnection,
};

use crate::{app::App, edge::Call};

/// A session as the list shows it, without anything that its user brought.
fn shown(session: &Session, caller: &Caller, now: Timestamp) -> Value {
    let Session { row, connection } = session;
    let status = row.status(connection.as_ref(), now).word();
    let mut shown = json!({
        "id": row.id,
        "kind": if row.credential.is_some() { "header" } else { "flow" },
        "auth_kind": "headers",
        "auth_mode": "user",
        "user_id": row.user,
        "workspace_id": row.workspace,
        "mcp_client": client(session),
        "status": status,
        "submitted_keys": row.keys,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "can_reauth": row.credential.is_some() && may_ask(caller, row.user),
    });
    if let Some(asked) = row.invitation {
        shown["expires_at"] = json!(asked.until);
    }
    shown
}

pub(super) fn client(session: &Session) -> Value {
    let name = session.connection.as_ref().map(|row| row.name.as_str());
    json!({ "client_id": session.row.connection(), "name": name.unwrap_or_default() })
}

/// That a user was asked, and where what he brings goes. `origin` is where this API is reached.
fn begun(row: &UserConnection, origin: &str) -> Value {
    let id = row.id;
    json!({
        "status": "pending",
        "kind": "headers",
        "session_id": id,
        "mcp_client_id": row.connection(),
        "user_id": row.user,
        "submit_url": format!("{origin}/api/mcp/per-user-headers/flows/{id}"),
        "expires_at": row.invitation.map(|asked| asked.until),
    })
}

/// The client in the path, if the caller reaches it.
async fn reached(app: &App, call: &Call) -> Result<Connection> {
    let id = call.id(Noun::Connection)?;
    let found = app.connections()?.connection(call.tenant(), id).await?;
    let (row, reach) = (found.connection, call.caller.workspace);
    if reach.is_some() && row.workspace.is_some() && row.workspace != reach {
        return Err(Error::NotFound(Noun::Connection));
    }
    Ok(row)
}

/// The workspace as whose member a user is asked: the key's own, the one that is named, or the client's.
async fn workspace_of(
    app: &App,
    call: &Call,
    named: Option<&Reference<WorkspaceId>>,
    connection: &Connection,
) -> Result<WorkspaceId> {
    let workspace = named_workspace(&app.store()?, &call.caller, named).await?;
    let workspace = workspace.map(|workspace| workspace.id);
    let own = connection.workspace;
    if own.is_some() && workspace.is_some() && own != workspace {
        return Err(Error::invalid(
            "/workspace_id",
            "is not the workspace that the client belongs to",
        ));
    }
    workspace.or(own).ok_or_else(|| {
        Error::invalid(
            "/workspace_id",
            "is required with an API key of the organisation: the workspace that the user is a member of",
        )
    })
}

/// Nobody but himself asks a user who has a key, unless the key is no user's.
fn may_ask(caller: &Caller, user: UserId) -> bool {
    caller.user.is_none_or(|own| own == user)
}
