//! The audit trail: who did what to which resource, from where.
//!
//! A record is written in the transaction of the change it tells of, so there is neither without the other. It names the members that
//! changed and never their values, so nothing secret can be in it.

use serde::{Deserialize, Serialize};

use crate::{
    caller::{Caller, KeyId, KeyKind},
    error::{Error, Result},
    ports::Ids,
    tenant::{TenantId, UserId, WorkspaceId},
    text::uuid_id,
    timestamp::Timestamp,
};

/// Records are kept this long.
pub const KEPT_DAYS: i64 = 400;

uuid_id! {
    /// A record of the audit trail. Version 7, so that records sort by time.
    RecordId
}

/// Who asks for a change, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    pub key: KeyId,
    pub kind: KeyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The gateway's own key, where it asked for the holder of the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<KeyId>,
    /// The network address the request came from, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The id of the request, as in its answer and in the log.
    pub request: String,
}

impl Author {
    pub fn of(caller: &Caller, address: Option<String>, request: String) -> Self {
        Self {
            key: caller.key,
            kind: caller.kind,
            user: caller.user,
            gateway: caller.gateway,
            address,
            request,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Delete,
    Rotate,
    /// A secret was handed out.
    Reveal,
}

/// What it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    McpIntegration,
    McpServer,
    UserConnection,
    ApiKey,
    Workspace,
    WorkspaceUser,
}

/// One line of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub tenant: TenantId,
    pub id: RecordId,
    pub at: Timestamp,
    pub author: Author,
    pub action: Action,
    pub resource: ResourceKind,
    pub resource_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// The members that the change is about, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What a change is about, before it is known when it happens.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    pub author: &'a Author,
    pub action: Action,
    pub resource: ResourceKind,
    pub resource_id: String,
    pub workspace: Option<WorkspaceId>,
    pub fields: Vec<&'static str>,
}

impl Deed<'_> {
    pub fn record(&self, tenant: TenantId, ids: &dyn Ids, now: Timestamp) -> Result<Record> {
        Ok(Record {
            tenant,
            id: RecordId::new(ids.sortable(now)?),
            at: now,
            author: self.author.clone(),
            action: self.action,
            resource: self.resource,
            resource_id: self.resource_id.clone(),
            workspace: self.workspace,
            fields: self
                .fields
                .iter()
                .map(|field| (*field).to_owned())
                .collect(),
        })
    }
}

/// Which records are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub resource_id: Option<String>,
    pub key: Option<KeyId>,
}

impl Filter {
    /// The same, unless it can have no answer.
    pub fn checked(self) -> Result<Self> {
        if self
            .since
            .zip(self.until)
            .is_some_and(|(since, until)| since > until)
        {
            return Err(Error::invalid("end_time", "must not lie before start_time"));
        }
        Ok(self)
    }
}
