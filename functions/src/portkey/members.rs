//! The wire types of `/v1/admin/workspaces/{id}/users`. Users are the customer's; we know of them what is said here.

pub mod create;
pub mod delete;
pub mod list;
pub mod read;
pub mod update;

use serde::Serialize;
use shared::{
    Label,
    directory::NewMember,
    tenant::{UserId, WorkspaceId},
    timestamp::Timestamp,
    workspace::{self, Role},
};

use crate::fields::Fields;

/// So many users can be named in one request, each of whom is a write of his own.
const MOST_USERS: usize = 100;

/// What is shown of a user in a workspace.
#[derive(Serialize)]
pub struct Member {
    object: &'static str,
    id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Label>,
    role: Role,
    org_role: &'static str,
    status: &'static str,
    workspace_id: WorkspaceId,
    created_at: Timestamp,
    last_updated_at: Timestamp,
}

impl From<workspace::Member> for Member {
    fn from(member: workspace::Member) -> Self {
        Self {
            object: "workspace-user",
            id: member.user,
            first_name: member.first_name,
            last_name: member.last_name,
            email: member.email,
            role: member.role,
            // Organisations have keys here and no users of their own.
            org_role: "member",
            status: "active",
            workspace_id: member.workspace,
            created_at: member.created_at,
            last_updated_at: member.updated_at,
        }
    }
}

/// Reads a list of users, each an id or an object.
pub fn new_members(fields: &mut Fields) -> Option<Vec<NewMember>> {
    fields.wrap_texts("users", "id");
    let users = fields.objects("users", new_member)?;
    if users.len() > MOST_USERS {
        fields.problem("users", format!("must be at most {MOST_USERS}"));
        return None;
    }
    Some(users)
}

/// Reads one user.
fn new_member(fields: &mut Fields) -> Option<NewMember> {
    fields.drop_nulls(&[]);
    if !fields.has("user_id") {
        fields.require(&["id"]);
    }
    let (user, id) = (fields.text("user_id"), fields.text("id"));
    let role = fields.text("role").unwrap_or(Role::Member);
    let (first_name, last_name) = (fields.text("first_name"), fields.text("last_name"));
    let email = fields.text("email");
    user.or(id).map(|user| NewMember {
        user,
        role,
        first_name,
        last_name,
        email,
    })
}
