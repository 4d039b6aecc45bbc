//! A user's own credential on a server: the tokens he was given when he let the gateway act for him.

use serde::{Deserialize, Serialize};

use crate::{
    connection::{Unfinished, Work},
    credential::{CredentialRef, HolderId},
    server::ServerId,
    tenant::{TenantId, UserId, WorkspaceId},
    text::uuid_id,
    timestamp::Timestamp,
};

uuid_id! {
    /// Names the secret of one user on one server.
    UserConnectionId
}

impl From<UserConnectionId> for HolderId {
    fn from(id: UserConnectionId) -> Self {
        Self::new(id.uuid())
    }
}

/// That a user has tokens on a server. One row of the table; the tokens are a secret of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserConnection {
    pub tenant: TenantId,
    pub id: UserConnectionId,
    pub server: ServerId,
    pub workspace: WorkspaceId,
    pub user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

impl UserConnection {
    /// Whether anybody but the sweeper may know of it.
    pub fn is_visible(&self) -> bool {
        !matches!(
            self.unfinished,
            Some(Unfinished {
                work: Work::Provision | Work::Remove,
                ..
            })
        )
    }

    /// The same row with unfinished work noted, or without.
    #[must_use]
    pub fn with_work(&self, work: Option<Work>, now: Timestamp) -> Self {
        Self {
            unfinished: work.map(|work| Unfinished { work, since: now }),
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}
