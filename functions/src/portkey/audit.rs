//! The wire types of `/v1/audit-logs`: who did what to which resource, from where. Names of members, never a value.

pub mod list;

use serde::Serialize;
use shared::{
    audit::{Action, Record, RecordId, ResourceKind},
    caller::{KeyId, KeyKind},
    tenant::{UserId, WorkspaceId},
    timestamp::Timestamp,
};

/// A line of the trail.
#[derive(Serialize)]
pub struct AuditLog {
    object: &'static str,
    id: RecordId,
    created_at: Timestamp,
    actor: Actor,
    source_ip: Option<String>,
    request_id: String,
    action: Action,
    resource_type: ResourceKind,
    resource_id: String,
    workspace_id: Option<WorkspaceId>,
    changed_fields: Vec<String>,
}

/// Who did it: a key, the user it acts as, and the gateway's own key where that one asked for him.
#[derive(Serialize)]
struct Actor {
    key_id: KeyId,
    r#type: KeyKind,
    user_id: Option<UserId>,
    gateway_key_id: Option<KeyId>,
}

impl From<Record> for AuditLog {
    fn from(record: Record) -> Self {
        let author = record.author;
        Self {
            object: "audit-log",
            id: record.id,
            created_at: record.at,
            actor: Actor {
                key_id: author.key,
                r#type: author.kind,
                user_id: author.user,
                gateway_key_id: author.gateway,
            },
            source_ip: author.address,
            request_id: author.request,
            action: record.action,
            resource_type: record.resource,
            resource_id: record.resource_id,
            workspace_id: record.workspace,
            changed_fields: record.fields,
        }
    }
}
