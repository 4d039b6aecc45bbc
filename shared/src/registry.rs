//! Keeps connections and their credentials: register, edit, remove.
//!
//! Table and secret store share no transaction, so every change that touches a credential is a saga that the row leads: first the
//! row says what is about to happen, then the secret follows, then the row says that it is done. Whoever finds a row that
//! says "about to" long after can finish or undo the work from the row alone; that is [`Registry::settle`], which the
//! sweeper calls, and which every failed change calls for itself.

use std::sync::Arc;

use crate::{
    connection::{
        Auth, CheckInterval, Connection, ConnectionId, ConnectionName, ServerUrl, Version, Work,
    },
    credential::{CredentialRef, CredentialVersion, Secret},
    error::{Error, Noun, Result},
    ports::{Added, Clock, Credentials, Idempotency, Ids, Registrations},
    tenant::TenantId,
    timestamp::Timestamp,
};

/// Work unfinished for longer than this was abandoned: no request lives that long.
const ABANDONED_AFTER_SECONDS: i64 = 60;
/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 3;

/// What a connection is to be. Parsed, but not yet judged against the rules of the registry.
pub struct Wanted {
    pub name: ConnectionName,
    pub server_url: ServerUrl,
    pub auth: Auth,
    /// Given to be stored; absent to keep what is stored.
    pub secret: Option<Secret>,
    pub enabled: bool,
    pub check_interval: CheckInterval,
}

impl Wanted {
    /// What a connection is already: where an edit starts from.
    pub fn like(connection: &Connection) -> Self {
        Self {
            name: connection.name.clone(),
            server_url: connection.server_url.clone(),
            auth: connection.auth.clone(),
            secret: None,
            enabled: connection.enabled,
            check_interval: connection.check_interval,
        }
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
}

impl Registry {
    /// Registers a connection. Never dials its server: the first check is due at once and does that.
    ///
    /// A repetition with the same idempotency key returns the connection as it was made, and finishes what the first attempt left undone.
    pub async fn register(
        &self,
        tenant: TenantId,
        wanted: Wanted,
        idempotency: Option<Idempotency>,
    ) -> Result<Connection> {
        let now = self.clock.now();
        let new = self.draft(tenant, &wanted, idempotency.as_ref(), now)?;
        let made = match self.store.add(&new, idempotency.as_ref(), now).await? {
            Added::Stored => {
                self.provision(&new, wanted.secret).await?;
                new
            }
            Added::Before(made) => {
                match self.store.row(tenant, made.id).await? {
                    Some(row) if is_provisioning(&row) => {
                        self.provision(&row, wanted.secret).await?;
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
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        edit: impl Fn(&Connection) -> Result<Wanted> + Send + Sync,
    ) -> Result<Connection> {
        for _ in 0..ATTEMPTS {
            let before = self.current(tenant, id, expected).await?;
            let wanted = edit(&before)?;
            self.allow(&wanted.server_url)?;
            match self.change(&before, wanted).await {
                Err(Error::Stale) => {}
                settled => return settled,
            }
        }
        Err(Error::Busy)
    }

    /// Removes a connection and its secret.
    pub async fn deregister(
        &self,
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
            match self.store.replace(&before, &leaving, now).await {
                Err(Error::Stale) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.settle(&leaving).await,
            }
        }
        Err(Error::Busy)
    }

    /// Finishes or undoes the work a row speaks of. Safe to repeat, and safe beside whoever began it.
    pub async fn settle(&self, row: &Connection) -> Result<()> {
        let Some(unfinished) = &row.unfinished else {
            return Ok(());
        };
        let (tenant, id, now) = (row.tenant, row.id, self.clock.now());
        match &unfinished.work {
            Work::Provision => {
                // Marked first, so that a creator who is merely slow cannot bring it to life without its secret.
                let leaving = row.with_work(Some(Work::Remove), now);
                self.store.replace(row, &leaving, now).await?;
                self.credentials.delete(tenant, id).await?;
                self.store.remove(&leaving).await
            }
            Work::Remove => {
                self.credentials.delete(tenant, id).await?;
                self.store.remove(row).await
            }
            Work::Replace { version } => {
                match &row.credential {
                    Some(credential) if credential.version == *version => {
                        self.credentials.promote(tenant, id, *version).await?;
                    }
                    Some(_) => self.credentials.unstage(tenant, id, *version).await?,
                    None => self.credentials.delete(tenant, id).await?,
                }
                self.store
                    .replace(row, &row.with_work(None, now), now)
                    .await
            }
            Work::Discard => {
                self.credentials.delete(tenant, id).await?;
                self.store
                    .replace(row, &row.with_work(None, now), now)
                    .await
            }
        }
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

    /// Refuses a row that somebody may still be at work on.
    fn free(&self, row: &Connection) -> Result<()> {
        let now = self.clock.now();
        let busy = row
            .unfinished
            .as_ref()
            .is_some_and(|unfinished| unfinished.since.plus_seconds(ABANDONED_AFTER_SECONDS) > now);
        if busy { Err(Error::Busy) } else { Ok(()) }
    }

    async fn visible(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection> {
        let row = self.store.row(tenant, id).await?;
        row.filter(Connection::is_visible)
            .ok_or(Error::NotFound(Noun::Connection))
    }

    fn draft(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
        idempotency: Option<&Idempotency>,
        now: Timestamp,
    ) -> Result<Connection> {
        self.allow(&wanted.server_url)?;
        let credential = match (wanted.auth.needs_credential(), &wanted.secret) {
            (true, Some(_)) => Some(self.credential_for(&wanted.server_url, now)?),
            (true, None) => return Err(Error::CredentialRequired),
            (false, Some(_)) => return Err(Error::NoCredential),
            (false, None) => None,
        };
        let new = Connection {
            tenant,
            id: ConnectionId::new(self.ids.sortable(now)?),
            name: wanted.name.clone(),
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

    async fn provision(&self, row: &Connection, secret: Option<Secret>) -> Result<()> {
        let (Some(credential), Some(secret)) = (&row.credential, secret) else {
            return Ok(());
        };
        let brought_to_life = async {
            self.credentials
                .create(row.tenant, row.id, credential.version, &secret)
                .await?;
            let now = self.clock.now();
            self.store
                .replace(row, &row.with_work(None, now), now)
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

    async fn change(&self, before: &Connection, mut wanted: Wanted) -> Result<Connection> {
        let change = Change::between(before, &mut wanted)?;
        let now = self.clock.now();
        match change {
            Change::Keep => {
                let after = before.changed_to(&wanted, before.credential.clone(), now);
                if after.differs_from(before) {
                    self.store.replace(before, &after, now).await?;
                    return Ok(after);
                }
                Ok(before.clone())
            }
            Change::Discard => {
                let after = before
                    .changed_to(&wanted, None, now)
                    .with_work(Some(Work::Discard), now);
                self.store.replace(before, &after, now).await?;
                self.follow_up(&after).await;
                Ok(after)
            }
            Change::Replace(secret) => {
                let staged = self.stage(before, &secret).await?;
                let credential = self.staged_credential(&staged, &wanted.server_url)?;
                self.adopt(&staged, &staged.changed_to(&wanted, Some(credential), now))
                    .await
            }
        }
    }

    /// Puts a new value beside the one in use. From here on the row says so, and the value counts for nothing until [`Self::adopt`].
    pub(crate) async fn stage(&self, before: &Connection, secret: &Secret) -> Result<Connection> {
        let now = self.clock.now();
        let version = CredentialVersion::new(self.ids.random()?);
        let staged = before.with_work(Some(Work::Replace { version }), now);
        self.store.replace(before, &staged, now).await?;
        let (tenant, id) = (before.tenant, before.id);
        let written = match before.credential {
            Some(_) => self.credentials.stage(tenant, id, version, secret).await,
            None => self.credentials.create(tenant, id, version, secret).await,
        };
        match written {
            Ok(()) => Ok(staged),
            Err(error) => {
                self.settle_afresh(tenant, id).await;
                Err(error)
            }
        }
    }

    /// The reference to a staged value, bound to the origin of `url`.
    pub(crate) fn staged_credential(
        &self,
        staged: &Connection,
        url: &ServerUrl,
    ) -> Result<CredentialRef> {
        match &staged.unfinished {
            Some(crate::connection::Unfinished {
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
        staged: &Connection,
        after: &Connection,
    ) -> Result<Connection> {
        match self.store.replace(staged, after, self.clock.now()).await {
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

    fn credential_for(&self, url: &ServerUrl, now: Timestamp) -> Result<CredentialRef> {
        Ok(CredentialRef {
            version: CredentialVersion::new(self.ids.random()?),
            origin: url.origin(),
            updated_at: now,
        })
    }

    fn allow(&self, url: &ServerUrl) -> Result<()> {
        if url.is_https() || self.development {
            return Ok(());
        }
        Err(Error::PlainHttp)
    }
}

impl Change {
    fn between(before: &Connection, wanted: &mut Wanted) -> Result<Self> {
        let moved = wanted.server_url.origin() != before.server_url.origin();
        match (
            wanted.auth.needs_credential(),
            wanted.secret.take(),
            &before.credential,
        ) {
            (false, Some(_), _) => Err(Error::NoCredential),
            (false, None, None) => Ok(Self::Keep),
            (false, None, Some(_)) => Ok(Self::Discard),
            (true, Some(secret), _) => Ok(Self::Replace(secret)),
            (true, None, Some(_)) if !moved => Ok(Self::Keep),
            (true, None, _) => Err(Error::CredentialRequired),
        }
    }
}

impl Connection {
    /// The row a user's change makes of this one. What is checked is another thing as soon as address, authentication or
    /// credential differ, and then nothing is known of its health any more.
    pub(crate) fn changed_to(
        &self,
        wanted: &Wanted,
        credential: Option<CredentialRef>,
        now: Timestamp,
    ) -> Self {
        let same_target = self.server_url == wanted.server_url
            && self.auth == wanted.auth
            && self.credential == credential;
        let same_place = self.enabled == wanted.enabled
            && self.check_interval.minutes() == wanted.check_interval.minutes();
        Self {
            name: wanted.name.clone(),
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

    fn differs_from(&self, before: &Self) -> bool {
        let Self {
            name,
            server_url,
            auth,
            enabled,
            check_interval,
            ..
        } = before;
        (
            &self.name,
            &self.server_url,
            &self.auth,
            &self.enabled,
            &self.check_interval,
        ) != (name, server_url, auth, enabled, check_interval)
    }
}

fn is_provisioning(row: &Connection) -> bool {
    matches!(&row.unfinished, Some(unfinished) if unfinished.work == Work::Provision)
}
