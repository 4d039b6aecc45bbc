//! Keeps users' tokens: a row says that a user has some on a server, and a secret of its own holds them.
//!
//! The same saga as the registry's: the row leads, the secret follows, and whoever finds work unfinished can end it from the row alone.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    audit::{Action, Author, Deed, Record, ResourceKind},
    caller::{Caller, KeyKind},
    connection::{Connection, Origin, Work},
    credential::{CredentialRef, CredentialVersion, Secret},
    error::{Error, Noun, Result},
    grant::Grant,
    ports::{Clock, Credentials, Ids, Servers, Trail, UserSessions, Window},
    registry::{free, settle_secret},
    server::{Server, ServerId},
    tenant::{TenantId, UserId},
    timestamp::Timestamp,
    trust::Trust,
    user_connection::{Footing, UserConnection, UserConnectionId},
};

/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 3;

/// Users whose tokens are deleted at the same time.
const AT_ONCE: usize = 16;

/// What somebody wants with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

/// The user whose tokens a request is about. Nobody but the gateway is shown any; a user may store and delete his own. The gateway speaks for the
/// user whose key it sends along, or by itself for the one that it names.
pub fn holder(caller: &Caller, named: Option<UserId>, purpose: Purpose) -> Result<UserId> {
    let is_user = caller.kind == KeyKind::WorkspaceUser;
    match purpose {
        _ if caller.is_gateway() => {}
        Purpose::Write if is_user => {}
        Purpose::Read => {
            return Err(Error::NotAllowed("only a system key reads users' tokens"));
        }
        Purpose::Write => {
            return Err(Error::NotAllowed(
                "only a system key or the key of the user himself writes his tokens",
            ));
        }
    }
    match (caller.user, named) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(named)) if own == named => Ok(own),
        (Some(_), Some(_)) => Err(Error::NotAllowed(
            "the key of a user cannot name another user",
        )),
        (None, Some(named)) if caller.kind == KeyKind::System => Ok(named),
        (None, _) => Err(Error::invalid(
            "x-portkey-api-key",
            "must be the key of a user, whose tokens these are; a system key alone names him in user_id",
        )),
    }
}

/// What keeping tokens needs of a store.
pub trait TokenStore: Servers + UserSessions + Trail {}

impl<S: Servers + UserSessions + Trail> TokenStore for S {}

#[derive(Clone)]
pub struct Tokens<S> {
    pub store: S,
    pub credentials: Arc<dyn Credentials>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl<S: TokenStore> Tokens<S> {
    /// Stores a user's tokens on a server, in place of those he had. They are good for the origin of the server's connection alone.
    pub async fn keep(
        &self,
        by: &Author,
        server: &Server,
        connection: &Connection,
        user: UserId,
        grant: Grant,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let credential = CredentialRef {
                version: CredentialVersion::new(self.ids.random()?),
                origin: connection.server_url.origin(),
                updated_at: now,
            };
            let kept = match self
                .store
                .user_connection(server.tenant, server.id, user)
                .await?
            {
                None => {
                    let tokens = grant.secret()?;
                    self.begin(by, server, user, credential, &tokens).await
                }
                Some(row) => {
                    free(row.unfinished.as_ref(), now)?;
                    if row.unfinished.is_some() {
                        self.settle(&row).await?;
                        continue;
                    }
                    let tokens = match self.stored(&row, &credential.origin).await? {
                        Some(stored) => grant.clone().after(&stored).secret()?,
                        None => grant.secret()?,
                    };
                    self.replace(by, &row, credential, &tokens).await
                }
            };
            match kept {
                Err(Error::Stale | Error::Taken(_)) => {}
                kept => return kept,
            }
        }
        Err(Error::Busy)
    }

    /// The tokens, for the gateway, and for the origin they were given for. That they were handed out is in the audit trail before they are.
    pub async fn reveal(
        &self,
        by: &Author,
        server: &Server,
        connection: &Connection,
        user: UserId,
    ) -> Result<Grant> {
        let row = self
            .store
            .user_connection(server.tenant, server.id, user)
            .await?;
        let row = row
            .filter(UserConnection::is_visible)
            .ok_or(Error::NotFound(Noun::UserConnection))?;
        let origin = connection.server_url.origin();
        let grant = self
            .stored(&row, &origin)
            .await?
            .ok_or(Error::NotFound(Noun::UserConnection))?;
        self.store
            .append(&self.record(by, Action::Reveal, &row, self.clock.now())?)
            .await?;
        Ok(grant)
    }

    /// What is stored for this origin.
    async fn stored(&self, row: &UserConnection, origin: &Origin) -> Result<Option<Grant>> {
        let secret = self.stored_secret(row, origin).await?;
        secret.as_ref().map(Grant::of).transpose()
    }

    /// The same as it is.
    pub(crate) async fn stored_secret(
        &self,
        row: &UserConnection,
        origin: &Origin,
    ) -> Result<Option<Secret>> {
        let credential = row.credential.as_ref();
        let Some(credential) = credential.filter(|credential| credential.origin == *origin) else {
            return Ok(None);
        };
        self.credentials
            .read(row.tenant, row.id.into(), credential.version)
            .await
    }

    /// Deletes the tokens that users have on a server, all of them.
    pub async fn forget_all(&self, by: &Author, server: &Server) -> Result<()> {
        while self.forget_some(by, server).await? {}
        Ok(())
    }

    /// Deletes the tokens of a hundred of its users at most; false when nobody had any.
    pub(crate) async fn forget_some(&self, by: &Author, server: &Server) -> Result<bool> {
        let window = Window {
            offset: 0,
            limit: 100,
        };
        let page = self
            .store
            .user_connections(server.tenant, server.id, window)
            .await?;
        let users: Vec<_> = page.items.iter().map(|row| row.user).collect();
        let had_some = !users.is_empty();
        stream::iter(users)
            .map(|user| self.forget(by, server, user))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(had_some)
    }

    /// Deletes a user's tokens. Deleting what is not there is no error.
    pub async fn forget(&self, by: &Author, server: &Server, user: UserId) -> Result<()> {
        self.forget_at(by, server.tenant, server.id, user).await
    }

    /// The same for what stands on a connection.
    pub(crate) async fn forget_at(
        &self,
        by: &Author,
        tenant: TenantId,
        server: ServerId,
        user: UserId,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let row = self.store.user_connection(tenant, server, user).await?;
            let Some(row) = row else {
                return Ok(());
            };
            let now = self.clock.now();
            free(row.unfinished.as_ref(), now)?;
            let leaving = row.with_work(Some(Work::Remove), now);
            let record = self.record(by, Action::Delete, &row, now)?;
            let record = row.is_visible().then_some(&record);
            match self.store.exchange(&row, &leaving, record).await {
                Err(Error::Stale) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.settle(&leaving).await,
            }
        }
        Err(Error::Busy)
    }

    /// Finishes or undoes the work a row speaks of. Safe to repeat, and safe beside whoever began it.
    pub async fn settle(&self, row: &UserConnection) -> Result<()> {
        let now = self.clock.now();
        let Some(unfinished) = &row.unfinished else {
            // He was asked for a credential and gave none, so there is no secret.
            return match row.lapses_at() {
                Some(at) if at <= now => self.store.discard(row, None).await,
                _ => Ok(()),
            };
        };
        let secrets = (&*self.credentials, row.tenant, row.id.into());
        match &unfinished.work {
            Work::Provision => {
                // Marked first, so that somebody who is merely slow cannot bring it to life without its secret.
                let leaving = row.with_work(Some(Work::Remove), now);
                self.store.exchange(row, &leaving, None).await?;
                settle_secret(secrets, &Work::Remove, None).await?;
                self.store.discard(&leaving, None).await
            }
            Work::Remove => {
                settle_secret(secrets, &Work::Remove, None).await?;
                self.store.discard(row, None).await
            }
            work @ (Work::Replace { .. } | Work::Renew { .. } | Work::Discard) => {
                settle_secret(secrets, work, row.credential.as_ref()).await?;
                self.store
                    .exchange(row, &row.with_work(None, now), None)
                    .await
            }
        }
    }

    async fn begin(
        &self,
        by: &Author,
        server: &Server,
        user: UserId,
        credential: CredentialRef,
        tokens: &Secret,
    ) -> Result<()> {
        let now = self.clock.now();
        let version = credential.version;
        let row = UserConnection {
            tenant: server.tenant,
            id: UserConnectionId::new(self.ids.sortable(now)?),
            server: server.id,
            workspace: server.workspace,
            footing: Footing::Server,
            user,
            credential: Some(credential),
            keys: Vec::new(),
            trust: Trust::PUBLIC,
            invitation: None,
            created_at: now,
            updated_at: now,
            revision: 0,
            unfinished: None,
        };
        let row = row.with_work(Some(Work::Provision), now);
        self.store.insert(&row, None).await?;
        let brought_to_life = async {
            self.credentials
                .create(row.tenant, row.id.into(), version, tokens)
                .await?;
            let record = self.record(by, Action::Create, &row, now)?;
            self.store
                .exchange(&row, &row.with_work(None, now), Some(&record))
                .await
        };
        let outcome = brought_to_life.await;
        self.clean_up_after(outcome, &row).await
    }

    async fn replace(
        &self,
        by: &Author,
        row: &UserConnection,
        credential: CredentialRef,
        tokens: &Secret,
    ) -> Result<()> {
        let wanted = UserConnection {
            credential: Some(credential.clone()),
            ..row.clone()
        };
        self.put(by, row, &wanted, &credential, tokens).await
    }

    /// Makes a row what is `wanted` of it, with a secret in place of the one that it has or as its first.
    pub(crate) async fn put(
        &self,
        by: &Author,
        row: &UserConnection,
        wanted: &UserConnection,
        credential: &CredentialRef,
        secret: &Secret,
    ) -> Result<()> {
        let now = self.clock.now();
        let version = credential.version;
        let staged = row.with_work(Some(Work::Replace { version }), now);
        self.store.exchange(row, &staged, None).await?;
        let (tenant, holder) = (row.tenant, row.id.into());
        let adopted = async {
            let credentials = &self.credentials;
            let action = match &row.credential {
                Some(_) => {
                    credentials.stage(tenant, holder, version, secret).await?;
                    Action::Update
                }
                None => {
                    credentials.create(tenant, holder, version, secret).await?;
                    Action::Create
                }
            };
            let after = UserConnection {
                updated_at: now,
                revision: staged.revision + 1,
                unfinished: staged.unfinished.clone(),
                ..wanted.clone()
            };
            let record = self.record(by, action, row, now)?;
            self.store.exchange(&staged, &after, Some(&record)).await?;
            Ok(after)
        };
        match adopted.await {
            Ok(after) => {
                // What is left is for the sweeper, should this fail: the change has happened.
                let _ = self.settle(&after).await;
                Ok(())
            }
            Err(error) => self.clean_up_after(Err(error), row).await,
        }
    }

    /// Cleans up behind a change that failed, by what the row says now. When even that fails the sweeper does it.
    async fn clean_up_after(&self, outcome: Result<()>, row: &UserConnection) -> Result<()> {
        if outcome.is_err()
            && let Ok(Some(row)) = self
                .store
                .user_connection(row.tenant, row.server, row.user)
                .await
        {
            let _ = self.settle(&row).await;
        }
        outcome.map_err(|error| match error {
            Error::Stale => Error::Busy,
            other => other,
        })
    }

    fn record(
        &self,
        by: &Author,
        action: Action,
        of: &UserConnection,
        now: Timestamp,
    ) -> Result<Record> {
        record(by, action, of, &*self.ids, now)
    }
}

pub(crate) fn record(
    by: &Author,
    action: Action,
    of: &UserConnection,
    ids: &dyn Ids,
    now: Timestamp,
) -> Result<Record> {
    let deed = Deed {
        author: by,
        action,
        resource: ResourceKind::UserConnection,
        resource_id: format!("{}/{}", of.server, of.user),
        workspace: Some(of.workspace),
        fields: Vec::new(),
    };
    deed.record(of.tenant, ids, now)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{caller::KeyId, right::Right, tenant::WorkspaceId};

    fn caller(kind: KeyKind, by_gateway: bool) -> Caller {
        let id = Uuid::from_u128;
        let is_user = kind == KeyKind::WorkspaceUser;
        Caller {
            tenant: TenantId::new(id(1)),
            key: KeyId::new(id(2)),
            kind,
            workspace: kind.is_of_workspace().then(|| WorkspaceId::new(id(3))),
            user: is_user.then(|| user(4)),
            scopes: vec![Right::INVOKE.into()],
            gateway: by_gateway.then(|| KeyId::new(id(5))),
        }
    }

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    /// Who may read or write whose tokens: nobody, the user himself, the one he names, or a mistake in the request.
    #[test]
    fn tokens_are_for_the_gateway_and_for_the_user_whose_they_are() {
        use KeyKind::{OrganisationService, System, WorkspaceService, WorkspaceUser};
        use Purpose::{Read, Write};
        let (own, other) = (Some(user(4)), Some(user(9)));
        for (kind, by_gateway, named, purpose, expected) in [
            (WorkspaceUser, true, None, Read, Ok(4)),
            (WorkspaceUser, true, own, Read, Ok(4)),
            (WorkspaceUser, true, other, Read, Err(403)),
            (WorkspaceUser, true, None, Write, Ok(4)),
            (WorkspaceUser, false, None, Read, Err(403)),
            (WorkspaceUser, false, None, Write, Ok(4)),
            (WorkspaceUser, false, other, Write, Err(403)),
            (System, false, None, Read, Err(400)),
            (System, false, other, Read, Ok(9)),
            (System, false, other, Write, Ok(9)),
            (WorkspaceService, true, None, Read, Err(400)),
            (WorkspaceService, true, other, Write, Err(400)),
            (WorkspaceService, false, other, Write, Err(403)),
            (OrganisationService, false, other, Read, Err(403)),
        ] {
            let found = match holder(&caller(kind, by_gateway), named, purpose) {
                Ok(user) => Ok(user.uuid().as_u128()),
                Err(Error::NotAllowed(_)) => Err(403),
                Err(Error::Invalid(_)) => Err(400),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(
                found, expected,
                "{kind:?} {by_gateway} {named:?} {purpose:?}"
            );
        }
    }
}
