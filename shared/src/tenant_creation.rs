//! Makes a tenant, its default workspace and its first keys.

use std::sync::Arc;

use crate::{
    caller::{ApiKey, KeyHash, KeyId, KeyKind, KeyRecord, Scope},
    error::Result,
    ports::{Clock, Ids, Tenants},
    tenant::{NewTenant, TenantId, TenantName, UserId, WorkspaceId},
    timestamp::Timestamp,
};

/// Scopes of a key that reaches the whole tenant.
const ORGANISATION_SCOPES: &[&str] = &[
    "organisation_mcp_integrations.create",
    "organisation_mcp_integrations.read",
    "organisation_mcp_integrations.update",
    "organisation_mcp_integrations.delete",
    "organisation_mcp_integrations.list",
    "workspace_mcp_integrations.create",
    "workspace_mcp_integrations.read",
    "workspace_mcp_integrations.update",
    "workspace_mcp_integrations.delete",
    "workspace_mcp_integrations.list",
    "mcp_servers.create",
    "mcp_servers.read",
    "mcp_servers.update",
    "mcp_servers.delete",
    "mcp_servers.list",
];
/// Scopes of a key that reaches one workspace. Of what the organisation shares it may see the list alone.
const WORKSPACE_SCOPES: &[&str] = &[
    "organisation_mcp_integrations.list",
    "workspace_mcp_integrations.create",
    "workspace_mcp_integrations.read",
    "workspace_mcp_integrations.update",
    "workspace_mcp_integrations.delete",
    "workspace_mcp_integrations.list",
    "mcp_servers.create",
    "mcp_servers.read",
    "mcp_servers.update",
    "mcp_servers.delete",
    "mcp_servers.list",
    "mcp.invoke",
];

/// A new tenant with its keys in the clear: the only moment they are.
pub struct CreatedTenant {
    pub tenant: TenantId,
    pub workspace: WorkspaceId,
    /// The user that a `workspace-user` key acts as.
    pub user: UserId,
    /// One for each kind that was asked for, in that order.
    pub keys: Vec<(KeyKind, ApiKey)>,
}

#[derive(Clone)]
pub struct TenantCreator {
    pub store: Arc<dyn Tenants>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// What keys are hashed with.
    pub pepper: String,
}

impl TenantCreator {
    pub async fn create(&self, name: TenantName, kinds: &[KeyKind]) -> Result<CreatedTenant> {
        let now = self.clock.now();
        let tenant = TenantId::new(self.ids.sortable(now)?);
        let workspace = WorkspaceId::new(self.ids.sortable(now)?);
        let user = UserId::new(self.ids.sortable(now)?);
        let keys = kinds
            .iter()
            .map(|kind| {
                Ok((
                    *kind,
                    ApiKey::new(tenant, KeyId::new(self.ids.random()?), self.ids.secret()?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let records = keys
            .iter()
            .map(|(kind, key)| self.record(*kind, key, workspace, user, now))
            .collect();
        self.store
            .create_tenant(&NewTenant {
                tenant,
                name,
                workspace,
                keys: records,
                created_at: now,
            })
            .await?;
        Ok(CreatedTenant {
            tenant,
            workspace,
            user,
            keys,
        })
    }

    fn record(
        &self,
        kind: KeyKind,
        key: &ApiKey,
        workspace: WorkspaceId,
        user: UserId,
        now: Timestamp,
    ) -> KeyRecord {
        let scopes = match kind {
            KeyKind::OrganisationService => ORGANISATION_SCOPES,
            KeyKind::WorkspaceService | KeyKind::WorkspaceUser => WORKSPACE_SCOPES,
        };
        KeyRecord {
            tenant: key.tenant,
            id: key.id,
            hash: KeyHash::of(key, &self.pepper),
            kind,
            workspace: (kind != KeyKind::OrganisationService).then_some(workspace),
            user: (kind == KeyKind::WorkspaceUser).then_some(user),
            scopes: scopes
                .iter()
                .filter_map(|scope| Scope::try_from((*scope).to_owned()).ok())
                .collect(),
            expires_at: None,
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Right;

    #[test]
    fn the_first_key_may_do_everything_there_is() {
        for right in Right::ALL {
            assert!(
                ORGANISATION_SCOPES.contains(&right.scope()),
                "{}",
                right.scope()
            );
        }
        for scope in ORGANISATION_SCOPES.iter().chain(WORKSPACE_SCOPES) {
            assert!(Scope::try_from((*scope).to_owned()).is_ok(), "{scope}");
        }
    }
}
