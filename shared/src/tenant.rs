//! The tenant, the boundary nothing crosses, and the workspaces and users inside it.

use crate::text::uuid_id;

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
