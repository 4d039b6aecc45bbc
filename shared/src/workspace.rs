//! Workspaces, the parts of a tenant, and who belongs to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    slug::Slug,
    tenant::{TenantId, UserId, WorkspaceId},
    text::{Document, Label, ParseError, Text},
    timestamp::Timestamp,
};

/// What a workspace's description may have in characters.
pub const MAX_DESCRIPTION: usize = 500;
/// The slug of the workspace that every tenant has. Slugs stay.
pub const DEFAULT_SLUG: &str = "ws-default";

/// A part of a tenant. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    pub tenant: TenantId,
    pub id: WorkspaceId,
    pub name: Label,
    pub slug: Slug,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<MAX_DESCRIPTION>>,
    /// Defaults and limits, which are the gateway's affair and only kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Document>,
    /// The one that every tenant has. It stays.
    #[serde(default)]
    pub is_default: bool,
    /// It is about to go: nothing can be added any more. Who asks for it again goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts the writes of this row.
    pub revision: u64,
}

impl Workspace {
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

/// What a member may do in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
    Manager,
    Member,
}

impl Role {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
        }
    }

    /// Whether its holder may act for other members.
    pub const fn leads(self) -> bool {
        matches!(self, Self::Admin | Self::Manager)
    }
}

impl TryFrom<String> for Role {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        [Self::Admin, Self::Manager, Self::Member]
            .into_iter()
            .find(|role| role.word() == text)
            .ok_or(ParseError("must be admin, manager or member"))
    }
}

/// A user in a workspace. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub tenant: TenantId,
    pub workspace: WorkspaceId,
    pub user: UserId,
    /// Drawn when he came, so that members sort by that. Users' own ids are not ours, and say nothing.
    pub seat: Uuid,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Label>,
    /// He is about to go: no key is made for him any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
}

impl Member {
    /// The same about to go, or staying after all.
    #[must_use]
    pub fn closing(&self, closing: bool) -> Self {
        Self {
            closing,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// What he is called, as far as we were told.
    pub fn name(&self) -> Option<String> {
        let names: Vec<_> = [&self.first_name, &self.last_name]
            .into_iter()
            .flatten()
            .map(Label::as_str)
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }

    /// What a search looks at.
    pub fn search_text(&self) -> String {
        [&self.first_name, &self.last_name, &self.email]
            .into_iter()
            .flatten()
            .map(Label::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}
