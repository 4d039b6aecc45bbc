//! Keeps virtual keys: API keys of a workspace that call tools, each with what it may use of which connection, and [in effect](usable).

pub mod usable;

use std::collections::{BTreeMap, BTreeSet};

use super::{ATTEMPTS, Directory, changed, keys::check_scopes, workspace_of};
use crate::{
    audit::{Action, Author},
    caller::{ApiKey, Caller, KeyHash, KeyId, KeyKind, KeyRecord, MAX_DESCRIPTION},
    connection::{Connection, ConnectionId, ConnectionName},
    error::{Error, Noun, Problem, Result},
    grants::{self, Grants, GrantsChange, MOST_CONNECTIONS},
    ports::{Slice, VirtualKeys, Window},
    right::{KeyVerb, Right, Scope},
    slug::{Reference, Slug},
    tenant::{TenantId, WorkspaceId},
    text::{Label, Text},
    tool_rules::ToolList,
    workspace::DEFAULT_SLUG,
};

/// Where a body says what a key is granted.
const CLIENTS: &str = "/mcp_configs";
/// What a virtual key is to be.
pub struct NewVirtualKey {
    pub name: Label,
    pub description: Option<Text<MAX_DESCRIPTION>>,
    pub active: bool,
    pub grants: Vec<Wish>,
}

/// A change of a virtual key: what is absent stays.
#[derive(Default)]
pub struct VirtualKeyEdit {
    pub name: Option<Label>,
    pub description: Option<Option<Text<MAX_DESCRIPTION>>>,
    pub active: Option<bool>,
    /// These and no others.
    pub grants: Option<Vec<Wish>>,
}

/// What a key is to be granted of a connection.
pub struct Wish {
    pub client: Named,
    pub tools: ToolList,
}

/// A connection as somebody names it.
pub enum Named {
    Id(ConnectionId),
    Name(ConnectionName),
}

/// A virtual key with what it is granted, in the order of the connections' creation.
pub struct VirtualKey {
    pub record: KeyRecord,
    pub grants: Vec<Granted>,
}

pub struct Granted {
    pub connection: ConnectionId,
    pub name: ConnectionName,
    pub tools: ToolList,
}

impl<S: VirtualKeys> Directory<S> {
    /// A virtual key that the caller may see and has the right to.
    pub async fn virtual_key(
        &self,
        caller: &Caller,
        id: KeyId,
        verb: KeyVerb,
    ) -> Result<KeyRecord> {
        let record = self.key(caller, id, verb).await?;
        if record.is_virtual() {
            Ok(record)
        } else {
            Err(Error::NotFound(Noun::ApiKey))
        }
    }

    /// The virtual keys that the caller reaches, in the order of their creation.
    pub async fn virtual_keys(
        &self,
        caller: &Caller,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<VirtualKey>> {
        let page = self
            .store
            .virtual_keys(caller.tenant, caller.workspace, search, window)
            .await?;
        Ok(Slice {
            items: self.with_grants(caller.tenant, page.items).await?,
            total: page.total,
            has_more: page.has_more,
        })
    }

    /// These keys with what they are granted.
    pub async fn with_grants(
        &self,
        tenant: TenantId,
        keys: Vec<KeyRecord>,
    ) -> Result<Vec<VirtualKey>> {
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let pairs = self.store.granted_to(tenant, &ids).await?;
        let all: BTreeSet<_> = pairs.iter().map(|(_, connection)| *connection).collect();
        let all: Vec<_> = all.into_iter().collect();
        let grants = by_connection(self.store.grants(tenant, &all).await?);
        let rows = self.store.rows_of(tenant, &all).await?;
        let names: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id, row.name)).collect();
        let mut of_keys: BTreeMap<KeyId, Vec<Granted>> = BTreeMap::new();
        for (key, connection) in pairs {
            let tools = grants.get(&connection).and_then(|of| of.tools(key));
            // What is about to go is granted no more.
            if let Some((tools, name)) = tools.zip(names.get(&connection)) {
                of_keys.entry(key).or_default().push(Granted {
                    connection,
                    name: name.clone(),
                    tools: tools.clone(),
                });
            }
        }
        let of = |record: KeyRecord| VirtualKey {
            grants: of_keys.remove(&record.id).unwrap_or_default(),
            record,
        };
        Ok(keys.into_iter().map(of).collect())
    }

    /// Makes a virtual key, of the caller's workspace or of the default one. It is shown this once.
    pub async fn make_virtual_key(
        &self,
        caller: &Caller,
        by: &Author,
        wanted: NewVirtualKey,
        pepper: &str,
    ) -> Result<(ApiKey, KeyRecord)> {
        let tenant = caller.tenant;
        let scopes = vec![Scope::from(Right::INVOKE)];
        check_scopes(caller, KeyKind::WorkspaceService, &scopes, &[])?;
        let workspace = self.workspace_for_keys(caller).await?;
        let now = self.clock.now();
        let key = ApiKey::new(
            tenant,
            KeyId::new(self.ids.sortable(now)?),
            self.ids.secret()?,
        );
        let record = KeyRecord {
            tenant,
            id: key.id,
            hash: KeyHash::of(&key, pepper),
            previous: None,
            kind: KeyKind::WorkspaceService,
            name: Some(wanted.name),
            description: wanted.description,
            workspace: Some(workspace),
            user: None,
            scopes,
            expires_at: None,
            disabled: !wanted.active,
            settings: None,
            created_at: now,
            updated_at: None,
            revision: 1,
        };
        let done = self.key_record(by, Action::Create, &record, Vec::new(), now)?;
        for _ in 0..ATTEMPTS {
            let grants = self.changes(caller, &record, &wanted.grants).await?;
            match self
                .store
                .write_key(None, &record, &grants, Some(&done))
                .await
            {
                Err(Error::Stale) => {}
                written => return written.map(|()| (key, record)),
            }
        }
        Err(Error::Busy)
    }

    /// Changes a virtual key and what it is granted.
    pub async fn edit_virtual_key(
        &self,
        caller: &Caller,
        by: &Author,
        id: KeyId,
        edit: VirtualKeyEdit,
    ) -> Result<KeyRecord> {
        for _ in 0..ATTEMPTS {
            let before = self.virtual_key(caller, id, KeyVerb::Update).await?;
            let grants = match &edit.grants {
                Some(wishes) => self.changes(caller, &before, wishes).await?,
                None => Vec::new(),
            };
            let now = self.clock.now();
            let after = KeyRecord {
                name: edit.name.clone().or_else(|| before.name.clone()),
                description: edit
                    .description
                    .clone()
                    .unwrap_or_else(|| before.description.clone()),
                disabled: edit.active.map_or(before.disabled, |active| !active),
                updated_at: Some(now),
                revision: before.revision + 1,
                ..before.clone()
            };
            let fields = changed(&[
                ("name", before.name != after.name),
                ("description", before.description != after.description),
                ("is_active", before.disabled != after.disabled),
                ("mcp_configs", !grants.is_empty()),
            ]);
            if fields.is_empty() {
                return Ok(before);
            }
            let record = self.key_record(by, Action::Update, &before, fields, now)?;
            match self
                .store
                .write_key(Some(&before), &after, &grants, Some(&record))
                .await
            {
                Err(Error::Stale) => {}
                written => return written.map(|()| after),
            }
        }
        Err(Error::Busy)
    }

    /// The workspace that a caller's virtual keys are of.
    async fn workspace_for_keys(&self, caller: &Caller) -> Result<WorkspaceId> {
        let default = Slug::try_from(DEFAULT_SLUG.to_owned()).map_err(Error::internal)?;
        let named = caller
            .workspace
            .map_or(Reference::Slug(default), Reference::Id);
        let workspace = workspace_of(&self.store, caller, Some(&named)).await?;
        Ok(workspace.id)
    }

    /// From what to what grants change where a key is granted these and no others. Who changes them changes connections.
    async fn changes(
        &self,
        caller: &Caller,
        key: &KeyRecord,
        wishes: &[Wish],
    ) -> Result<Vec<GrantsChange>> {
        let tenant = caller.tenant;
        let had = self.store.granted_to(tenant, &[key.id]).await?;
        if wishes.is_empty() && had.is_empty() {
            return Ok(Vec::new());
        }
        caller.demand(Right::UPDATE_CONNECTIONS)?;
        let (wanted, rows) = self.wanted(key, wishes).await?;
        let had = had.into_iter().map(|(_, connection)| connection);
        let all: BTreeSet<_> = had.chain(wanted.keys().copied()).collect();
        let all: Vec<_> = all.into_iter().collect();
        let mut known = by_connection(self.store.grants(tenant, &all).await?);
        let mut changes = Vec::new();
        for id in all {
            let before = known.remove(&id);
            let before = before.unwrap_or_else(|| Grants::none(tenant, id));
            let change = GrantsChange {
                after: before.with(key.id, wanted.get(&id).map(|tools| (*tools).clone())),
                before,
                seen: rows.get(&id).map(|row| row.revision),
            };
            if !change.is_empty() {
                change.check(CLIENTS)?;
                changes.push(change);
            }
        }
        if changes.len() > MOST_CONNECTIONS {
            let problem = format!(
                "changes too many clients at once: at most {MOST_CONNECTIONS} can be added, changed or removed in one request"
            );
            return Err(Error::invalid(CLIENTS, problem));
        }
        Ok(changes)
    }

    /// The connections that somebody names, with what a key is to be granted of each.
    async fn wanted<'a>(
        &self,
        key: &KeyRecord,
        wishes: &'a [Wish],
    ) -> Result<(
        BTreeMap<ConnectionId, &'a ToolList>,
        BTreeMap<ConnectionId, Connection>,
    )> {
        let mut ids = Vec::with_capacity(wishes.len());
        for wish in wishes {
            ids.push(match &wish.client {
                Named::Id(id) => Some(*id),
                Named::Name(name) => self.store.connection_named(key.tenant, name).await?,
            });
        }
        let named: BTreeSet<_> = ids.iter().flatten().copied().collect();
        let named: Vec<_> = named.into_iter().collect();
        let rows = self.store.rows_of(key.tenant, &named).await?;
        let rows: BTreeMap<_, _> = rows
            .into_iter()
            .filter(|row| grants::fits(key, row))
            .map(|row| (row.id, row))
            .collect();
        let mut wanted = BTreeMap::new();
        let mut problems = Vec::new();
        for (place, (wish, id)) in wishes.iter().zip(ids).enumerate() {
            let member = match wish.client {
                Named::Id(_) => "mcp_client_id",
                Named::Name(_) => "mcp_client_name",
            };
            let field = format!("{CLIENTS}/{place}/{member}");
            match id.filter(|id| rows.contains_key(id)) {
                None => problems.push(Problem::new(field, "is no client that this key could use")),
                Some(id) if wanted.insert(id, &wish.tools).is_some() => {
                    problems.push(Problem::new(field, "is a client that is named before"));
                }
                Some(_) => {}
            }
        }
        if problems.is_empty() {
            Ok((wanted, rows))
        } else {
            Err(Error::Invalid(problems))
        }
    }
}

/// Grants by the connection they are of.
fn by_connection(grants: Vec<Grants>) -> BTreeMap<ConnectionId, Grants> {
    grants
        .into_iter()
        .map(|grants| (grants.connection, grants))
        .collect()
}
