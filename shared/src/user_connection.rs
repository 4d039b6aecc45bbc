//! A user's own credential: the tokens he was given when he let the gateway act for him on a server, or the headers he brings for a connection.

use serde::{Deserialize, Serialize};

use crate::{
    connection::{Connection, ConnectionId, HeaderName, Method, Unfinished, Work},
    credential::{CredentialRef, HolderId},
    server::ServerId,
    tenant::{TenantId, UserId, WorkspaceId},
    text::uuid_id,
    timestamp::Timestamp,
    trust::Trust,
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

/// What a user's credential is for, and goes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Footing {
    #[default]
    Server,
    /// A connection itself, without a server that makes it available: the server's id is the connection's then.
    Connection,
}

impl Footing {
    // Serde asks with a reference.
    #[expect(clippy::trivially_copy_pass_by_ref)]
    fn is_server(&self) -> bool {
        *self == Self::Server
    }
}

/// That a user was asked to bring values of his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub since: Timestamp,
    pub until: Timestamp,
}

/// That a user has tokens on a server, or a session on a connection. One row of the table; what is secret is a secret of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserConnection {
    pub tenant: TenantId,
    pub id: UserConnectionId,
    pub server: ServerId,
    #[serde(default, skip_serializing_if = "Footing::is_server")]
    pub footing: Footing,
    pub workspace: WorkspaceId,
    pub user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    /// The names of the headers that he brought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<HeaderName>,
    /// Whom the connection believed when he brought them.
    #[serde(default, skip_serializing_if = "Trust::is_public")]
    pub trust: Trust,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

/// What is said of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    Active,
    /// More is asked of him than he brought, or what he brought was for another address or for fewer to see.
    NeedsUpdate,
    /// Its connection asks users for nothing any more.
    Orphaned,
    /// He was asked, and brought nothing yet.
    Pending,
    /// He was asked, and brought nothing in time.
    Expired,
}

impl SessionStatus {
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::NeedsUpdate,
        Self::Orphaned,
        Self::Pending,
        Self::Expired,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NeedsUpdate => "needs_update",
            Self::Orphaned => "orphaned",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
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

    /// The connection that it stands on by itself.
    pub fn connection(&self) -> Option<ConnectionId> {
        let is_session = self.footing == Footing::Connection;
        is_session.then(|| ConnectionId::new(self.server.uuid()))
    }

    /// When it is nothing any more: he was asked and brought nothing.
    pub fn lapses_at(&self) -> Option<Timestamp> {
        match (&self.credential, &self.unfinished) {
            (None, None) => self.invitation.map(|invitation| invitation.until),
            _ => None,
        }
    }

    /// Whether what he brought may be sent to where the connection leads now: to the same origin, and to nobody who was not believed then.
    pub fn is_good_for(&self, connection: &Connection) -> bool {
        let origin = connection.server_url.origin();
        let is_for_it = |credential: &CredentialRef| credential.origin == origin;
        self.credential.as_ref().is_some_and(is_for_it)
            && !connection.details.trust.is_wider_than(&self.trust)
    }

    /// What is said of a session, by its connection if that is there.
    pub fn status(&self, connection: Option<&Connection>, now: Timestamp) -> SessionStatus {
        if self.credential.is_none() {
            let is_open = self.invitation.is_some_and(|asked| asked.until > now);
            return if is_open {
                SessionStatus::Pending
            } else {
                SessionStatus::Expired
            };
        }
        let Some(connection) = connection.filter(|row| row.auth.method() == Method::PerUserHeaders)
        else {
            return SessionStatus::Orphaned;
        };
        let mut asked = connection.details.gateway.per_user_header_keys.iter();
        let is_whole = asked.all(|key| self.keys.contains(key));
        if is_whole && self.is_good_for(connection) {
            SessionStatus::Active
        } else {
            SessionStatus::NeedsUpdate
        }
    }
}
