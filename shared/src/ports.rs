//! What the domain needs from outside. The doc comments state the law; each adapter's tests hold it.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    access::{UserAccess, WorkspaceAccess},
    audit::{Filter, Record},
    caller::{KeyId, KeyKind, KeyRecord},
    capability::{Capability, Pushed, Toggles},
    connection::{Auth, Connection, ConnectionId, ConnectionName, ServerUrl},
    contract::{Contract, ContractDigest, ContractSummary, Tool},
    credential::{CredentialVersion, HolderId, Secret},
    error::Result,
    grants::{Grants, GrantsChange},
    health::{Health, Next},
    history::{Incident, Sample},
    oauth::{
        Endpoints, Issued, OauthClient, TokenEndpoint, Trouble,
        flow::{Flow, FlowId},
        held::Arranged,
    },
    server::{Server, ServerId},
    slug::Slug,
    tenant::{NewTenant, TenantId, TenantName, UserId, WorkspaceId},
    timestamp::Timestamp,
    trust::Trust,
    user_connection::{UserConnection, UserConnectionId},
    verdict::{Era, Finding, Reason},
    wheel::Slot,
    workspace::{Member, Workspace},
};

/// A connection with all that is shown of it in a list. One read.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    pub connection: Connection,
    pub health: Health,
    pub contract: Option<ContractSummary>,
}

impl Listing {
    /// What the last check found, or why there is none.
    pub fn reason(&self) -> Option<Reason> {
        if self.connection.server_url.is_local() {
            return Some(Reason::NotRunnableHere);
        }
        self.health.reason
    }

    /// What the connection offers, as far as that is known: what an earlier address offered says nothing about this one.
    pub fn offered(&self) -> Option<&ContractSummary> {
        self.contract
            .as_ref()
            .filter(|_| self.health.last_succeeded_at.is_some())
    }

    /// When the connection will be checked next; nothing while it is disabled.
    pub fn next_check(&self, now: Timestamp) -> Option<Timestamp> {
        let Self {
            connection, health, ..
        } = self;
        let slot = Slot::of(connection.id, connection.schedule()?);
        let next_tick = Timestamp::from_minute(now.minute() + 1);
        let is_new = health.answered.is_none() && health.next == Next::Turn;
        let is_moved =
            health.answered < connection.placed_at && health.last_check_at < connection.placed_at;
        Some(match health.next {
            // What is new to its place on the wheel is checked at once, which means at the next tick.
            _ if is_new || is_moved => next_tick,
            // Counted from the last turn that was answered: one that was missed is caught up by the next tick.
            Next::Turn => slot.next_due(health.answered.unwrap_or(now)).max(next_tick),
            Next::Confirm(at) if at <= now => next_tick,
            Next::Confirm(at) => at,
            Next::NotBefore(at) => slot.next_due(at).max(next_tick),
        })
    }
}

/// One page of something. `next` is where the following page begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, Position> {
    pub items: Vec<T>,
    pub next: Option<Position>,
}

/// A part of a list, counted in items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub offset: usize,
    pub limit: usize,
}

/// What a window shows of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<T> {
    pub items: Vec<T>,
    /// Items of the whole list. Of a list that is searched, those that were found; beyond some ten thousand items looked at, the search ends, and
    /// `has_more` says that there may be others.
    pub total: usize,
    pub has_more: bool,
}

impl<T> Slice<T> {
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Slice<U> {
        Slice {
            items: self.items.into_iter().map(to).collect(),
            total: self.total,
            has_more: self.has_more,
        }
    }
}

/// Reading a tenant's connections.
#[async_trait]
pub trait Connections: Send + Sync {
    /// `NotFound` also for another tenant's id and for a connection nobody may see.
    async fn connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Listing>;

    /// Visible connections after `after`, by id; at most `limit`, from one read of the table. A page may be shorter than `limit`,
    /// even empty, and still have a next one.
    async fn connections(
        &self,
        tenant: TenantId,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Result<Page<Listing, ConnectionId>>;

    /// The tools stored under a digest, sorted by name; none when nothing is stored.
    async fn tools(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        digest: &ContractDigest,
    ) -> Result<Vec<Tool>>;

    /// Samples before `before` and not older than `since`, newest first; at most `limit`.
    async fn samples(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        since: Timestamp,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>>;

    /// The newest incidents, newest first; at most `limit`.
    async fn incidents(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        limit: usize,
    ) -> Result<Vec<Incident>>;
}

/// What came of adding a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// It is stored.
    Stored,
    /// The same request was made before and this is the connection it made, as it was then. Nothing is written.
    Before(Box<Connection>),
}

/// Makes the repetition of a request recognisable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of the caller's key.
    pub key: String,
    /// Keyed hash of the request, which may hold a secret.
    pub fingerprint: String,
    pub expires_at: Timestamp,
}

/// Writing a tenant's connections. Every method is one transaction: all of it happens or nothing.
#[async_trait]
pub trait Registrations: Connections + Grantings + UserSessions {
    /// The row alone, whoever may see it; `None` when there is none.
    async fn row(&self, tenant: TenantId, id: ConnectionId) -> Result<Option<Connection>>;

    /// Adds a connection with its name, its slug and, if it is checked, its place on the wheel and a first check that is due at once. `Taken` when the tenant has that
    /// name or slug, `KeyReused` when the idempotency key was used with another request. What nobody may see yet is in no list and leaves no record.
    async fn add(
        &self,
        new: &Connection,
        idempotency: Option<&Idempotency>,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<Added>;

    /// Replaces the row `before` by `after`; name, health, lists and the place on the wheel follow what differs between the two. `Stale` when the row is not `before` any more,
    /// `Taken` when another connection has the new name.
    async fn replace(
        &self,
        before: &Connection,
        after: &Connection,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<()> {
        self.replace_granting(before, after, None, record, now)
            .await
    }

    /// The same with what keys are granted of it. `Stale` also when that is not as it was seen, or one of the added keys is gone.
    async fn replace_granting(
        &self,
        before: &Connection,
        after: &Connection,
        grants: Option<&GrantsChange>,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<()>;

    /// Removes the row with everything that hangs on it. Removing what is gone is no error; `Stale` when it was changed.
    async fn remove(&self, last: &Connection) -> Result<()>;

    /// What has work unfinished since before `since`, oldest first; at most `limit`. May lag behind by a moment.
    async fn unfinished(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(TenantId, Unsettled)>>;
}

/// A row that holds a secret and has work unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    Connection(ConnectionId),
    UserConnection(ServerId, UserId),
}

/// Rows that are written whole. Each method is one transaction, and with the row go its slug, its places in lists and the record of who did it.
#[async_trait]
pub trait Rows<R>: Send + Sync {
    /// `Taken` when there is such a row, or its slug belongs to another.
    async fn insert(&self, new: &R, record: Option<&Record>) -> Result<()>;

    /// `Stale` when the row is not `before` any more.
    async fn exchange(&self, before: &R, after: &R, record: Option<&Record>) -> Result<()>;

    /// Removing what is gone is no error; `Stale` when it was changed.
    async fn discard(&self, last: &R, record: Option<&Record>) -> Result<()>;
}

/// Which connections are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// All of the tenant.
    All,
    /// Those that belong to no workspace.
    OfTenant,
    /// Those that belong to any workspace.
    OfWorkspaces,
    /// Those that a workspace may use: its own, and what it was given of the tenant's.
    UsableBy(WorkspaceId),
    /// The same without its own.
    GivenTo(WorkspaceId),
    /// Its own alone.
    Of(WorkspaceId),
    /// Those that keys of a workspace can be granted: its own, and all that belong to no workspace.
    Around(WorkspaceId),
}

/// Connections as the things that are shared out. Pages cost the same however many rows there are.
#[async_trait]
pub trait Integrations: Connections {
    async fn connection_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<ConnectionId>>;

    /// Those of these connections that there are, in no order.
    async fn listings(&self, tenant: TenantId, ids: &[ConnectionId]) -> Result<Vec<Listing>>;

    /// In the order of their creation. `search` is part of a name, in any case.
    async fn shelf(
        &self,
        tenant: TenantId,
        shelf: Shelf,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Listing>>;

    async fn workspace_access(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        workspace: WorkspaceId,
    ) -> Result<Option<WorkspaceAccess>>;

    /// What is said of single workspaces, in the order of the workspaces' creation.
    async fn workspace_accesses(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        window: Window,
    ) -> Result<Slice<WorkspaceAccess>>;

    /// `Toggles::none` when nothing was said.
    async fn toggles(&self, tenant: TenantId, of: Uuid) -> Result<Toggles>;

    /// `Pushed::nothing` when nobody told.
    async fn pushed(&self, tenant: TenantId, connection: ConnectionId) -> Result<Pushed>;
}

/// Reading servers, and what users may and have on them.
#[async_trait]
pub trait Servers: Send + Sync {
    async fn server(&self, tenant: TenantId, id: ServerId) -> Result<Option<Server>>;

    async fn server_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<ServerId>>;

    /// Those of these servers that there are, in the order given.
    async fn servers(&self, tenant: TenantId, ids: &[ServerId]) -> Result<Vec<Server>>;

    async fn servers_in(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Server>>;

    async fn user_access(
        &self,
        tenant: TenantId,
        server: ServerId,
        user: UserId,
    ) -> Result<Option<UserAccess>>;

    /// What is said of single users, of all of them.
    async fn user_accesses(&self, tenant: TenantId, server: ServerId) -> Result<Vec<UserAccess>>;

    /// What is said of these users, and which connections they have. Both in no order, and only what there is.
    async fn of_users(
        &self,
        tenant: TenantId,
        server: ServerId,
        users: &[UserId],
    ) -> Result<(Vec<UserAccess>, Vec<UserConnection>)>;

    /// The row alone, whoever may see it.
    async fn user_connection(
        &self,
        tenant: TenantId,
        server: ServerId,
        user: UserId,
    ) -> Result<Option<UserConnection>>;

    /// Visible ones, in the order of the users' creation.
    async fn user_connections(
        &self,
        tenant: TenantId,
        server: ServerId,
        window: Window,
    ) -> Result<Slice<UserConnection>>;
}

/// Whose sessions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Everybodys,
    /// Those of users as members of a workspace.
    Of(WorkspaceId),
    Users(UserId),
    /// Everybody's on one connection.
    On(ConnectionId),
}

/// Users' credentials on connections themselves, and those that users were asked for. Pages cost the same however many there are.
#[async_trait]
pub trait UserSessions: Rows<UserConnection> {
    /// `None` also for another tenant's and for one that nobody may see.
    async fn session(
        &self,
        tenant: TenantId,
        id: UserConnectionId,
    ) -> Result<Option<UserConnection>>;

    /// Visible ones, newest first.
    async fn sessions(
        &self,
        tenant: TenantId,
        whose: Whose,
        window: Window,
    ) -> Result<Slice<UserConnection>>;
}

/// Reading workspaces, their members, and keys.
#[async_trait]
pub trait Workspaces: Keys {
    async fn workspace(&self, tenant: TenantId, id: WorkspaceId) -> Result<Option<Workspace>>;

    async fn workspace_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<WorkspaceId>>;

    async fn workspaces(
        &self,
        tenant: TenantId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Workspace>>;

    /// Forgets of which connections it was said whether a workspace may use them.
    async fn forget_accesses_of(&self, tenant: TenantId, workspace: WorkspaceId) -> Result<()>;

    /// How many servers, connections, keys and sessions there are in a workspace.
    async fn contents(&self, tenant: TenantId, workspace: WorkspaceId) -> Result<usize>;

    async fn member(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<Member>>;

    async fn members(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Member>>;

    /// Keys of these kinds, of one workspace or of the whole tenant.
    async fn keys_in(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        kinds: &[KeyKind],
        window: Window,
    ) -> Result<Slice<KeyRecord>>;
}

/// The audit trail, besides the records that are written with the changes they tell of.
#[async_trait]
pub trait Trail: Send + Sync {
    /// Writes the record of something that changes nothing.
    async fn append(&self, record: &Record) -> Result<()>;

    /// Newest first.
    async fn records(
        &self,
        tenant: TenantId,
        filter: &Filter,
        window: Window,
    ) -> Result<Slice<Record>>;
}

/// What a check leaves behind.
#[derive(Clone, Debug)]
pub struct Checked<'a> {
    pub connection: &'a Connection,
    /// What was known when the check was judged.
    pub before: &'a Health,
    pub after: &'a Health,
    /// The contract, where it differs from the stored one in any way.
    pub contract: Option<&'a Contract>,
    /// The stored one's digest, whose tools are of no use once the new contract counts.
    pub superseded: Option<&'a ContractDigest>,
    pub sample: &'a Sample,
}

/// Storing what checks find.
#[async_trait]
pub trait Results: Connections {
    /// Stores a result. `Stale`, and nothing is written, when the health is not `before` any more or the connection is gone.
    async fn store_result(&self, checked: &Checked<'_>) -> Result<()>;

    /// Counts a check that somebody asked for in this minute; false, and nothing is counted, when there were `most` already.
    async fn count_request(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        minute: i64,
        most: u32,
    ) -> Result<bool>;
}

/// A check that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub tenant: TenantId,
    pub connection: ConnectionId,
    /// The moment of the schedule that this check answers.
    pub at: Timestamp,
}

/// The schedule: the wheel's slots, the list of checks wanted out of turn, and the ticks that were worked off.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// Claims the minutes up to `minute` that nobody has worked off, at most `LONGEST_PERIOD` of them, oldest first. A minute is claimed until `until`; a claim that
    /// ran out is up for the next. Empty when somebody else holds them all.
    async fn claim(&self, minute: i64, now: Timestamp, until: Timestamp) -> Result<Vec<i64>>;

    /// Marks a claimed minute as worked off.
    async fn finish(&self, minute: i64) -> Result<()>;

    /// The connections in a slot, without those that are not to be checked before a moment after `at`.
    async fn slot(&self, slot: Slot, at: Timestamp) -> Result<Vec<(TenantId, ConnectionId)>>;

    /// Checks wanted out of turn at or before `until`, which may lie ahead: first checks, confirmations, and what a tick could not
    /// finish.
    async fn out_of_turn(&self, until: Timestamp) -> Result<Vec<Due>>;

    /// Takes a check on that list for the caller, who will do it by `until`. False when somebody else has taken it, and that time is
    /// not over, or when it is by now wanted at a later moment than `due.at`. What is not on the list any more is nobody's, so it is the caller's.
    async fn take_out_of_turn(&self, due: &Due, now: Timestamp, until: Timestamp) -> Result<bool>;

    /// Puts checks on the list of those wanted out of turn, taken by nobody.
    async fn postpone(&self, due: &[Due]) -> Result<()>;

    /// Takes a check off that list: it is answered, or there is nothing to check. One that is by now wanted at a later moment
    /// than `due.at` stays.
    async fn drop_out_of_turn(&self, due: &Due) -> Result<()>;
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<KeyRecord>>;
}

/// What keys are granted of connections. That follows keys and connections: with either it goes, in the same transaction or before.
#[async_trait]
pub trait Grantings: Keys {
    /// What is granted of these connections, in no order; of one of which nothing ever was, there is nothing.
    async fn grants(&self, tenant: TenantId, connections: &[ConnectionId]) -> Result<Vec<Grants>>;

    /// Of which connections these keys are granted anything, in the order of the connections' creation for each.
    async fn granted_to(
        &self,
        tenant: TenantId,
        keys: &[KeyId],
    ) -> Result<Vec<(KeyId, ConnectionId)>>;

    /// Those of these keys that there are, in no order.
    async fn keys_named(&self, tenant: TenantId, ids: &[KeyId]) -> Result<Vec<KeyRecord>>;

    /// Removes a key and all that it is granted. Removing what is gone is no error; `Stale` when it was changed, and then some of what it was granted may be gone.
    async fn remove_key(&self, last: &KeyRecord, record: Option<&Record>) -> Result<()>;
}

/// Virtual keys, with what they are granted.
#[async_trait]
pub trait VirtualKeys: Grantings + Workspaces + Integrations {
    /// In the order of their creation, of one workspace or of the whole tenant. `search` is part of a name, in any case.
    async fn virtual_keys(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<KeyRecord>>;

    /// The connection that holds a name.
    async fn connection_named(
        &self,
        tenant: TenantId,
        name: &ConnectionName,
    ) -> Result<Option<ConnectionId>>;

    /// The rows of those of these connections that there are and that anybody may see, in no order.
    async fn rows_of(&self, tenant: TenantId, ids: &[ConnectionId]) -> Result<Vec<Connection>>;

    /// Writes a key with what it is granted, as one transaction. `Stale` when the key, one of the grants or one of the connections is not as it was seen;
    /// `NotFound` when its workspace is gone.
    async fn write_key(
        &self,
        before: Option<&KeyRecord>,
        after: &KeyRecord,
        grants: &[GrantsChange],
        record: Option<&Record>,
    ) -> Result<()>;
}

/// Tenants.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// Stores a tenant, its default workspace and its keys in one transaction.
    async fn create_tenant(&self, new: &NewTenant) -> Result<()>;

    /// What a tenant is called; `None` when there is no such tenant.
    async fn tenant_name(&self, tenant: TenantId) -> Result<Option<TenantName>>;

    async fn tenant_exists(&self, tenant: TenantId) -> Result<bool> {
        Ok(self.tenant_name(tenant).await?.is_some())
    }
}

/// Credentials. A secret is named by the ids of its tenant and its holder, so no method needs a name. All methods may be repeated.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Makes the secret with its first value, which is current at once.
    async fn create(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
        secret: &Secret,
    ) -> Result<()>;

    /// Adds a value that is not current yet.
    async fn stage(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
        secret: &Secret,
    ) -> Result<()>;

    /// Makes a staged value the current one. A value that is not there any more is nobody's, and no error.
    async fn promote(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<()>;

    /// Gives a staged value up.
    async fn unstage(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<()>;

    /// Whether there is a value of this version, current or not. Does not read it.
    async fn has(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<bool>;

    /// The value of exactly this version; `None` when there is none.
    async fn read(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<Option<Secret>>;

    /// Deletes the secret with all its values, at once and for good.
    async fn delete(&self, tenant: TenantId, holder: HolderId) -> Result<()>;
}

/// What is to be checked.
#[derive(Clone)]
pub struct Target<'a> {
    pub url: &'a ServerUrl,
    pub auth: &'a Auth,
    /// Given whenever `auth` needs one. Whoever builds a target has made sure that the secret was given for this URL's origin.
    pub secret: Option<&'a Secret>,
    /// How the server's certificate is judged.
    pub trust: &'a Trust,
    /// What the server spoke last time, to be tried first.
    pub era: Option<Era>,
}

/// Speaks MCP to a tenant's server.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Never fails and never takes longer than its deadline: whatever goes wrong is the finding.
    async fn check(&self, target: Target<'_>) -> Finding;

    /// The same, and in the same time also what the server offers besides tools, as far as it can be learned. That says nothing of
    /// whether the server works.
    async fn explore(&self, target: Target<'_>) -> (Finding, Vec<Capability>);
}

/// Flows of authorization, besides being written as [`Rows`].
#[async_trait]
pub trait Flows: Rows<Flow> {
    async fn flow(&self, tenant: TenantId, id: FlowId) -> Result<Option<Flow>>;
}

/// Speaks OAuth to the authorization servers of tenants' servers. Every address is judged before it is dialled or handed out, wherever it comes
/// from, and no method takes longer than its deadline.
#[async_trait]
pub trait AuthorizationServers: Send + Sync {
    /// Where tokens for this server come from. What was arranged by hand counts more than what is found.
    async fn discover(&self, server: &ServerUrl, arranged: &Arranged)
    -> Result<Endpoints, Trouble>;

    /// Registers a client that is sent back to `redirect_uri`.
    async fn register(
        &self,
        at: &Endpoints,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<OauthClient, Trouble>;

    async fn exchange(
        &self,
        at: &TokenEndpoint,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Issued, Trouble>;

    /// `Refused` when the refresh token is good for nothing any more; after any other trouble it may still be.
    async fn refresh(&self, at: &TokenEndpoint, refresh_token: &Secret) -> Result<Issued, Trouble>;
}

/// The clock. In a port of its own so that tests can turn it.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Returns at once when the moment has passed.
    async fn sleep_until(&self, moment: Timestamp);
}

/// The source of ids and randomness.
pub trait Ids: Send + Sync {
    /// A version 7 uuid: sorts by creation.
    fn sortable(&self, now: Timestamp) -> Result<Uuid>;
    /// 122 random bits.
    fn random(&self) -> Result<Uuid>;
    /// 256 bits fit for a key.
    fn secret(&self) -> Result<[u8; 32]>;
}

/// How the schedule is to treat a connection after a check, for adapters of [`Results`]: a confirmation is put on the list of checks out of
/// turn; every other answer takes the connection off that list and sets or clears the moment before which its slot skips it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reschedule {
    /// The wheel does it by itself.
    Nothing,
    To(Next),
}

impl Checked<'_> {
    /// Whether the wheel has to be told: only when what it was told last is no longer so.
    pub fn reschedule(&self) -> Reschedule {
        // A connection that is not on the wheel can be checked too, on demand; that must not put it there.
        if self.before.next == self.after.next || self.connection.schedule().is_none() {
            Reschedule::Nothing
        } else {
            Reschedule::To(self.after.next)
        }
    }
}
