//! What an operator makes: a tenant with its default workspace and its first keys, and keys for the gateway.

use std::sync::Arc;

use crate::{
    caller::{ApiKey, KeyHash, KeyId, KeyKind, KeyRecord},
    error::{Error, Noun, Result},
    ports::{Clock, Ids, Rows, Tenants},
    right::{Right, Scope},
    slug::Slug,
    tenant::{NewTenant, TenantId, TenantName, UserId, WorkspaceId},
    text::{Label, ParseError},
    timestamp::Timestamp,
    workspace::{DEFAULT_SLUG, Member, Role, Workspace},
};

/// What a new tenant's first keys may do: all that keys of their kind can.
fn first_scopes(kind: KeyKind) -> Vec<Scope> {
    let keys = [
        KeyKind::OrganisationService,
        KeyKind::WorkspaceService,
        KeyKind::WorkspaceUser,
    ];
    let rights = Right::CONNECTIONS
        .into_iter()
        .chain(Right::WORKSPACE_CONNECTIONS)
        .chain(Right::SERVERS)
        .chain(Right::WORKSPACES)
        .chain(Right::MEMBERS)
        .chain(keys.into_iter().flat_map(Right::all_to_keys))
        .chain([Right::LIST_AUDIT_LOGS, Right::INVOKE]);
    let is_admin = |scope: &Scope| {
        let noun = scope.as_str().split('.').next().unwrap_or_default();
        noun.ends_with("_api_keys") || noun == "workspace_users"
    };
    rights
        .map(Scope::from)
        .filter(|scope| scope.fits(kind))
        // Keys and members are an administrator's affair, until he gives it away.
        .filter(|scope| kind == KeyKind::OrganisationService || !is_admin(scope))
        .collect()
}

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
                workspace: default_workspace(tenant, workspace, now)?,
                member: Member {
                    tenant,
                    workspace,
                    user,
                    seat: self.ids.sortable(now)?,
                    role: Role::Admin,
                    first_name: None,
                    last_name: None,
                    email: None,
                    closing: false,
                    created_at: now,
                    updated_at: now,
                    revision: 1,
                },
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
        KeyRecord {
            name: Label::try_from(format!("first {} key", kind.word())).ok(),
            workspace: kind.is_of_workspace().then_some(workspace),
            user: (kind == KeyKind::WorkspaceUser).then_some(user),
            ..operators_key(kind, key, &self.pepper, now)
        }
    }
}

/// Makes keys for the gateway of a tenant that exists.
#[derive(Clone)]
pub struct SystemKeys<S> {
    pub store: S,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub pepper: String,
}

impl<S: Tenants + Rows<KeyRecord>> SystemKeys<S> {
    /// Makes a key, which is shown this once. It was the operator, who has no key, so the audit trail, which names one, does not tell of it.
    pub async fn make(&self, tenant: TenantId) -> Result<ApiKey> {
        if !self.store.tenant_exists(tenant).await? {
            return Err(Error::NotFound(Noun::Tenant));
        }
        let now = self.clock.now();
        let key = ApiKey::new(
            tenant,
            KeyId::new(self.ids.sortable(now)?),
            self.ids.secret()?,
        );
        let record = operators_key(KeyKind::System, &key, &self.pepper, now);
        self.store.insert(&record, None).await?;
        Ok(key)
    }
}

/// A key that an operator makes.
fn operators_key(kind: KeyKind, key: &ApiKey, pepper: &str, now: Timestamp) -> KeyRecord {
    KeyRecord {
        tenant: key.tenant,
        id: key.id,
        hash: KeyHash::of(key, pepper),
        previous: None,
        kind,
        name: None,
        description: None,
        workspace: None,
        user: None,
        scopes: first_scopes(kind),
        expires_at: None,
        disabled: false,
        settings: None,
        created_at: now,
        updated_at: None,
        revision: 1,
    }
}

fn default_workspace(tenant: TenantId, id: WorkspaceId, now: Timestamp) -> Result<Workspace> {
    let name = "Default".to_owned();
    let problem = |error: ParseError| Error::internal(error);
    Ok(Workspace {
        tenant,
        id,
        name: Label::try_from(name).map_err(problem)?,
        slug: Slug::try_from(DEFAULT_SLUG.to_owned()).map_err(problem)?,
        description: None,
        settings: None,
        is_default: true,
        closing: false,
        created_at: now,
        updated_at: now,
        revision: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_keys_may_do_all_that_their_kind_can() {
        let organisation = first_scopes(KeyKind::OrganisationService);
        for right in Right::CONNECTIONS.into_iter().chain(Right::WORKSPACES) {
            assert!(organisation.contains(&right.into()), "{right}");
        }
        assert!(!organisation.contains(&Right::INVOKE.into()));
        for kind in [KeyKind::WorkspaceService, KeyKind::WorkspaceUser] {
            let scopes = first_scopes(kind);
            assert!(scopes.contains(&Right::INVOKE.into()));
            assert!(scopes.contains(&Right::LIST_CONNECTIONS.into()));
            assert!(!scopes.contains(&Right::READ_CONNECTIONS.into()));
            assert!(!scopes.contains(&Right::CREATE_MEMBERS.into()));
            assert!(scopes.iter().all(|scope| scope.fits(kind)));
        }
        assert_eq!(first_scopes(KeyKind::System), []);
    }
}
