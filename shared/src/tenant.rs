//! The tenant, the boundary nothing crosses, and the workspaces and users inside it.

use serde::{Deserialize, Serialize};

use crate::{
    caller::KeyRecord,
    text::{ParseError, uuid_id},
    timestamp::Timestamp,
    workspace::{Member, Workspace},
};

uuid_id! {
    /// A tenant. It comes from a caller's key or from the time wheel, and from nowhere else.
    TenantId
}

uuid_id! {
    /// A part of a tenant; each tenant has a default one.
    WorkspaceId
}

uuid_id! {
    /// A user of a tenant, for whom a `workspace-user` key acts.
    UserId
}

/// A tenant's name, for people: 1 to 255 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TenantName(String);

impl TenantName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let characters = text.chars().count();
        if text.trim().is_empty() || characters > 255 || text.chars().any(char::is_control) {
            return Err(ParseError(
                "must be 1 to 255 characters, without control characters",
            ));
        }
        Ok(Self(text))
    }
}

/// A tenant that begins to exist, with its default workspace and its first keys.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub tenant: TenantId,
    pub name: TenantName,
    pub workspace: Workspace,
    /// The user of a `workspace-user` key.
    pub member: Member,
    pub keys: Vec<KeyRecord>,
    pub created_at: Timestamp,
}
