//! A flow: one attempt to get somebody's consent, from the link he opens to the token.
//!
//! Nothing secret is in its row. What proves that the same party begins and ends it (the verifier of PKCE), and what the authorization server
//! hands back to us (`state`), are made from its id with the key of the deployment.

use serde::{Deserialize, Serialize};

use super::{Endpoints, Trouble};
use crate::{
    audit::Author,
    connection::{Connection, ConnectionId, ServerUrl},
    tenant::TenantId,
    text::uuid_id,
    timestamp::Timestamp,
    trust::Trust,
};

uuid_id! {
    /// A flow. Bifrost's clients know it as `oauth_config_id`.
    FlowId
}

/// A flow has to end within this.
pub const LASTS_SECONDS: i64 = 15 * 60;
/// How long it is remembered that a flow came to nothing, and that one succeeded.
const KEPT_SECONDS: i64 = 24 * 60 * 60;
const KEPT_AUTHORIZED_SECONDS: i64 = 30 * KEPT_SECONDS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody has consented yet.
    Pending,
    /// The code is being exchanged. Whoever finds this later finds a flow that came to nothing: a code is good for one attempt.
    Exchanging,
    /// There is a token, and the connection uses it.
    Authorized,
    /// Whoever began it knows that it is authorized.
    Completed,
    Failed,
    /// The token was given up.
    Revoked,
}

/// What is said of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Authorized,
    Completed,
    Failed,
    Expired,
    Revoked,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    pub tenant: TenantId,
    pub id: FlowId,
    pub connection: ConnectionId,
    /// Where the connection's server was when the flow began: a token is for no other.
    pub server_url: ServerUrl,
    /// Whom the connection believed then: a token is for nobody else either.
    #[serde(default, skip_serializing_if = "Trust::is_public")]
    pub trust: Trust,
    /// Who began it. What comes of it is done in his name.
    pub author: Author,
    pub stage: Stage,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Where the authorization server sends whoever consented.
    pub redirect_uri: String,
    /// Known once somebody has opened the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_scopes: Vec<String>,
    pub created_at: Timestamp,
    pub until: Timestamp,
    pub revision: u64,
}

impl Flow {
    /// Whether a connection is still where it was when the flow began, and nobody is believed in its server's place who was not believed then.
    pub(super) fn is_for(&self, connection: &Connection) -> bool {
        connection.server_url == self.server_url
            && !connection.details.trust.is_wider_than(&self.trust)
    }

    pub fn status(&self, now: Timestamp) -> Status {
        match self.stage {
            Stage::Pending | Stage::Exchanging if self.until <= now => Status::Expired,
            Stage::Pending | Stage::Exchanging => Status::Pending,
            Stage::Authorized => Status::Authorized,
            Stage::Completed => Status::Completed,
            Stage::Failed => Status::Failed,
            Stage::Revoked => Status::Revoked,
        }
    }

    /// When its row may go.
    pub fn kept_until(&self) -> Timestamp {
        self.until.plus_seconds(match self.stage {
            Stage::Authorized | Stage::Completed | Stage::Revoked => KEPT_AUTHORIZED_SECONDS,
            Stage::Pending | Stage::Exchanging | Stage::Failed => KEPT_SECONDS,
        })
    }

    #[must_use]
    pub fn at_stage(&self, stage: Stage) -> Self {
        Self {
            stage,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    #[must_use]
    pub fn failed(&self, trouble: Trouble) -> Self {
        Self {
            trouble: Some(trouble),
            ..self.at_stage(Stage::Failed)
        }
    }
}
