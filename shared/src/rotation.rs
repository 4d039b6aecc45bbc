//! Replaces a credential with proof: the new value is staged, tried against the server, and used only if accepted.

use crate::{
    audit::{Action, Author},
    checkup::Checkup,
    connection::{Connection, ConnectionId, Version},
    credential::Secret,
    error::{Error, Result},
    ports::Listing,
    registry::{Registry, Wanted},
    tenant::TenantId,
    verdict::{Class, Reason},
};

#[derive(Clone)]
pub struct Rotation {
    pub registry: Registry,
    pub checkup: Checkup,
}

impl Rotation {
    /// `choose` gives the new value for the connection as it is. `NotProven` with the reason when the server does not accept the new value; then the old one stays in use, untouched.
    pub async fn rotate(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        choose: impl Fn(&Connection) -> Result<Secret> + Send + Sync,
    ) -> Result<Listing> {
        let before = self.registry.current(tenant, id, expected).await?;
        if !before.auth.demands_credential() {
            return Err(Error::NoCredential);
        }
        let secret = &choose(&before)?;
        self.checkup.admit_request(tenant, id).await?;
        let staged = match self.registry.stage(&before, secret).await {
            Err(Error::Stale) => return Err(Error::Busy),
            staged => staged?,
        };
        let finding = self.checkup.try_secret(&staged, secret).await;
        if let Err(failure) = &finding.outcome {
            self.registry.settle_afresh(tenant, id).await;
            return Err(not_proven(failure.reason));
        }
        let adopted = self.adopt(by, &staged).await?;
        let listing = self.checkup.store.connection(tenant, id).await?;
        if listing.connection.epoch != adopted.epoch {
            return Ok(listing);
        }
        // The proof is the first check of what the connection has become.
        // Whether that can be stored or not, the new value is in use.
        match self.checkup.record(listing.clone(), finding, None).await {
            Ok(Some(report)) => Ok(report.listing),
            Ok(None) | Err(_) => Ok(listing),
        }
    }

    async fn adopt(&self, by: &Author, staged: &Connection) -> Result<Connection> {
        let credential = self
            .registry
            .staged_credential(staged, &staged.server_url)?;
        let now = credential.updated_at;
        let after = staged.changed_to(&Wanted::like(staged), Some(credential), now);
        match self
            .registry
            .adopt(by, Action::Rotate, staged, &after)
            .await
        {
            Err(Error::Stale) => Err(Error::Busy),
            adopted => adopted,
        }
    }
}

fn not_proven(reason: Reason) -> Error {
    match reason.class() {
        Class::Ours => Error::internal("the new credential could not be tried"),
        _ => Error::NotProven(reason),
    }
}
