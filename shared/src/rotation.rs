//! Replaces a credential with proof: the new value is staged, tried against the server, and used only if accepted.

use serde_json::{Map, Value};

use crate::{
    audit::{Action, Author},
    checkup::Checkup,
    connection::{Connection, ConnectionId, Version},
    credential::Secret,
    error::{Error, Result},
    ports::Listing,
    registry::{Registry, Wanted},
    samples::{self, Sampled},
    tenant::TenantId,
    verdict::{Class, Reason},
};

#[derive(Clone)]
pub struct Rotation {
    pub registry: Registry,
    pub checkup: Checkup,
}

/// A new credential that is in use.
pub struct Proven {
    pub listing: Listing,
    /// How many tools the server showed to it.
    pub tools: usize,
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
        let secret = choose(&before)?;
        let proven = self.prove(by, &before, Wanted::like(&before), &secret);
        Ok(proven.await?.listing)
    }

    /// Gives samples for the headers that users bring, beside those that are the same for everybody. Proven in the same way.
    pub async fn verify_samples(
        &self,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        expected: Option<Version>,
        given: Map<String, Value>,
    ) -> Result<Proven> {
        let before = self.registry.current(tenant, id, expected).await?;
        let stored = self.registry.stored(&before).await?;
        let Sampled { secret, shape } = samples::laid_over(&before, stored.as_ref(), given)?;
        let mut wanted = Wanted::like(&before);
        wanted.details.shape = Some(shape);
        self.prove(by, &before, wanted, &secret).await
    }

    /// Makes a connection what is wanted with a new secret, if its server accepts that.
    async fn prove(
        &self,
        by: &Author,
        before: &Connection,
        wanted: Wanted,
        secret: &Secret,
    ) -> Result<Proven> {
        let (tenant, id) = (before.tenant, before.id);
        if before.server_url.is_local() {
            return Err(Error::NotProven(Reason::NotRunnableHere));
        }
        self.checkup.admit_request(tenant, id).await?;
        let staged = match self.registry.stage(before, secret).await {
            Err(Error::Stale) => return Err(Error::Busy),
            staged => staged?,
        };
        let finding = self.checkup.try_secret(&staged, secret).await;
        let tools = match &finding.outcome {
            Ok(contract) => contract.tools.len(),
            Err(failure) => {
                self.registry.settle_afresh(tenant, id).await;
                return Err(not_proven(failure.reason));
            }
        };
        let adopted = self.adopt(by, &staged, &wanted).await?;
        let listing = self.checkup.store.connection(tenant, id).await?;
        if listing.connection.epoch != adopted.epoch {
            return Ok(Proven { listing, tools });
        }
        // The proof is the first check of what the connection has become.
        // Whether that can be stored or not, the new value is in use.
        let listing = match self.checkup.record(listing.clone(), finding, None).await {
            Ok(Some(report)) => report.listing,
            Ok(None) | Err(_) => listing,
        };
        Ok(Proven { listing, tools })
    }

    async fn adopt(&self, by: &Author, staged: &Connection, wanted: &Wanted) -> Result<Connection> {
        let credential = self
            .registry
            .staged_credential(staged, &staged.server_url)?;
        let now = credential.updated_at;
        let after = staged.changed_to(wanted, Some(credential), now);
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

pub(crate) fn not_proven(reason: Reason) -> Error {
    match reason.class() {
        Class::Ours => Error::internal("the new credential could not be tried"),
        _ => Error::NotProven(reason),
    }
}
