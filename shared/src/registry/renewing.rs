//! Puts a token that was renewed in use, whatever breaks off in between.
//!
//! Once it was issued it is the only good one: with many authorization servers the one before it is void at that moment. So it is never given up, as a value
//! is that somebody could give again: whoever finds it in the store lets the row name it.

use super::{ATTEMPTS, Registry, settle_secret};
use crate::{
    connection::{Connection, Details, Unfinished, Work},
    credential::{CredentialRef, CredentialVersion, Secret},
    error::{Error, Result},
    text::Document,
};

impl Registry {
    /// Lets the row say that its token is being renewed, so that nobody else renews it or changes what it is for.
    pub(crate) async fn claim_renewal(&self, before: &Connection) -> Result<Connection> {
        let now = self.clock.now();
        let version = CredentialVersion::new(self.ids.random()?);
        let claimed = before.with_work(Some(Work::Renew { version }), now);
        self.store.replace(before, &claimed, None, now).await?;
        Ok(claimed)
    }

    /// Stores what a row was claimed for, and makes the row name it. What fails on the way is done by whoever settles the row.
    pub(crate) async fn put_renewed(
        &self,
        claimed: &Connection,
        secret: &Secret,
        shape: &Document,
    ) -> Result<Connection> {
        let Some(Work::Renew { version }) = claimed.unfinished.as_ref().map(|it| &it.work) else {
            return Err(Error::internal("no token is being renewed"));
        };
        let (tenant, holder, version) = (claimed.tenant, claimed.id.into(), *version);
        let stage = || self.credentials.stage(tenant, holder, version, secret);
        // Written twice it is there once.
        if stage().await.is_err() {
            stage().await?;
        }
        let mut row = claimed.clone();
        for _ in 0..ATTEMPTS {
            let after = self.naming(&row, version, Some(shape))?;
            let now = self.clock.now();
            if self.store.replace(&row, &after, None, now).await.is_ok() {
                self.follow_up(&after).await;
                return Ok(after);
            }
            row = self.visible(tenant, claimed.id).await?;
            if names(&row, version) {
                // The answer was lost, or somebody was faster.
                self.follow_up(&row).await;
                return Ok(row);
            }
            // Somebody who took the work for abandoned may have undone it; whatever else became of the row, the token is none of it.
            let is_ours = row.unfinished.is_none() || row.unfinished == claimed.unfinished;
            if !is_ours || row.credential != claimed.credential || row.auth != claimed.auth {
                let _ = self.credentials.unstage(tenant, holder, version).await;
                return Err(Error::Stale);
            }
        }
        Err(Error::Busy)
    }

    /// Finishes a renewal whose token is in the store, and undoes one that came to nothing. What is shown of the credential stays as it was until the
    /// next renewal: nobody reads a secret to tidy up.
    pub(super) async fn settle_renewal(
        &self,
        row: &Connection,
        version: CredentialVersion,
    ) -> Result<()> {
        let (tenant, holder) = (row.tenant, row.id.into());
        let now = self.clock.now();
        if row.credential.is_none() || !self.credentials.has(tenant, holder, version).await? {
            let undone = row.with_work(None, now);
            return self.store.replace(row, &undone, None, now).await;
        }
        let after = self.naming(row, version, None)?;
        self.store.replace(row, &after, None, now).await?;
        let secrets = (&*self.credentials, tenant, holder);
        settle_secret(secrets, &Work::Renew { version }, after.credential.as_ref()).await?;
        let settled = after.with_work(None, now);
        self.store.replace(&after, &settled, None, now).await
    }

    /// The row with its renewed token, which is for the same as the one before. Its version, and what is known of its health, stay.
    fn naming(
        &self,
        row: &Connection,
        version: CredentialVersion,
        shape: Option<&Document>,
    ) -> Result<Connection> {
        let now = self.clock.now();
        let Some(before) = &row.credential else {
            return Err(Error::internal("there is nothing to renew"));
        };
        let since = row.unfinished.as_ref().map_or(now, |work| work.since);
        Ok(Connection {
            credential: Some(CredentialRef {
                version,
                updated_at: now,
                ..before.clone()
            }),
            details: Details {
                shape: shape.cloned().or_else(|| row.details.shape.clone()),
                ..row.details.clone()
            },
            unfinished: Some(Unfinished {
                work: Work::Renew { version },
                since,
            }),
            revision: row.revision + 1,
            ..row.clone()
        })
    }
}

/// Whether the row names this version.
pub(super) fn names(row: &Connection, version: CredentialVersion) -> bool {
    let credential = row.credential.as_ref();
    credential.is_some_and(|credential| credential.version == version)
}
