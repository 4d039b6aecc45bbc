//! Keeps API keys: who may make which, and what becomes of them.

use serde_json::{Map, Value};

use super::{Directory, amended, changed, demand_lead, named_workspace, settings, workspace_of};
use crate::{
    audit::{Action, Author, Deed, Record, ResourceKind},
    caller::{
        ApiKey, Caller, KeyHash, KeyId, KeyKind, KeyRecord, MAX_DESCRIPTION, PreviousHash,
        Transition,
    },
    error::{Error, Noun, Problem, Result, busy_if_stale},
    ports::{Grantings, Rows, Slice, Tenants, Window, Workspaces},
    right::{KeyVerb, Right, Scope},
    slug::Reference,
    tenant::{TenantId, TenantName, UserId, WorkspaceId},
    text::{Label, Text},
    timestamp::Timestamp,
    workspace::{Member, Workspace},
};

/// The kinds of key that a tenant manages himself.
pub const MANAGED_KINDS: [KeyKind; 3] = [
    KeyKind::OrganisationService,
    KeyKind::WorkspaceService,
    KeyKind::WorkspaceUser,
];
/// The authorizer hands all scopes of a key on with each request, in a context that API Gateway limits.
const MAX_SCOPES_BYTES: usize = 4096;

/// What an API key is to be.
pub struct NewKey {
    pub kind: KeyKind,
    pub name: Label,
    pub description: Option<Text<MAX_DESCRIPTION>>,
    pub workspace: Option<Reference<WorkspaceId>>,
    pub user: Option<UserId>,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
    /// Limits, defaults and the like.
    pub settings: Map<String, Value>,
}

/// A change of an API key: what is absent stays.
#[derive(Default)]
pub struct KeyEdit {
    /// What the caller takes the key for. Neither can be changed.
    pub kind: Option<KeyKind>,
    pub user: Option<UserId>,
    pub name: Option<Label>,
    pub description: Option<Option<Text<MAX_DESCRIPTION>>>,
    pub scopes: Option<Vec<Scope>>,
    pub expires_at: Option<Option<Timestamp>>,
    /// They take the place of settings of the same name; null takes one away.
    pub settings: Map<String, Value>,
}

/// A key with what surrounds it, as far as somebody wants to know.
pub struct KeyDetails {
    pub record: KeyRecord,
    pub organisation: Option<TenantName>,
    pub workspace: Option<Workspace>,
    /// Whom a user's key acts for, as long as he belongs to its workspace.
    pub member: Option<Member>,
}

impl<S: Workspaces> Directory<S> {
    /// A key that the caller may see and has the right to.
    pub async fn key(&self, caller: &Caller, id: KeyId, verb: KeyVerb) -> Result<KeyRecord> {
        let found = self.store.key(caller.tenant, id).await?;
        let reaches = |record: &KeyRecord| {
            caller
                .workspace
                .is_none_or(|own| record.workspace == Some(own))
        };
        let record = found
            .filter(|record| reaches(record) && MANAGED_KINDS.contains(&record.kind))
            .ok_or(Error::NotFound(Noun::ApiKey))?;
        caller.demand(Right::to_keys(record.kind, verb))?;
        Ok(record)
    }

    /// The keys that the caller may list, of one workspace or of all that he reaches.
    pub async fn keys(
        &self,
        caller: &Caller,
        workspace: Option<&Reference<WorkspaceId>>,
        window: Window,
    ) -> Result<Slice<KeyRecord>> {
        let workspace = named_workspace(&self.store, caller, workspace).await?;
        let may = |kind: &KeyKind| caller.may(Right::to_keys(*kind, KeyVerb::List));
        let kinds: Vec<_> = MANAGED_KINDS.into_iter().filter(may).collect();
        let workspace = workspace.map(|workspace| workspace.id);
        self.store
            .keys_in(caller.tenant, workspace, &kinds, window)
            .await
    }
}

impl<S: Workspaces + Tenants> Directory<S> {
    /// The key that the caller came with.
    pub async fn own_key(
        &self,
        caller: &Caller,
        with_organisation: bool,
        with_workspace: bool,
    ) -> Result<KeyDetails> {
        let tenant = caller.tenant;
        let found = self.store.key(tenant, caller.key).await?;
        // It was good a moment ago, so somebody has just deleted it.
        let record = found.ok_or(Error::Unauthenticated)?;
        let organisation = match with_organisation {
            true => self.store.tenant_name(tenant).await?,
            false => None,
        };
        let workspace = match record.workspace {
            Some(id) if with_workspace => self.store.workspace(tenant, id).await?,
            _ => None,
        };
        let member = match (record.workspace, record.user) {
            (Some(workspace), Some(user)) => self.store.member(tenant, workspace, user).await?,
            _ => None,
        };
        Ok(KeyDetails {
            record,
            organisation,
            workspace,
            member,
        })
    }
}

impl<S: Workspaces + Rows<KeyRecord>> Directory<S> {
    /// Makes a key. It is shown this once.
    pub async fn make_key(
        &self,
        caller: &Caller,
        by: &Author,
        wanted: NewKey,
        pepper: &str,
    ) -> Result<ApiKey> {
        let (workspace, user) = self.reach_of(caller, &wanted).await?;
        check_scopes(caller, wanted.kind, &wanted.scopes, &[])?;
        let now = self.clock.now();
        check_expiry(wanted.expires_at, now)?;
        let key = ApiKey::new(
            caller.tenant,
            KeyId::new(self.ids.sortable(now)?),
            self.ids.secret()?,
        );
        let record = KeyRecord {
            tenant: caller.tenant,
            id: key.id,
            hash: KeyHash::of(&key, pepper),
            previous: None,
            kind: wanted.kind,
            name: Some(wanted.name),
            description: wanted.description,
            workspace,
            user,
            scopes: wanted.scopes,
            expires_at: wanted.expires_at,
            disabled: false,
            settings: settings(None, &wanted.settings)?,
            created_at: now,
            updated_at: None,
            revision: 1,
        };
        let done = self.key_record(by, Action::Create, &record, Vec::new(), now)?;
        Rows::<KeyRecord>::insert(&self.store, &record, Some(&done)).await?;
        Ok(key)
    }

    pub async fn edit_key(
        &self,
        caller: &Caller,
        by: &Author,
        before: &KeyRecord,
        edit: KeyEdit,
    ) -> Result<()> {
        check_identity(before, &edit)?;
        if let Some(scopes) = &edit.scopes {
            check_scopes(caller, before.kind, scopes, &before.scopes)?;
        }
        let now = self.clock.now();
        if edit.expires_at.is_some_and(|at| at != before.expires_at) {
            check_expiry(edit.expires_at.flatten(), now)?;
        }
        let after = KeyRecord {
            name: edit.name.or_else(|| before.name.clone()),
            description: edit
                .description
                .unwrap_or_else(|| before.description.clone()),
            scopes: edit.scopes.unwrap_or_else(|| before.scopes.clone()),
            expires_at: edit.expires_at.unwrap_or(before.expires_at),
            settings: settings(before.settings.as_ref(), &edit.settings)?,
            updated_at: Some(now),
            revision: before.revision + 1,
            ..before.clone()
        };
        let mut fields = changed(&[
            ("name", before.name != after.name),
            ("description", before.description != after.description),
            ("scopes", before.scopes != after.scopes),
            ("expires_at", before.expires_at != after.expires_at),
        ]);
        fields.extend(amended(&before.settings, &after.settings, &edit.settings));
        if fields.is_empty() {
            return Ok(());
        }
        let record = self.key_record(by, Action::Update, before, fields, now)?;
        busy_if_stale(Rows::<KeyRecord>::exchange(&self.store, before, &after, Some(&record)).await)
    }

    /// Replaces a key's secret. The old one opens for a while longer, or no more. Who rotates a key holds it afterwards, so he must hold its
    /// scopes as well.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        by: &Author,
        before: &KeyRecord,
        transition: Option<Transition>,
        pepper: &str,
    ) -> Result<(ApiKey, Option<Timestamp>)> {
        if before.id != caller.key {
            check_scopes(caller, before.kind, &before.scopes, &[])?;
            self.may_act_for(caller, before.workspace, before.user)
                .await?;
        }
        let now = self.clock.now();
        let key = ApiKey::new(before.tenant, before.id, self.ids.secret()?);
        let until = transition.map(|transition| transition.end(now));
        let after = KeyRecord {
            hash: KeyHash::of(&key, pepper),
            previous: until.map(|until| PreviousHash {
                hash: before.hash.clone(),
                until,
            }),
            updated_at: Some(now),
            revision: before.revision + 1,
            ..before.clone()
        };
        let record = self.key_record(by, Action::Rotate, before, Vec::new(), now)?;
        busy_if_stale(
            Rows::<KeyRecord>::exchange(&self.store, before, &after, Some(&record)).await,
        )?;
        Ok((key, until))
    }

    /// Revokes a key of the gateway's, for the operator, who made it. Those of callers are not there.
    pub async fn revoke_system_key(&self, tenant: TenantId, id: KeyId) -> Result<()> {
        let key = self.store.key(tenant, id).await?;
        let key = key.filter(|key| key.kind == KeyKind::System);
        let key = key.ok_or(Error::NotFound(Noun::ApiKey))?;
        busy_if_stale(Rows::<KeyRecord>::discard(&self.store, &key, None).await)
    }

    /// The workspace that a new key is for, and the user it acts as. A key for less than its kind reaches would reach further than its maker
    /// thinks, so what does not go with the kind is refused.
    async fn reach_of(
        &self,
        caller: &Caller,
        wanted: &NewKey,
    ) -> Result<(Option<WorkspaceId>, Option<UserId>)> {
        if wanted.kind != KeyKind::WorkspaceUser && wanted.user.is_some() {
            return Err(Error::invalid(
                "/user_id",
                "goes with an API key of a user only",
            ));
        }
        if !wanted.kind.is_of_workspace() {
            return match wanted.workspace {
                None => Ok((None, None)),
                Some(_) => Err(Error::invalid(
                    "/workspace_id",
                    "does not go with an API key of the organisation, which reaches every workspace",
                )),
            };
        }
        let workspace = workspace_of(&self.store, caller, wanted.workspace.as_ref()).await?;
        if let Some(user) = wanted.user {
            let member = self
                .store
                .member(workspace.tenant, workspace.id, user)
                .await?;
            if member.is_none() {
                return Err(Error::invalid("/user_id", "is no user of this workspace"));
            }
        }
        self.may_act_for(caller, Some(workspace.id), wanted.user)
            .await?;
        Ok((Some(workspace.id), wanted.user))
    }

    /// Whoever holds a user's key acts for him. A user gets one for another only where he leads the workspace.
    async fn may_act_for(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        user: Option<UserId>,
    ) -> Result<()> {
        let (KeyKind::WorkspaceUser, Some(own), Some(workspace), Some(user)) =
            (caller.kind, caller.user, workspace, user)
        else {
            return Ok(());
        };
        if user == own {
            return Ok(());
        }
        demand_lead(&self.store, caller.tenant, workspace, own).await
    }
}

impl<S: Grantings> Directory<S> {
    /// Revokes a key. What it was granted goes with it.
    pub async fn revoke_key(&self, by: &Author, key: &KeyRecord) -> Result<()> {
        let record = self.key_record(by, Action::Delete, key, Vec::new(), self.clock.now())?;
        busy_if_stale(self.store.remove_key(key, Some(&record)).await)
    }
}

impl<S> Directory<S> {
    pub(super) fn key_record(
        &self,
        by: &Author,
        action: Action,
        key: &KeyRecord,
        fields: Vec<String>,
        now: Timestamp,
    ) -> Result<Record> {
        let deed = Deed {
            author: by,
            action,
            resource: ResourceKind::ApiKey,
            resource_id: key.id.uuid().to_string(),
            workspace: key.workspace,
            fields: Vec::new(),
        };
        Ok(Record {
            fields,
            ..deed.record(key.tenant, &*self.ids, now)?
        })
    }
}

/// A key stays of its kind and acts for its user as long as it lives.
fn check_identity(key: &KeyRecord, edit: &KeyEdit) -> Result<()> {
    let mut problems = Vec::new();
    if edit.kind.is_some_and(|kind| kind != key.kind) {
        problems.push(Problem::new("/type", "cannot be changed"));
    }
    if edit.user.is_some_and(|user| Some(user) != key.user) {
        problems.push(Problem::new("/user_id", "cannot be changed"));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(problems))
    }
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::invalid("/expires_at", "must lie in the future"));
    }
    Ok(())
}

/// Nobody gives a scope that he does not hold; what a key has already may stay.
pub(super) fn check_scopes(
    caller: &Caller,
    kind: KeyKind,
    scopes: &[Scope],
    held: &[Scope],
) -> Result<()> {
    let mut unfit: Vec<_> = scopes
        .iter()
        .filter(|scope| !scope.fits(kind))
        .map(|scope| {
            Problem::new(
                "/scopes",
                format!("{} is no scope for a key of this kind", scope.as_str()),
            )
        })
        .collect();
    let bytes: usize = scopes.iter().map(|scope| scope.as_str().len() + 1).sum();
    if bytes > MAX_SCOPES_BYTES {
        unfit.push(Problem::new(
            "/scopes",
            "must be at most 4096 characters in all",
        ));
    }
    if !unfit.is_empty() {
        return Err(Error::Invalid(unfit));
    }
    if scopes
        .iter()
        .all(|scope| held.contains(scope) || caller.covers(scope))
    {
        Ok(())
    } else {
        Err(Error::NotAllowed(
            "an API key can be given only scopes that the caller's own key has",
        ))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::tenant::TenantId;

    fn caller(kind: KeyKind, scopes: &[Right]) -> Caller {
        Caller {
            tenant: TenantId::new(Uuid::from_u128(1)),
            key: KeyId::new(Uuid::from_u128(2)),
            kind,
            workspace: None,
            user: None,
            scopes: scopes.iter().copied().map(Scope::from).collect(),
            gateway: None,
        }
    }

    fn scopes(rights: &[Right]) -> Vec<Scope> {
        rights.iter().copied().map(Scope::from).collect()
    }

    #[test]
    fn a_key_gets_what_its_maker_has_and_its_kind_can_hold() {
        use KeyKind::{OrganisationService, WorkspaceService};
        let admin = caller(
            OrganisationService,
            &[Right::READ_SERVERS, Right::READ_WORKSPACES],
        );
        let check = |kind, rights: &[Right], held: &[Right]| {
            check_scopes(&admin, kind, &scopes(rights), &scopes(held))
        };
        assert!(check(WorkspaceService, &[Right::READ_SERVERS, Right::INVOKE], &[]).is_ok());
        assert!(matches!(
            check(WorkspaceService, &[Right::LIST_SERVERS], &[]),
            Err(Error::NotAllowed(_))
        ));
        assert!(
            check(
                WorkspaceService,
                &[Right::LIST_SERVERS],
                &[Right::LIST_SERVERS]
            )
            .is_ok()
        );
        // What does not fit the kind is a mistake, whoever has it.
        for (kind, right) in [
            (WorkspaceService, Right::READ_WORKSPACES),
            (OrganisationService, Right::INVOKE),
        ] {
            assert!(matches!(
                check(kind, &[right], &[right]),
                Err(Error::Invalid(_))
            ));
        }
    }

    #[test]
    fn scopes_fit_into_the_context_of_a_request() {
        let held = scopes(&[Right::LIST_SERVERS; 240]);
        let admin = caller(KeyKind::OrganisationService, &[Right::LIST_SERVERS]);
        let check = |scopes| check_scopes(&admin, KeyKind::WorkspaceService, scopes, &[]);
        assert!(check(&held).is_ok());
        assert!(check(&[&held[..], &held[..1]].concat()).is_err());
    }

    #[test]
    fn kind_and_user_of_a_key_stay() {
        let now = Timestamp::from_millis(0);
        let key = ApiKey::new(
            TenantId::new(Uuid::from_u128(1)),
            KeyId::new(Uuid::from_u128(2)),
            [0; 32],
        );
        let user = UserId::new(Uuid::from_u128(3));
        let record = KeyRecord {
            tenant: key.tenant,
            id: key.id,
            hash: KeyHash::of(&key, "pepper"),
            previous: None,
            kind: KeyKind::WorkspaceUser,
            name: None,
            description: None,
            workspace: None,
            user: Some(user),
            scopes: Vec::new(),
            expires_at: None,
            disabled: false,
            settings: None,
            created_at: now,
            updated_at: None,
            revision: 1,
        };
        let same = KeyEdit {
            kind: Some(KeyKind::WorkspaceUser),
            user: Some(user),
            ..KeyEdit::default()
        };
        assert!(check_identity(&record, &same).is_ok());
        let other = KeyEdit {
            kind: Some(KeyKind::WorkspaceService),
            user: Some(UserId::new(Uuid::from_u128(4))),
            ..KeyEdit::default()
        };
        let Err(Error::Invalid(problems)) = check_identity(&record, &other) else {
            panic!("accepted")
        };
        let fields: Vec<_> = problems.iter().map(|problem| &*problem.field).collect();
        assert_eq!(fields, ["/type", "/user_id"]);
    }
}
