//! A server: a connection made available in one workspace, under a slug.

use serde::{Deserialize, Serialize};

use crate::{
    access::Rule,
    connection::ConnectionId,
    slug::Slug,
    tenant::{TenantId, WorkspaceId},
    text::{Label, ParseError, Text, uuid_id},
    timestamp::Timestamp,
};

/// What a server's description may have in characters.
pub const MAX_DESCRIPTION: usize = 500;

uuid_id! {
    /// A server's id. Version 7, so that ids sort by creation.
    ServerId
}

/// A server's slug: 3 to 50 characters, unique in the tenant, since the gateway's address names no workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerSlug(Slug);

impl ServerSlug {
    pub fn slug(&self) -> &Slug {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<Slug> for ServerSlug {
    /// For a slug that was made here, and so has the right length.
    fn from(slug: Slug) -> Self {
        Self(slug)
    }
}

impl TryFrom<String> for ServerSlug {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if !(3..=50).contains(&text.chars().count()) {
            return Err(ParseError("must be 3 to 50 characters"));
        }
        Slug::try_from(text).map(Self)
    }
}

/// A connection in a workspace. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    pub tenant: TenantId,
    pub id: ServerId,
    pub workspace: WorkspaceId,
    pub connection: ConnectionId,
    pub name: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<MAX_DESCRIPTION>>,
    pub slug: ServerSlug,
    /// The user who made it, or the key where no user did.
    pub owner: String,
    /// For users of whom nothing else is said.
    pub default_access: Rule,
    /// It is about to go: no tokens are kept on it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts the writes of this row.
    pub revision: u64,
}

impl Server {
    /// The same about to go, or staying after all.
    #[must_use]
    pub fn closing(&self, closing: bool) -> Self {
        Self {
            closing,
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}
