//! Keeps connections and their credentials: register, edit, remove.
//!
//! Table and secret store share no transaction, so every change that touches a credential is a saga that the row leads: first the
//! row says what is about to happen, then the secret follows, then the row says that it is done. Whoever finds a row that
//! says "about to" long after can finish or undo the work from the row alone; that is [`Registry::settle`], which the
//! sweeper calls, and which every failed change calls for itself.

mod renewing;

use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use crate::{
    audit::{Action, Author, Deed, Record, ResourceKind},
    configuration,
    connection::{
        Auth, CheckInterval, Connection, ConnectionId, ConnectionName, Details, ServerUrl,
        Unfinished, Version, Work,
    },
    credential::{CredentialRef, CredentialVersion, HolderId, Secret},
    error::{Error, Noun, Problem, Result},
    grants::{self, Granting, Grants, GrantsChange},
    ports::{Added, Clock, Credentials, Idempotency, Ids, Registrations, Whose, Window},
    slug::Slug,
    tenant::{TenantId, WorkspaceId},
    text::Document,
    timestamp::Timestamp,
    user_connection::UserConnection,
};

/// Work unfinished for longer than this was abandoned: no request lives that long.
const ABANDONED_AFTER_SECONDS: i64 = 60;
/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 3;
/// Where a body says what virtual keys are granted.
const VIRTUAL_KEYS: &str = "/vk_configs";
/// Users whose credentials go with a connection at the same time.
const USERS_AT_ONCE: usize = 16;
const FIRST: Window = Window {
    offset: 0,
    limit: 100,
};

/// What a connection is to be. Parsed, but not yet judged against the rules of the registry.
pub struct Wanted {
    pub name: ConnectionName,
    pub server_url: ServerUrl,
    pub auth: Auth,
    pub secret: Given,
    pub enabled: bool,
    pub check_interval: CheckInterval,
    pub global_access: Option<bool>,
    pub details: Details,
}

/// What a caller says of the credential.
pub enum Given {
    /// Nothing: what is stored stays, if it can.
    Nothing,
    Secret(Secret),
    /// That there is to be none.
    Removal,
}

impl From<Option<Secret>> for Given {
    fn from(secret: Option<Secret>) -> Self {
        secret.map_or(Self::Nothing, Self::Secret)
    }
}

/// What is settled when a connection is registered, and stays.
#[derive(Default)]
pub struct Founding {
    /// Absent, it is made from the name.
    pub slug: Option<Slug>,
    /// Absent for a connection of the whole tenant.
    pub workspace: Option<WorkspaceId>,
    /// The name may be one that another connection has.
    pub may_share_name: bool,
}

impl Wanted {
    /// A connection that is checked as connections usually are, with nothing said of it but how it is reached.
    pub fn new(name: ConnectionName, server_url: ServerUrl, auth: Auth, secret: Given) -> Self {
        Self {
            name,
            server_url,
            auth,
            secret,
            enabled: true,
            check_interval: CheckInterval::default(),
            global_access: None,
            details: Details::default(),
        }
    }

    /// What a connection is already: where an edit starts from.
    pub fn like(connection: &Connection) -> Self {
        Self {
            name: connection.name.clone(),
            server_url: connection.server_url.clone(),
            auth: connection.auth.clone(),
            secret: Given::Nothing,
            enabled: connection.enabled,
            check_interval: connection.check_interval,
            global_access: connection.global_access,
            details: connection.details.clone(),
        }
    }

    /// Whether a credential that was given for the connection as it is could come to somebody else: to another origin, or to a machine
    /// in between that was not believed before. Nobody can read a stored credential, and nobody can have it sent to himself.
    pub(crate) fn leads_beyond(&self, before: &Connection) -> bool {
        self.server_url.origin() != before.server_url.origin()
            || self.details.trust.is_wider_than(&before.details.trust)
    }
}

/// What becomes of the credential in a change.
enum Change {
    Keep,
    Replace(Secret),
    Discard,
}

#[derive(Clone)]
pub struct Registry {
    pub store: Arc<dyn Registrations>,
    pub credentials: Arc<dyn Credentials>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// Plain http is allowed for a developer's own servers.
    pub development: bool,
    /// The operator allows connections whose server nobody has to vouch for.
    pub insecure_tls: bool,
}

impl Registry {
    /// Registers a connection. Never dials its server: the first check is due at once and does that.
    ///
    /// A repetition with the same idempotency key returns the connection as it was made, and finishes what the first attempt left undone.
    pub async fn register(
        &self,
        by: &Author,
        tenant: TenantId,
        wanted: Wanted,
        founding: Founding,
        idempotency: Option<Idempotency>,
    ) -> Result<Connection> {
        let now = self.clock.now();
        let new = self.draft(by, tenant, &wanted, &founding, idempotency.as_ref(), now)?;
        let (new, added) = self
            .add(by, new, &founding, idempotency.as_ref(), now)
            .await?;
        let made = match added {
            Added::Stored => {
                self.provision(by, &new, wanted.secret).await?;
                new
            }
            Added::Before(made) => {
                match self.store.row(tenant, made.id).await? {
                    Some(row) if is_provisioning(&row) => {
                        self.provision(by, &row, wanted.secret).await?;
                    }
                    Some(row) if row.is_visible() => {}
                    // It was given up or is being removed, and its record goes with it: then the key makes another one.
                    _ => return Err(Error::Busy),
                }
                *made
            }
        };
        Ok(Connection {
            unfinished: None,
            ..made
        })
    }

    /// Edits a connection: `edit` says what it is to be, given what it is. `expected` is the version the caller saw.
    pub async fn edit(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        edit: impl Fn(&Connection) -> Result<Wanted> + Send + Sync,
    ) -> Result<Connection> {
        let edit = |row: &Connection, _: Option<&Secret>| edit(row);
        self.edit_knowing(by, tenant, id, expected, Knowing::Row, edit)
            .await
    }

    /// The same for an edit that may have to know the credential as it is.
    pub async fn edit_knowing(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        knowing: Knowing,
        edit: impl Fn(&Connection, Option<&Secret>) -> Result<Wanted> + Send + Sync,
    ) -> Result<Connection> {
        self.edit_granting(by, tenant, id, expected, knowing, edit, None)
            .await
    }

    /// The same with what virtual keys are granted of it: these and no others, or as it is. All of it changes in one transaction.
    #[expect(clippy::too_many_arguments, reason = "an edit, and what comes with it")]
    pub async fn edit_granting(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        knowing: Knowing,
        edit: impl Fn(&Connection, Option<&Secret>) -> Result<Wanted> + Send + Sync,
        granted: Option<&[Granting]>,
    ) -> Result<Connection> {
        for _ in 0..ATTEMPTS {
            let before = self.current(tenant, id, expected).await?;
            let known = match knowing {
                Knowing::Credential => self.stored(&before).await?,
                Knowing::Row => None,
            };
            let wanted = edit(&before, known.as_ref())?;
            self.allow(&wanted, Some(&before))?;
            let grants = match granted {
                Some(granted) => self.regrant(&before, granted).await?,
                None => None,
            };
            match self.change(by, &before, wanted, grants.as_ref()).await {
                Err(Error::Stale) => {}
                settled => return settled,
            }
        }
        Err(Error::Busy)
    }

    /// What becomes of a connection's grants where these keys and no others are granted something; nothing where that is so already.
    async fn regrant(&self, of: &Connection, granted: &[Granting]) -> Result<Option<GrantsChange>> {
        let known = self.store.grants(of.tenant, &[of.id]).await?.pop();
        let before = known.unwrap_or_else(|| Grants::none(of.tenant, of.id));
        let change = GrantsChange {
            after: before.replaced(granted, VIRTUAL_KEYS)?,
            before,
            seen: None,
        };
        if change.is_empty() {
            return Ok(None);
        }
        change.check(VIRTUAL_KEYS)?;
        let added: Vec<_> = change.added().collect();
        let found = self.store.keys_named(of.tenant, &added).await?;
        let problems: Vec<_> = granted
            .iter()
            .enumerate()
            .filter(|(_, granting)| added.contains(&granting.key))
            .filter(|(_, granting)| {
                let key = found.iter().find(|key| key.id == granting.key);
                !key.is_some_and(|key| grants::fits(key, of))
            })
            .map(|(place, _)| {
                let field = format!("{VIRTUAL_KEYS}/{place}/virtual_key_id");
                Problem::new(field, "is no virtual key that could use this client")
            })
            .collect();
        if problems.is_empty() {
            Ok(Some(change))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// Removes a connection and its secret.
    pub async fn deregister(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let before = self.visible(tenant, id).await?;
            // Removal takes the place of whatever was left undone, also of what cannot be done any more.
            self.free(&before)?;
            if expected.is_some_and(|version| version != before.version) {
                return Err(Error::Stale);
            }
            let now = self.clock.now();
            let leaving = before.with_work(Some(Work::Remove), now);
            let record = self.record(by, Action::Delete, &before, Vec::new(), now)?;
            match self
                .store
                .replace(&before, &leaving, Some(&record), now)
                .await
            {
                Err(Error::Stale) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    return match self.settle(&leaving).await {
                        // One of its users is bringing a credential at this moment, or what is left is too much for now. Nobody sees the connection any
                        // more, and the sweeper does the rest.
                        Err(Error::Busy | Error::Stale | Error::Unavailable(_)) => Ok(()),
                        settled => settled,
                    };
                }
            }
        }
        Err(Error::Busy)
    }

    /// Finishes or undoes the work a row speaks of. Safe to repeat, and safe beside whoever began it.
    pub async fn settle(&self, row: &Connection) -> Result<()> {
        let Some(unfinished) = &row.unfinished else {
            return Ok(());
        };
        let (tenant, now) = (row.tenant, self.clock.now());
        let secrets = (&*self.credentials, tenant, row.id.into());
        match &unfinished.work {
            Work::Provision => {
                // Marked first, so that a creator who is merely slow cannot bring it to life without its secret.
                let leaving = row.with_work(Some(Work::Remove), now);
                self.store.replace(row, &leaving, None, now).await?;
                settle_secret(secrets, &Work::Remove, None).await?;
                self.store.remove(&leaving).await
            }
            Work::Remove => {
                self.take_from_users(row).await?;
                settle_secret(secrets, &Work::Remove, None).await?;
                self.store.remove(row).await
            }
            Work::Renew { version } if !renewing::names(row, *version) => {
                self.settle_renewal(row, *version).await
            }
            work @ (Work::Replace { .. } | Work::Renew { .. } | Work::Discard) => {
                settle_secret(secrets, work, row.credential.as_ref()).await?;
                let settled = row.with_work(None, now);
                self.store.replace(row, &settled, None, now).await
            }
        }
    }

    /// Removes what users brought for a connection that is about to go. None of them can bring more by now, so what is found is all there will be.
    async fn take_from_users(&self, row: &Connection) -> Result<()> {
        loop {
            let page = self
                .store
                .sessions(row.tenant, Whose::On(row.id), FIRST)
                .await?;
            if page.items.is_empty() {
                return Ok(());
            }
            let taken: Vec<_> = page.items.iter().map(|of| self.take(of).boxed()).collect();
            stream::iter(taken)
                .buffer_unordered(USERS_AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
    }

    async fn take(&self, row: &UserConnection) -> Result<()> {
        let now = self.clock.now();
        free(row.unfinished.as_ref(), now)?;
        let leaving = row.with_work(Some(Work::Remove), now);
        match self.store.exchange(row, &leaving, None).await {
            // It was changed just now, and is found again.
            Err(Error::Stale) => return Ok(()),
            marked => marked?,
        }
        let secrets = (&*self.credentials, row.tenant, row.id.into());
        settle_secret(secrets, &Work::Remove, None).await?;
        self.store.discard(&leaving, None).await
    }

    /// The row as it is, if the caller may see it, saw this version of it, and nobody is at work on it.
    pub(crate) async fn current(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
    ) -> Result<Connection> {
        let mut row = self.visible(tenant, id).await?;
        self.free(&row)?;
        if row.unfinished.is_some() {
            self.settle(&row).await?;
            row = self.visible(tenant, id).await?;
        }
        if expected.is_some_and(|version| version != row.version) {
            return Err(Error::Stale);
        }
        Ok(row)
    }

    /// The credential that a row names.
    pub(crate) async fn stored(&self, row: &Connection) -> Result<Option<Secret>> {
        let Some(credential) = &row.credential else {
            return Ok(None);
        };
        self.credentials
            .read(row.tenant, row.id.into(), credential.version)
            .await
    }

    /// Refuses a row that somebody may still be at work on.
    fn free(&self, row: &Connection) -> Result<()> {
        free(row.unfinished.as_ref(), self.clock.now())
    }

    /// The row as it is, whoever is at work on it.
    pub(crate) async fn visible(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection> {
        let row = self.store.row(tenant, id).await?;
        row.filter(Connection::is_visible)
            .ok_or(Error::NotFound(Noun::Connection))
    }

    fn draft(
        &self,
        by: &Author,
        tenant: TenantId,
        wanted: &Wanted,
        founding: &Founding,
        idempotency: Option<&Idempotency>,
        now: Timestamp,
    ) -> Result<Connection> {
        self.allow(wanted, None)?;
        let credential = match &wanted.secret {
            Given::Secret(_) if wanted.auth.takes_credential() => {
                Some(self.credential_for(&wanted.server_url, now)?)
            }
            Given::Secret(_) => return Err(Error::NoCredential),
            _ if wanted.auth.demands_credential() => return Err(Error::CredentialRequired),
            _ => None,
        };
        let slug = founding.slug.clone();
        let new = Connection {
            tenant,
            id: ConnectionId::new(self.ids.sortable(now)?),
            name: wanted.name.clone(),
            shares_name: false,
            slug: Some(slug.unwrap_or_else(|| Slug::from_name(wanted.name.as_str(), "connection"))),
            workspace: founding.workspace,
            global_access: wanted.global_access,
            owner: Some(
                by.user
                    .map_or_else(|| by.key.to_string(), |user| user.to_string()),
            ),
            details: wanted.details.clone(),
            server_url: wanted.server_url.clone(),
            auth: wanted.auth.clone(),
            credential,
            enabled: wanted.enabled,
            check_interval: wanted.check_interval,
            placed_at: None,
            created_at: now,
            updated_at: now,
            version: Version(1),
            revision: 0,
            epoch: 0,
            unfinished: None,
            idempotency: idempotency.map(|record| record.key.clone()),
        };
        let work = new.credential.is_some().then_some(Work::Provision);
        Ok(new.with_work(work, now))
    }

    /// Adds a row. A slug that was made gets a tail where it is taken, and a name that may be shared is.
    async fn add(
        &self,
        by: &Author,
        mut new: Connection,
        founding: &Founding,
        idempotency: Option<&Idempotency>,
        now: Timestamp,
    ) -> Result<(Connection, Added)> {
        let record = self.record(by, Action::Create, &new, Vec::new(), now)?;
        let record = new.is_visible().then_some(&record);
        for _ in 0..ATTEMPTS {
            match self.store.add(&new, idempotency, record, now).await {
                Err(Error::Taken(Noun::ConnectionName)) if founding.may_share_name => {
                    new.shares_name = true;
                }
                Err(Error::Taken(Noun::Slug)) if founding.slug.is_none() => {
                    let made = Slug::from_name(new.name.as_str(), "connection");
                    new.slug = Some(made.with_tail(self.ids.random()?.as_u128()));
                }
                added => return added.map(|added| (new, added)),
            }
        }
        Err(Error::Busy)
    }

    async fn provision(&self, by: &Author, row: &Connection, secret: Given) -> Result<()> {
        let (Some(credential), Given::Secret(secret)) = (&row.credential, secret) else {
            return Ok(());
        };
        let brought_to_life = async {
            self.credentials
                .create(row.tenant, row.id.into(), credential.version, &secret)
                .await?;
            let now = self.clock.now();
            let record = self.record(by, Action::Create, row, Vec::new(), now)?;
            self.store
                .replace(row, &row.with_work(None, now), Some(&record), now)
                .await
        };
        match brought_to_life.await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.settle_afresh(row.tenant, row.id).await;
                // The row is ours alone; that somebody else took it can only mean that it was given up.
                Err(match error {
                    Error::Stale => Error::Busy,
                    other => other,
                })
            }
        }
    }

    async fn change(
        &self,
        by: &Author,
        before: &Connection,
        mut wanted: Wanted,
        grants: Option<&GrantsChange>,
    ) -> Result<Connection> {
        stays_where_it_runs(before, &wanted)?;
        let change = Change::between(before, &mut wanted)?;
        let now = self.clock.now();
        match change {
            Change::Keep => {
                let after = before.changed_to(&wanted, before.credential.clone(), now);
                let fields = with_grants(after.fields_unlike(before), grants);
                if fields.is_empty() {
                    return Ok(before.clone());
                }
                let record = self.record(by, Action::Update, before, fields, now)?;
                self.store
                    .replace_granting(before, &after, grants, Some(&record), now)
                    .await?;
                Ok(after)
            }
            Change::Discard => {
                let after = before
                    .changed_to(&wanted, None, now)
                    .with_work(Some(Work::Discard), now);
                let fields = with_grants(after.fields_unlike(before), grants);
                let record = self.record(by, Action::Update, before, fields, now)?;
                self.store
                    .replace_granting(before, &after, grants, Some(&record), now)
                    .await?;
                self.follow_up(&after).await;
                Ok(after)
            }
            Change::Replace(secret) => {
                let staged = self.stage(before, &secret).await?;
                let credential = self.staged_credential(&staged, &wanted.server_url)?;
                let after = staged.changed_to(&wanted, Some(credential), now);
                self.adopt_granting(by, Action::Update, &staged, &after, grants)
                    .await
            }
        }
    }

    /// Puts a new value beside the one in use. From here on the row says so, and the value counts for nothing until [`Self::adopt`].
    pub(crate) async fn stage(&self, before: &Connection, secret: &Secret) -> Result<Connection> {
        let staged = self.claim(before).await?;
        self.write_staged(&staged, secret).await?;
        Ok(staged)
    }

    /// Lets the row say that a new value is about to come, so that nobody else begins to get one.
    async fn claim(&self, before: &Connection) -> Result<Connection> {
        let now = self.clock.now();
        let version = CredentialVersion::new(self.ids.random()?);
        let claimed = before.with_work(Some(Work::Replace { version }), now);
        self.store.replace(before, &claimed, None, now).await?;
        Ok(claimed)
    }

    /// Writes the value that a row was claimed for.
    async fn write_staged(&self, claimed: &Connection, secret: &Secret) -> Result<()> {
        let (tenant, id) = (claimed.tenant, claimed.id);
        let version = self
            .staged_credential(claimed, &claimed.server_url)?
            .version;
        let holder = id.into();
        let written = match claimed.credential {
            Some(_) => {
                self.credentials
                    .stage(tenant, holder, version, secret)
                    .await
            }
            None => {
                self.credentials
                    .create(tenant, holder, version, secret)
                    .await
            }
        };
        if written.is_err() {
            self.settle_afresh(tenant, id).await;
        }
        written
    }

    /// The reference to a staged value, bound to the origin of `url`.
    pub(crate) fn staged_credential(
        &self,
        staged: &Connection,
        url: &ServerUrl,
    ) -> Result<CredentialRef> {
        match &staged.unfinished {
            Some(Unfinished {
                work: Work::Replace { version },
                ..
            }) => Ok(CredentialRef {
                version: *version,
                ..self.credential_for(url, self.clock.now())?
            }),
            _ => Err(Error::internal("no value is staged")),
        }
    }

    /// Makes the row name its staged value, which makes that value the one in use, and lets the stages follow.
    pub(crate) async fn adopt(
        &self,
        by: &Author,
        action: Action,
        staged: &Connection,
        after: &Connection,
    ) -> Result<Connection> {
        self.adopt_granting(by, action, staged, after, None).await
    }

    async fn adopt_granting(
        &self,
        by: &Author,
        action: Action,
        staged: &Connection,
        after: &Connection,
        grants: Option<&GrantsChange>,
    ) -> Result<Connection> {
        let now = self.clock.now();
        let fields = with_grants(after.fields_unlike(staged), grants);
        let record = self.record(by, action, staged, fields, now)?;
        self.put_in_use(staged, after, grants, Some(&record)).await
    }

    /// The same for what nobody asked for: a token that was renewed is on no record.
    pub(crate) async fn put_in_use(
        &self,
        staged: &Connection,
        after: &Connection,
        grants: Option<&GrantsChange>,
        record: Option<&Record>,
    ) -> Result<Connection> {
        let now = self.clock.now();
        match self
            .store
            .replace_granting(staged, after, grants, record, now)
            .await
        {
            Ok(()) => {
                self.follow_up(after).await;
                Ok(after.clone())
            }
            Err(error) => {
                self.settle_afresh(staged.tenant, staged.id).await;
                Err(error)
            }
        }
    }

    /// Lets the secret follow a change that has happened. Should that fail, the change has happened all the same, and the
    /// sweeper does the rest.
    async fn follow_up(&self, after: &Connection) {
        let _ = self.settle(after).await;
    }

    /// Cleans up behind a change that failed, by what the row says now. When even that fails the sweeper does it, so
    /// the caller hears of the first failure only.
    pub(crate) async fn settle_afresh(&self, tenant: TenantId, id: ConnectionId) {
        if let Ok(Some(row)) = self.store.row(tenant, id).await {
            let _ = self.settle(&row).await;
        }
    }

    fn record(
        &self,
        by: &Author,
        action: Action,
        of: &Connection,
        fields: Vec<&'static str>,
        now: Timestamp,
    ) -> Result<Record> {
        let deed = Deed {
            author: by,
            action,
            resource: ResourceKind::McpIntegration,
            resource_id: of.id.to_string(),
            workspace: of.workspace,
            fields,
        };
        deed.record(of.tenant, &*self.ids, now)
    }

    fn credential_for(&self, url: &ServerUrl, now: Timestamp) -> Result<CredentialRef> {
        Ok(CredentialRef {
            version: CredentialVersion::new(self.ids.random()?),
            origin: url.origin(),
            updated_at: now,
        })
    }

    /// Whether the operator lets a connection be like this. What was allowed once does not stand in the way of other changes: it is
    /// the prober that heeds what the operator says now.
    fn allow(&self, wanted: &Wanted, before: Option<&Connection>) -> Result<()> {
        let url = &wanted.server_url;
        if !url.is_https() && !url.is_local() && !self.development {
            return Err(Error::PlainHttp);
        }
        let skips = wanted.details.trust.skip_verification;
        let did = before.is_some_and(|before| before.details.trust.skip_verification);
        if skips && !did && !self.insecure_tls {
            return Err(Error::invalid(
                "/tls_config/insecure_skip_verify",
                "is not allowed by the operator of this deployment",
            ));
        }
        Ok(())
    }
}

/// What runs beside a gateway is reached by no address, and what has an address does not become such a thing: then it would be another one.
fn stays_where_it_runs(before: &Connection, wanted: &Wanted) -> Result<()> {
    let is_local = before.server_url.is_local();
    let stays = is_local == wanted.server_url.is_local()
        && is_local == wanted.details.transport.is_local()
        && (!is_local || before.details.transport == wanted.details.transport);
    if stays { Ok(()) } else { Err(Error::NoAddress) }
}

/// The members that change, and among them what keys are granted, as Bifrost calls it.
fn with_grants(mut fields: Vec<&'static str>, grants: Option<&GrantsChange>) -> Vec<&'static str> {
    fields.extend(grants.map(|_| "vk_configs"));
    fields
}

/// What an edit has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowing {
    Row,
    Credential,
}

/// Refuses what somebody may still be at work on.
pub(crate) fn free(unfinished: Option<&Unfinished>, now: Timestamp) -> Result<()> {
    let busy =
        unfinished.is_some_and(|work| work.since.plus_seconds(ABANDONED_AFTER_SECONDS) > now);
    if busy { Err(Error::Busy) } else { Ok(()) }
}

/// Lets a secret follow the row: what the row names is current, what it does not name goes.
pub(crate) async fn settle_secret(
    (credentials, tenant, holder): (&dyn Credentials, TenantId, HolderId),
    work: &Work,
    named: Option<&CredentialRef>,
) -> Result<()> {
    match (work, named) {
        (Work::Replace { version } | Work::Renew { version }, Some(credential))
            if credential.version == *version =>
        {
            credentials.promote(tenant, holder, *version).await
        }
        (Work::Replace { version } | Work::Renew { version }, Some(_)) => {
            credentials.unstage(tenant, holder, *version).await
        }
        (Work::Replace { .. } | Work::Renew { .. }, None)
        | (Work::Provision | Work::Discard | Work::Remove, _) => {
            credentials.delete(tenant, holder).await
        }
    }
}

impl Change {
    fn between(before: &Connection, wanted: &mut Wanted) -> Result<Self> {
        let moved = wanted.leads_beyond(before);
        let given = std::mem::replace(&mut wanted.secret, Given::Nothing);
        let has_one = before.credential.is_some();
        match (wanted.auth.takes_credential(), given) {
            (false, Given::Secret(_)) => Err(Error::NoCredential),
            (true, Given::Secret(secret)) => Ok(Self::Replace(secret)),
            (_, Given::Removal) if wanted.auth.demands_credential() => {
                Err(Error::CredentialRequired)
            }
            (_, Given::Removal) | (false, Given::Nothing) if has_one => Ok(Self::Discard),
            (true, Given::Nothing) if has_one && moved => Err(Error::CredentialRequired),
            (true, Given::Nothing) if !has_one && wanted.auth.demands_credential() => {
                Err(Error::CredentialRequired)
            }
            (_, Given::Nothing | Given::Removal) => Ok(Self::Keep),
        }
    }
}

impl Connection {
    /// The row a user's change makes of this one. What is checked is another thing as soon as address, authentication,
    /// credential or trust differ, and then nothing is known of its health any more.
    pub(crate) fn changed_to(
        &self,
        wanted: &Wanted,
        credential: Option<CredentialRef>,
        now: Timestamp,
    ) -> Self {
        let same_credential = self.auth == wanted.auth && self.credential == credential;
        let same_target = same_credential
            && self.server_url == wanted.server_url
            && self.details.trust == wanted.details.trust;
        let same_place = self.enabled == wanted.enabled
            && self.check_interval.minutes() == wanted.check_interval.minutes();
        Self {
            name: wanted.name.clone(),
            shares_name: self.shares_name && self.name == wanted.name,
            global_access: wanted.global_access,
            details: Details {
                // The shape is that of one credential, and goes with it.
                shape: match &wanted.auth {
                    Auth::None => None,
                    _ if same_credential || wanted.details.shape != self.details.shape => {
                        wanted.details.shape.clone()
                    }
                    Auth::Configured { .. } => wanted.details.shape.clone(),
                    auth => Some(configuration::shape_of(auth)),
                },
                ..wanted.details.clone()
            },
            server_url: wanted.server_url.clone(),
            auth: wanted.auth.clone(),
            credential,
            enabled: wanted.enabled,
            check_interval: wanted.check_interval,
            placed_at: if same_place {
                self.placed_at
            } else {
                Some(now)
            },
            updated_at: now,
            version: Version(self.version.0 + 1),
            revision: self.revision + 1,
            epoch: if same_target {
                self.epoch
            } else {
                self.epoch + 1
            },
            ..self.clone()
        }
    }

    /// The row with a credential that is the same for whoever uses it, such as a token that was renewed. Its version, and what is known of its health, stay.
    pub(crate) fn with_renewed(&self, credential: CredentialRef, shape: Document) -> Self {
        Self {
            credential: Some(credential),
            details: Details {
                shape: Some(shape),
                ..self.details.clone()
            },
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// The members in which this row differs from `before`, by name.
    fn fields_unlike(&self, before: &Self) -> Vec<&'static str> {
        let differences = [
            ("name", self.name != before.name),
            ("url", self.server_url != before.server_url),
            ("auth_type", self.auth != before.auth),
            ("configurations", self.credential != before.credential),
            (
                "description",
                self.details.description != before.details.description,
            ),
            (
                "transport",
                self.details.transport != before.details.transport,
            ),
            ("tls_config", self.details.trust != before.details.trust),
            (
                "secret_mappings",
                self.details.secret_mappings != before.details.secret_mappings,
            ),
            (
                "global_workspace_access",
                self.global_access != before.global_access,
            ),
            ("enabled", self.enabled != before.enabled),
            (
                "check_interval",
                self.check_interval != before.check_interval,
            ),
        ];
        let (rules, rules_before) = (self.tool_rules(), before.tool_rules());
        let (gateway, gateway_before) = (&self.details.gateway, &before.details.gateway);
        let settings = [
            ("tools_to_execute", rules.execute != rules_before.execute),
            (
                "tools_to_auto_execute",
                rules.auto_execute != rules_before.auto_execute,
            ),
            (
                "allow_on_all_virtual_keys",
                self.details.allow_on_all_virtual_keys != before.details.allow_on_all_virtual_keys,
            ),
            ("gateway_settings", gateway != gateway_before),
        ];
        differences
            .into_iter()
            .chain(settings)
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect()
    }
}

fn is_provisioning(row: &Connection) -> bool {
    matches!(&row.unfinished, Some(unfinished) if unfinished.work == Work::Provision)
}

#[cfg(test)]
mod tests;
