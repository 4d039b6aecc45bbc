//! Who may use what: workspaces their connections, users their servers.

use serde::{Deserialize, Serialize};

use crate::{
    connection::{Connection, ConnectionId},
    server::{Server, ServerId},
    tenant::{TenantId, UserId, WorkspaceId},
    text::ParseError,
    timestamp::Timestamp,
};

/// A server's rule for users of whom nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Allow,
    Deny,
}

impl TryFrom<String> for Rule {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match text.as_str() {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            _ => Err(ParseError("must be allow or deny")),
        }
    }
}

/// What is said of one workspace and one connection of the whole tenant. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceAccess {
    pub tenant: TenantId,
    pub connection: ConnectionId,
    pub workspace: WorkspaceId,
    pub enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
}

/// Whether a workspace may use a connection: its own always, and of those of the whole tenant what is said of it, or else what is said of all.
pub fn is_enabled(
    connection: &Connection,
    workspace: WorkspaceId,
    said: Option<&WorkspaceAccess>,
) -> bool {
    match connection.workspace {
        Some(own) => own == workspace,
        None => said.map_or(connection.global_access == Some(true), |said| said.enabled),
    }
}

/// What is said of one user and one server. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAccess {
    pub tenant: TenantId,
    pub server: ServerId,
    /// The server's.
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub enabled: bool,
    pub updated_at: Timestamp,
    pub revision: u64,
}

/// Whether a user may use a server.
pub fn is_allowed(server: &Server, said: Option<&UserAccess>) -> bool {
    said.map_or(server.default_access == Rule::Allow, |said| said.enabled)
}
