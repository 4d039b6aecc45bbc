//! Publishes connections in workspaces, as servers, and says which users may use them.

use crate::{
    access::{self, Rule, UserAccess},
    audit::{Action, Author, Deed, Record, ResourceKind},
    caller::{Caller, KeyKind},
    capability::{self, Effective, Pushed, Switch, Toggles},
    connection::ConnectionId,
    directory::{demand_lead, named_workspace, workspace_of},
    error::{Error, Noun, Result, busy_if_stale},
    integrations::{Sharing, switch},
    ports::{Integrations, Listing, Rows, Servers, Slice, Window, Workspaces},
    right::Right,
    server::{MAX_DESCRIPTION, Server, ServerId, ServerSlug},
    slug::{Reference, Slug},
    tenant::{TenantId, UserId, WorkspaceId},
    text::{Label, Text},
    timestamp::Timestamp,
    tokens::{TokenStore, Tokens},
    user_connection::UserConnection,
    workspace::Member,
};

/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 5;

/// What a server is to be.
pub struct NewServer {
    pub name: Label,
    pub description: Option<Text<MAX_DESCRIPTION>>,
    pub slug: Option<ServerSlug>,
    pub connection: Reference<ConnectionId>,
    pub workspace: Option<Reference<WorkspaceId>>,
}

/// A change of a server: what is absent stays.
#[derive(Default)]
pub struct ServerEdit {
    pub name: Option<Label>,
    pub description: Option<Option<Text<MAX_DESCRIPTION>>>,
}

/// A server with the connection it makes available.
pub struct Published {
    pub server: Server,
    /// Absent where the connection is gone; the server stays, as a memory of it.
    pub listing: Option<Listing>,
    /// Whether the server's workspace may still use the connection.
    pub is_enabled: bool,
}

impl Published {
    /// The connection, if it is there and the workspace may use it.
    pub fn usable(&self) -> Option<&Listing> {
        self.listing.as_ref().filter(|_| self.is_enabled)
    }
}

/// A member of a server's workspace, with what holds of him on the server.
pub struct UserState {
    pub member: Member,
    pub enabled: bool,
    pub has_override: bool,
    pub is_connected: bool,
}

/// Whom a request is about.
pub enum Subject {
    Everybody,
    User(UserId),
}

impl<S: Servers + Workspaces> Sharing<S> {
    /// A server by id or slug. One in a workspace that the caller does not reach, or did not name, is not there.
    pub async fn server(
        &self,
        caller: &Caller,
        named: &Reference<ServerId>,
        workspace: Option<&Reference<WorkspaceId>>,
    ) -> Result<Server> {
        let workspace = match workspace {
            Some(_) => named_workspace(&self.store, caller, workspace)
                .await?
                .map(|workspace| workspace.id),
            None => caller.workspace,
        };
        let id = match named {
            Reference::Id(id) => *id,
            Reference::Slug(slug) => {
                let found = self.store.server_of(caller.tenant, slug).await?;
                found.ok_or(Error::NotFound(Noun::Server))?
            }
        };
        let found = self.store.server(caller.tenant, id).await?;
        found
            .filter(|server| workspace.is_none_or(|workspace| server.workspace == workspace))
            .ok_or(Error::NotFound(Noun::Server))
    }

    /// The servers of a workspace; `ids` narrows them to these.
    pub async fn servers(
        &self,
        caller: &Caller,
        workspace: WorkspaceId,
        ids: Option<&[ServerId]>,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Server>> {
        let Some(ids) = ids else {
            return self
                .store
                .servers_in(caller.tenant, workspace, search, window)
                .await;
        };
        let found = self.store.servers(caller.tenant, ids).await?;
        let wanted = search.map(str::to_lowercase);
        let found: Vec<_> = found
            .into_iter()
            .filter(|server| server.workspace == workspace)
            .filter(|server| {
                wanted
                    .as_ref()
                    .is_none_or(|part| server.name.as_str().to_lowercase().contains(part))
            })
            .collect();
        let total = found.len();
        let items: Vec<_> = found
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .collect();
        let has_more = window.offset + items.len() < total;
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    /// Whom a request about users' connections is about: service keys speak of everybody or of the one they name, a user of himself, and of others
    /// where he leads the workspace. Calling tools is reason enough to deal with one's own connection; other users' take `right`.
    pub async fn subject(
        &self,
        caller: &Caller,
        server: &Server,
        named: Option<UserId>,
        right: Right,
    ) -> Result<Subject> {
        let (Some(own), KeyKind::WorkspaceUser) = (caller.user, caller.kind) else {
            caller.demand(right)?;
            return Ok(named.map_or(Subject::Everybody, Subject::User));
        };
        match named {
            Some(other) if other != own => {
                caller.demand(right)?;
                demand_lead(&self.store, caller.tenant, server.workspace, own).await?;
                Ok(Subject::User(other))
            }
            _ => Ok(Subject::User(own)),
        }
    }

    /// The connections of whom a request is about.
    pub async fn user_connections(
        &self,
        server: &Server,
        subject: &Subject,
        window: Window,
    ) -> Result<Slice<UserConnection>> {
        let user = match subject {
            Subject::Everybody => {
                return self
                    .store
                    .user_connections(server.tenant, server.id, window)
                    .await;
            }
            Subject::User(user) => *user,
        };
        let found = self
            .store
            .user_connection(server.tenant, server.id, user)
            .await?;
        let found: Vec<_> = found
            .into_iter()
            .filter(UserConnection::is_visible)
            .collect();
        let total = found.len();
        let items = found
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .collect();
        Ok(Slice {
            items,
            total,
            has_more: false,
        })
    }

    /// The members of a server's workspace, and what holds of each.
    pub async fn users(
        &self,
        server: &Server,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<UserState>> {
        let members = self
            .store
            .members(server.tenant, server.workspace, search, window)
            .await?;
        let ids: Vec<_> = members.items.iter().map(|member| member.user).collect();
        let (said, connected) = self.store.of_users(server.tenant, server.id, &ids).await?;
        Ok(members.map(|member| {
            let said = said.iter().find(|said| said.user == member.user);
            UserState {
                enabled: access::is_allowed(server, said),
                has_override: said.is_some(),
                is_connected: connected
                    .iter()
                    .any(|connection| connection.user == member.user && connection.is_visible()),
                member,
            }
        }))
    }
}

impl<S: Servers + Workspaces + Integrations> Sharing<S> {
    /// A server with its connection.
    pub async fn published(&self, server: Server) -> Result<Published> {
        let (tenant, id) = (server.tenant, server.connection);
        let listing = match self.store.connection(tenant, id).await {
            Ok(listing) => Some(listing),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let is_enabled = match &listing {
            Some(listing) => {
                self.is_enabled(&listing.connection, server.workspace)
                    .await?
            }
            None => false,
        };
        Ok(Published {
            server,
            listing,
            is_enabled,
        })
    }

    /// Servers with their connections as far as these are there, in a few reads for all of them. Whether the workspace may still use each is not looked up.
    pub async fn with_listings(
        &self,
        tenant: TenantId,
        servers: Slice<Server>,
    ) -> Result<Slice<(Server, Option<Listing>)>> {
        let ids: Vec<_> = servers
            .items
            .iter()
            .map(|server| server.connection)
            .collect();
        let listings = match ids.as_slice() {
            [] => Vec::new(),
            ids => self.store.listings(tenant, ids).await?,
        };
        // Several servers may make the same connection available.
        Ok(servers.map(|server| {
            let listing = listings
                .iter()
                .find(|listing| listing.connection.id == server.connection);
            (server, listing.cloned())
        }))
    }

    /// The connection behind a server, for what makes no sense without it.
    pub async fn connection_behind(&self, server: &Server) -> Result<Listing> {
        let published = self.published(server.clone()).await?;
        published
            .listing
            .filter(|_| published.is_enabled)
            .ok_or(Error::NotFound(Noun::Connection))
    }

    /// What is known of a server's connection, and what the gateway told of it.
    pub async fn introduced(&self, server: &Server) -> Result<(Listing, Pushed)> {
        let listing = self.connection_behind(server).await?;
        let pushed = self.store.pushed(server.tenant, server.connection).await?;
        Ok((listing, pushed))
    }

    /// The capabilities of a server, and which its users may use.
    pub async fn server_capabilities(&self, server: &Server) -> Result<Vec<Effective>> {
        let listing = self.connection_behind(server).await?;
        let (tools, pushed) = self.offered(&listing).await?;
        let connection = self
            .store
            .toggles(server.tenant, server.connection.uuid())
            .await?;
        let own = self.store.toggles(server.tenant, server.id.uuid()).await?;
        Ok(capability::effective(
            tools,
            pushed,
            &connection,
            Some(&own),
        ))
    }

    /// Whether the caller may use a server now: its connection is there and switched on, and he is not kept out.
    pub async fn may_use(&self, caller: &Caller, server: &Server) -> Result<bool> {
        let published = self.published(server.clone()).await?;
        if !published
            .usable()
            .is_some_and(|listing| listing.connection.enabled)
        {
            return Ok(false);
        }
        let said = match caller.user {
            Some(user) => {
                self.store
                    .user_access(server.tenant, server.id, user)
                    .await?
            }
            None => None,
        };
        Ok(access::is_allowed(server, said.as_ref()))
    }
}

impl<S: Servers + Workspaces + Integrations + Rows<Server>> Sharing<S> {
    /// Makes a connection available in a workspace.
    pub async fn publish(&self, caller: &Caller, by: &Author, wanted: NewServer) -> Result<Server> {
        let workspace = workspace_of(&self.store, caller, wanted.workspace.as_ref()).await?;
        let connection = self
            .usable_connection(caller.tenant, &wanted.connection, workspace.id)
            .await?;
        let now = self.clock.now();
        let mut new = Server {
            tenant: caller.tenant,
            id: ServerId::new(self.ids.sortable(now)?),
            workspace: workspace.id,
            connection,
            slug: wanted
                .slug
                .clone()
                .unwrap_or_else(|| Slug::from_name(wanted.name.as_str(), "server").into()),
            name: wanted.name,
            description: wanted.description,
            owner: by
                .user
                .map_or_else(|| by.key.to_string(), |user| user.to_string()),
            default_access: Rule::Allow,
            closing: false,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let record = self.server_record(by, Action::Create, &new, Vec::new(), now)?;
        let plain = new.slug.slug().clone();
        for _ in 0..ATTEMPTS {
            match Rows::<Server>::insert(&self.store, &new, Some(&record)).await {
                Err(Error::Taken(Noun::Slug)) if wanted.slug.is_none() => {
                    new.slug = plain.with_tail(self.ids.random()?.as_u128()).into();
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(new),
            }
        }
        Err(Error::Busy)
    }

    /// A connection that a workspace may use. One of another workspace is not there.
    async fn usable_connection(
        &self,
        tenant: TenantId,
        named: &Reference<ConnectionId>,
        workspace: WorkspaceId,
    ) -> Result<ConnectionId> {
        let id = self.resolve(tenant, named).await?;
        let connection = self.store.connection(tenant, id).await?.connection;
        if connection.workspace.is_some_and(|owner| owner != workspace) {
            return Err(Error::NotFound(Noun::Connection));
        }
        if self.is_enabled(&connection, workspace).await? {
            Ok(connection.id)
        } else {
            Err(Error::NotAllowed(
                "the integration is not enabled for this workspace",
            ))
        }
    }

    pub async fn edit_server(&self, by: &Author, before: &Server, edit: ServerEdit) -> Result<()> {
        let now = self.clock.now();
        let after = Server {
            name: edit.name.unwrap_or_else(|| before.name.clone()),
            description: edit
                .description
                .unwrap_or_else(|| before.description.clone()),
            ..touched(before, now)
        };
        let mut fields = Vec::new();
        fields.extend((before.name != after.name).then_some("name"));
        fields.extend((before.description != after.description).then_some("description"));
        let record = self.server_record(by, Action::Update, before, fields, now)?;
        busy_if_stale(Rows::<Server>::exchange(&self.store, before, &after, Some(&record)).await)
    }

    /// What users may who are not named.
    pub async fn set_default_access(&self, by: &Author, before: &Server, rule: Rule) -> Result<()> {
        if before.default_access == rule && !before.closing {
            return Ok(());
        }
        let now = self.clock.now();
        let after = Server {
            default_access: rule,
            ..touched(before, now)
        };
        let record =
            self.server_record(by, Action::Update, before, vec!["default_user_access"], now)?;
        busy_if_stale(Rows::<Server>::exchange(&self.store, before, &after, Some(&record)).await)
    }
}

impl<S: Servers + Rows<UserAccess>> Sharing<S> {
    /// Forgets what is said of one user. Goes with him, so it leaves no record of its own.
    pub(crate) async fn forget_user(&self, server: &Server, user: UserId) -> Result<()> {
        let said = self
            .store
            .user_access(server.tenant, server.id, user)
            .await?;
        match said {
            Some(said) => busy_if_stale(self.store.discard(&said, None).await),
            None => Ok(()),
        }
    }
}

impl<S: TokenStore + Servers + Rows<Server> + Rows<UserAccess>> Sharing<S> {
    /// Takes a server out of its workspace with all that its users have on it. The tokens go first: where that fails half way, the server is there
    /// to be closed again, and no secret is left that nothing leads to.
    pub async fn close(&self, by: &Author, server: &Server, tokens: &Tokens<S>) -> Result<()> {
        let mut server = server.clone();
        if !server.closing {
            let before = server;
            server = before.closing(true);
            busy_if_stale(Rows::<Server>::exchange(&self.store, &before, &server, None).await)?;
        }
        let server = &server;
        tokens.forget_all(by, server).await?;
        for said in self.store.user_accesses(server.tenant, server.id).await? {
            busy_if_stale(Rows::<UserAccess>::discard(&self.store, &said, None).await)?;
        }
        let record =
            self.server_record(by, Action::Delete, server, Vec::new(), self.clock.now())?;
        busy_if_stale(Rows::<Server>::discard(&self.store, server, Some(&record)).await)
    }
}

impl<S: Integrations + Rows<Toggles>> Sharing<S> {
    /// Switches capabilities off for one server, or back on.
    pub async fn switch_server(
        &self,
        by: &Author,
        server: &Server,
        switches: &[Switch],
    ) -> Result<()> {
        let deed = server_deed(by, Action::Update, server, vec!["capabilities"]);
        switch(self, server.tenant, server.id.uuid(), switches, &deed).await
    }
}

impl<S: Servers + Workspaces + Rows<UserAccess>> Sharing<S> {
    /// Says of single users whether they may use a server.
    pub async fn set_user_access(
        &self,
        by: &Author,
        server: &Server,
        said: &[(UserId, bool)],
    ) -> Result<()> {
        for (index, (user, _)) in said.iter().enumerate() {
            if self
                .store
                .member(server.tenant, server.workspace, *user)
                .await?
                .is_none()
            {
                return Err(Error::invalid(
                    format!("/user_access/{index}/user_id"),
                    "is no user of this workspace",
                ));
            }
        }
        for (user, enabled) in said {
            self.say_of_user(by, server, *user, *enabled).await?;
        }
        Ok(())
    }

    async fn say_of_user(
        &self,
        by: &Author,
        server: &Server,
        user: UserId,
        enabled: bool,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let deed = server_deed(by, Action::Update, server, vec!["user_access"]);
            let record = deed.record(server.tenant, &*self.ids, now)?;
            let done = match self
                .store
                .user_access(server.tenant, server.id, user)
                .await?
            {
                Some(before) if before.enabled == enabled => return Ok(()),
                Some(before) => {
                    let after = UserAccess {
                        enabled,
                        updated_at: now,
                        revision: before.revision + 1,
                        ..before.clone()
                    };
                    self.store.exchange(&before, &after, Some(&record)).await
                }
                None => {
                    let new = UserAccess {
                        tenant: server.tenant,
                        server: server.id,
                        workspace: server.workspace,
                        user,
                        enabled,
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
}

impl<S> Sharing<S> {
    fn server_record(
        &self,
        by: &Author,
        action: Action,
        server: &Server,
        fields: Vec<&'static str>,
        now: Timestamp,
    ) -> Result<Record> {
        server_deed(by, action, server, fields).record(server.tenant, &*self.ids, now)
    }
}

/// What is done to a server, for the audit trail.
pub fn server_deed<'a>(
    by: &'a Author,
    action: Action,
    server: &Server,
    fields: Vec<&'static str>,
) -> Deed<'a> {
    Deed {
        author: by,
        action,
        resource: ResourceKind::McpServer,
        resource_id: server.id.to_string(),
        workspace: Some(server.workspace),
        fields,
    }
}

/// Who edits it wants it to stay, whatever removal was begun.
fn touched(before: &Server, now: Timestamp) -> Server {
    Server {
        closing: false,
        updated_at: now,
        revision: before.revision + 1,
        ..before.clone()
    }
}
