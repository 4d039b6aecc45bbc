//! Shares connections out: who of a tenant may see and change which, and which workspaces may use them.

use std::sync::Arc;

use crate::{
    access::WorkspaceAccess,
    audit::{Action, Author, Deed, Record, ResourceKind},
    caller::Caller,
    capability::{self, Capability, Effective, Pushed, Switch, Toggles},
    connection::{Connection, ConnectionId},
    error::{Error, Noun, Result},
    ports::{Clock, Ids, Integrations, Listing, Rows, Shelf, Slice, Window, Workspaces},
    right::Right,
    slug::Reference,
    tenant::{TenantId, WorkspaceId},
    timestamp::Timestamp,
};

/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 5;

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Read,
    Update,
    Delete,
}

/// The right that it takes: one for connections of the whole tenant, another for those of a workspace.
pub const fn right_to(verb: Verb, is_of_workspace: bool) -> Right {
    match (verb, is_of_workspace) {
        (Verb::Create, false) => Right::CREATE_CONNECTIONS,
        (Verb::Read, false) => Right::READ_CONNECTIONS,
        (Verb::Update, false) => Right::UPDATE_CONNECTIONS,
        (Verb::Delete, false) => Right::DELETE_CONNECTIONS,
        (Verb::Create, true) => Right::CREATE_WORKSPACE_CONNECTIONS,
        (Verb::Read, true) => Right::READ_WORKSPACE_CONNECTIONS,
        (Verb::Update, true) => Right::UPDATE_WORKSPACE_CONNECTIONS,
        (Verb::Delete, true) => Right::DELETE_WORKSPACE_CONNECTIONS,
    }
}

/// Which connections somebody wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    All,
    OfTenant,
    OfWorkspace,
}

#[derive(Clone)]
pub struct Sharing<S> {
    pub store: S,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl<S: Integrations> Sharing<S> {
    /// A connection by id or slug, if the caller may do this with it. What belongs to a workspace that he does not reach is not there.
    pub async fn find(
        &self,
        caller: &Caller,
        named: &Reference<ConnectionId>,
        verb: Verb,
    ) -> Result<Listing> {
        let id = self.resolve(caller.tenant, named).await?;
        let listing = self.store.connection(caller.tenant, id).await?;
        let owner = listing.connection.workspace;
        let is_foreign = caller
            .workspace
            .is_some_and(|own| owner.is_some_and(|owner| owner != own));
        if is_foreign {
            return Err(Error::NotFound(Noun::Connection));
        }
        caller.demand(right_to(verb, owner.is_some()))?;
        Ok(listing)
    }

    /// The id behind a name.
    pub async fn resolve(
        &self,
        tenant: TenantId,
        named: &Reference<ConnectionId>,
    ) -> Result<ConnectionId> {
        match named {
            Reference::Id(id) => Ok(*id),
            Reference::Slug(slug) => {
                let found = self.store.connection_of(tenant, slug).await?;
                found.ok_or(Error::NotFound(Noun::Connection))
            }
        }
    }

    /// The connections that the caller reaches, or that a workspace may use, as far as he may list them.
    pub async fn list(
        &self,
        caller: &Caller,
        scope: Scope,
        workspace: Option<WorkspaceId>,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Listing>> {
        let may_tenants = caller.may(Right::LIST_CONNECTIONS);
        let may_workspaces = caller.may(Right::LIST_WORKSPACE_CONNECTIONS);
        let shelf = match (scope, workspace.or(caller.workspace)) {
            (Scope::OfTenant, _) if !may_tenants => {
                return Err(Error::Forbidden(Right::LIST_CONNECTIONS));
            }
            (Scope::OfWorkspace, _) if !may_workspaces => {
                return Err(Error::Forbidden(Right::LIST_WORKSPACE_CONNECTIONS));
            }
            (Scope::All, Some(workspace)) if may_tenants && may_workspaces => {
                Shelf::UsableBy(workspace)
            }
            (Scope::All, None) if may_tenants && may_workspaces => Shelf::All,
            // Of what he did not ask for in particular he is shown what he may see.
            (Scope::All | Scope::OfTenant, Some(workspace)) if may_tenants => {
                Shelf::GivenTo(workspace)
            }
            (Scope::All | Scope::OfTenant, None) if may_tenants => Shelf::OfTenant,
            (_, Some(workspace)) => Shelf::Of(workspace),
            (_, None) => Shelf::OfWorkspaces,
        };
        self.store.shelf(caller.tenant, shelf, search, window).await
    }

    /// What is known of a connection's server: what checks found, and what the gateway told.
    pub async fn offered(&self, listing: &Listing) -> Result<(Vec<crate::contract::Tool>, Pushed)> {
        let (tenant, id) = (listing.connection.tenant, listing.connection.id);
        let tools = match listing.offered() {
            Some(contract) => self.store.tools(tenant, id, &contract.digest).await?,
            None => Vec::new(),
        };
        Ok((tools, self.store.pushed(tenant, id).await?))
    }

    /// The capabilities of a connection, and which the whole tenant may use.
    pub async fn capabilities(&self, listing: &Listing) -> Result<Vec<Effective>> {
        let (tools, pushed) = self.offered(listing).await?;
        let connection = &listing.connection;
        let toggles = self
            .store
            .toggles(connection.tenant, connection.id.uuid())
            .await?;
        Ok(capability::effective(tools, pushed, &toggles, None))
    }

    /// The workspaces of which it is said whether they may use a connection. One that belongs to a workspace is that one's alone.
    pub async fn accesses(
        &self,
        connection: &Connection,
        window: Window,
    ) -> Result<Slice<WorkspaceAccess>> {
        let (tenant, id) = (connection.tenant, connection.id);
        let Some(workspace) = connection.workspace else {
            return self.store.workspace_accesses(tenant, id, window).await;
        };
        let own = WorkspaceAccess {
            tenant,
            connection: id,
            workspace,
            enabled: true,
            created_at: connection.created_at,
            updated_at: connection.created_at,
            revision: 0,
        };
        Ok(Slice {
            items: (window.offset == 0).then_some(own).into_iter().collect(),
            total: 1,
            has_more: false,
        })
    }

    /// Whether a workspace may use a connection.
    pub async fn is_enabled(
        &self,
        connection: &Connection,
        workspace: WorkspaceId,
    ) -> Result<bool> {
        let said = self
            .store
            .workspace_access(connection.tenant, connection.id, workspace)
            .await?;
        Ok(crate::access::is_enabled(
            connection,
            workspace,
            said.as_ref(),
        ))
    }
}

impl<S: Integrations + Rows<Toggles>> Sharing<S> {
    /// Switches capabilities of a connection on or off, known or not.
    pub async fn switch(
        &self,
        by: &Author,
        connection: &Connection,
        switches: &[Switch],
    ) -> Result<()> {
        let (tenant, of) = (connection.tenant, connection.id.uuid());
        let deed = deed(by, connection, vec!["capabilities"]);
        switch(self, tenant, of, switches, &deed).await
    }
}

/// Turns switches at one level, whatever else is turned at the same time.
pub(crate) async fn switch<S: Integrations + Rows<Toggles>>(
    sharing: &Sharing<S>,
    tenant: TenantId,
    of: uuid::Uuid,
    switches: &[Switch],
    deed: &Deed<'_>,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let now = sharing.clock.now();
        let before = sharing.store.toggles(tenant, of).await?;
        let after = before.with(switches, now)?;
        let record = deed.record(tenant, &*sharing.ids, now)?;
        match put(&sharing.store, before.revision, &before, &after, &record).await {
            Err(Error::Stale | Error::Taken(_)) => {}
            done => return done,
        }
    }
    Err(Error::Busy)
}

/// Writes a row that is there from its first revision on.
async fn put<R: Sync, S: Rows<R>>(
    store: &S,
    revision: u64,
    before: &R,
    after: &R,
    record: &Record,
) -> Result<()> {
    if revision == 0 {
        store.insert(after, Some(record)).await
    } else {
        store.exchange(before, after, Some(record)).await
    }
}

impl<S: Integrations + Rows<Pushed>> Sharing<S> {
    /// Keeps what the gateway tells of a connection's server, beside what checks find. Of what they have found themselves, what they do not
    /// look at is kept.
    pub async fn keep_pushed(
        &self,
        by: &Author,
        listing: &Listing,
        capabilities: Option<Vec<Capability>>,
        metadata: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Result<Timestamp> {
        let connection = &listing.connection;
        let (tenant, id) = (connection.tenant, connection.id);
        let found = match (&capabilities, listing.offered()) {
            (Some(_), Some(contract)) => self.store.tools(tenant, id, &contract.digest).await?,
            _ => Vec::new(),
        };
        let is_found = |told: &Capability| {
            found
                .iter()
                .any(|tool| told.kind == capability::Kind::Tool && tool.name == told.name)
        };
        let new: Option<Vec<_>> = capabilities.map(|told| {
            told.into_iter()
                .filter_map(|told| match is_found(&told) {
                    true => told.beyond_checks(),
                    false => Some(told),
                })
                .collect()
        });
        let mut fields = Vec::new();
        fields.extend(new.is_some().then_some("capabilities"));
        fields.extend(metadata.is_some().then_some("metadata"));
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let before = self.store.pushed(tenant, id).await?;
            let after = before.with(new.clone().unwrap_or_default(), metadata.clone(), now)?;
            let record = deed(by, connection, fields.clone()).record(tenant, &*self.ids, now)?;
            match put(&self.store, before.revision, &before, &after, &record).await {
                Err(Error::Stale | Error::Taken(_)) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(now),
            }
        }
        Err(Error::Busy)
    }
}

impl<S: Integrations + Workspaces + Rows<WorkspaceAccess>> Sharing<S> {
    /// What is to be said of which workspaces. Nothing is written before all of them are found.
    pub async fn resolve_workspaces(
        &self,
        caller: &Caller,
        connection: &Connection,
        said: &[(Reference<WorkspaceId>, bool)],
    ) -> Result<Vec<(WorkspaceId, bool)>> {
        if connection.workspace.is_some() && !said.is_empty() {
            return Err(Error::invalid(
                "/workspaces",
                "cannot be set: this integration belongs to one workspace alone",
            ));
        }
        let mut wanted = Vec::new();
        for (named, enabled) in said {
            let workspace =
                match crate::directory::named_workspace(&self.store, caller, Some(named)).await {
                    Ok(Some(workspace)) => workspace.id,
                    Ok(None) | Err(Error::NotFound(_)) => {
                        return Err(Error::invalid(
                            "/workspaces",
                            "names a workspace that does not exist",
                        ));
                    }
                    Err(error) => return Err(error),
                };
            wanted.retain(|(other, _)| *other != workspace);
            wanted.push((workspace, *enabled));
        }
        Ok(wanted)
    }

    /// Says of single workspaces whether they may use a connection. `replaces` forgets what was said of all others.
    pub async fn share(
        &self,
        by: &Author,
        connection: &Connection,
        wanted: Vec<(WorkspaceId, bool)>,
        replaces: bool,
    ) -> Result<()> {
        if replaces {
            self.forget_others(by, connection, &wanted).await?;
        }
        for (workspace, enabled) in wanted {
            self.say(by, connection, workspace, enabled).await?;
        }
        Ok(())
    }

    async fn forget_others(
        &self,
        by: &Author,
        connection: &Connection,
        kept: &[(WorkspaceId, bool)],
    ) -> Result<()> {
        let mut offset = 0;
        loop {
            let window = Window { offset, limit: 100 };
            let page = self
                .store
                .workspace_accesses(connection.tenant, connection.id, window)
                .await?;
            for said in &page.items {
                if kept
                    .iter()
                    .any(|(workspace, _)| *workspace == said.workspace)
                {
                    offset += 1;
                    continue;
                }
                let record = self.access_record(by, connection, said.workspace)?;
                match self.store.discard(said, Some(&record)).await {
                    Ok(()) => {}
                    Err(Error::Stale) => return Err(Error::Busy),
                    Err(error) => return Err(error),
                }
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }

    async fn say(
        &self,
        by: &Author,
        connection: &Connection,
        workspace: WorkspaceId,
        enabled: bool,
    ) -> Result<()> {
        let (tenant, id) = (connection.tenant, connection.id);
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let record = self.access_record(by, connection, workspace)?;
            let done = match self.store.workspace_access(tenant, id, workspace).await? {
                Some(before) if before.enabled == enabled => return Ok(()),
                Some(before) => {
                    let after = WorkspaceAccess {
                        enabled,
                        updated_at: now,
                        revision: before.revision + 1,
                        ..before.clone()
                    };
                    self.store.exchange(&before, &after, Some(&record)).await
                }
                None => {
                    let new = WorkspaceAccess {
                        tenant,
                        connection: id,
                        workspace,
                        enabled,
                        created_at: now,
                        updated_at: now,
                        revision: 1,
                    };
                    self.store.insert(&new, Some(&record)).await
                }
            };
            match done {
                Err(Error::Stale | Error::Taken(_)) => {}
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    fn access_record(
        &self,
        by: &Author,
        connection: &Connection,
        workspace: WorkspaceId,
    ) -> Result<Record> {
        let deed = Deed {
            workspace: Some(workspace),
            ..deed(by, connection, vec!["workspaces"])
        };
        deed.record(connection.tenant, &*self.ids, self.clock.now())
    }
}

/// Whether a caller may tell what a connection offers: all who use it see that, so it takes the right to change it, or to be the gateway.
pub fn demand_to_tell(caller: &Caller, connection: &Connection) -> Result<()> {
    if caller.is_gateway() {
        return Ok(());
    }
    caller.demand(right_to(Verb::Update, connection.workspace.is_some()))
}

fn deed<'a>(by: &'a Author, connection: &Connection, fields: Vec<&'static str>) -> Deed<'a> {
    Deed {
        author: by,
        action: Action::Update,
        resource: ResourceKind::McpIntegration,
        resource_id: connection.id.to_string(),
        workspace: connection.workspace,
        fields,
    }
}
