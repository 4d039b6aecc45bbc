//! Checks one connection: reads its credential, lets the prober speak to its server, judges what was found and stores it.
//!
//! The schedule, `test` and the proof of a new credential all come through here, so that they can never disagree.

use std::sync::Arc;

use crate::{
    capability::Capability,
    connection::{Connection, ConnectionId},
    credential::Secret,
    error::{Error, Noun, Result},
    health::{Health, Observation, Status},
    history::Sample,
    oauth::renewal::{Fresh, Renewal},
    ports::{Checked, Clock, Credentials, Due, Listing, Prober, Results, Target},
    tenant::TenantId,
    timestamp::Timestamp,
    verdict::{Class, Finding, Reason, Step},
};

/// How often a result is judged again because another one was stored in between.
const ATTEMPTS: u32 = 5;

/// Checks of one connection that may be asked for within a minute, besides those of the schedule.
const REQUESTS_A_MINUTE: u32 = 30;

/// What one check found and what became of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The connection as it is known after the check.
    pub listing: Listing,
    /// What this check found; nothing when all is well.
    pub reason: Option<Reason>,
    pub at: Timestamp,
    pub latency_ms: u64,
    pub steps: Vec<Step>,
}

impl Report {
    /// What this one check says of the connection. The status the connection is given follows it, with damping.
    pub fn verdict(&self) -> Status {
        match self.reason.map(Reason::class) {
            None | Some(Class::Remark) => Status::Active,
            Some(Class::Outage | Class::Refusal) => Status::Error,
            Some(Class::Postponed | Class::Ours) => self.listing.health.status,
        }
    }
}

#[derive(Clone)]
pub struct Checkup {
    pub store: Arc<dyn Results>,
    pub credentials: Arc<dyn Credentials>,
    pub prober: Arc<dyn Prober>,
    pub clock: Arc<dyn Clock>,
    pub renewal: Renewal,
}

impl Checkup {
    /// Checks a connection because somebody wants to know now.
    pub async fn test(&self, tenant: TenantId, id: ConnectionId) -> Result<Report> {
        let mut listing = self.store.connection(tenant, id).await?;
        self.admit_request(tenant, id).await?;
        let finding = self.examine(&mut listing).await;
        self.record(listing, finding, None)
            .await?
            .ok_or(Error::NotFound(Noun::Connection))
    }

    /// The same, and learns what the server offers besides tools.
    pub async fn explore(
        &self,
        tenant: TenantId,
        id: ConnectionId,
    ) -> Result<(Report, Vec<Capability>)> {
        let mut listing = self.store.connection(tenant, id).await?;
        self.admit_request(tenant, id).await?;
        let (finding, others) = match self.fresh_secret(&mut listing.connection).await {
            Ok((secret, is_overdue)) => {
                let target = target(&listing, secret.as_ref());
                let (finding, others) = self.prober.explore(target).await;
                (understood(finding, &listing.connection, is_overdue), others)
            }
            Err(reason) => (Finding::failed(reason, listing.health.era), Vec::new()),
        };
        let report = self.record(listing, finding, None).await?;
        let report = report.ok_or(Error::NotFound(Noun::Connection))?;
        Ok((report, others))
    }

    /// Checks a connection because it is due; nothing when that was answered already, or is not wanted any more.
    pub async fn check_due(&self, due: &Due) -> Result<Option<Report>> {
        let mut listing = match self.store.connection(due.tenant, due.connection).await {
            Err(Error::NotFound(_)) => return Ok(None),
            found => found?,
        };
        if listing.connection.schedule().is_none() || is_answered(&listing.health, Some(due.at)) {
            return Ok(None);
        }
        let finding = self.examine(&mut listing).await;
        self.record(listing, finding, Some(due.at)).await
    }

    /// Counts a check that somebody asks for, before anything is dialled. `Throttled` when there were too many within the minute:
    /// nobody is to turn us against a server, or to try passwords through us.
    pub(crate) async fn admit_request(&self, tenant: TenantId, id: ConnectionId) -> Result<()> {
        admit_request(&*self.store, &*self.clock, tenant, id).await
    }

    /// Tries a secret against a connection's server without storing anything.
    pub async fn try_secret(&self, connection: &Connection, secret: &Secret) -> Finding {
        let target = Target {
            url: &connection.server_url,
            auth: &connection.auth,
            secret: Some(secret),
            trust: &connection.details.trust,
            era: None,
        };
        self.prober.check(target).await
    }

    /// Judges a finding and stores the result; nothing when the connection is gone, is something else by now, or
    /// the moment of the schedule was answered by another check.
    pub async fn record(
        &self,
        mut listing: Listing,
        finding: Finding,
        due: Option<Timestamp>,
    ) -> Result<Option<Report>> {
        let at = self.clock.now();
        let epoch = listing.connection.epoch;
        for _ in 0..ATTEMPTS {
            let judged = judge(&listing, &finding, at, due);
            let checked = Checked {
                connection: &listing.connection,
                before: &listing.health,
                after: &judged.health,
                contract: finding
                    .outcome
                    .as_ref()
                    .ok()
                    .filter(|_| judged.new_contract),
                superseded: listing.contract.as_ref().map(|old| &old.digest),
                sample: &judged.sample,
            };
            match self.store.store_result(&checked).await {
                Ok(()) => return Ok(Some(judged.report(listing, finding))),
                Err(Error::Stale) => {}
                Err(error) => return Err(error),
            }
            listing = match self
                .store
                .connection(listing.connection.tenant, listing.connection.id)
                .await
            {
                Err(Error::NotFound(_)) => return Ok(None),
                found => found?,
            };
            if listing.connection.epoch != epoch || is_answered(&listing.health, due) {
                return Ok(None);
            }
        }
        Err(Error::Busy)
    }

    async fn examine(&self, listing: &mut Listing) -> Finding {
        match self.fresh_secret(&mut listing.connection).await {
            Ok((secret, is_overdue)) => {
                let target = target(listing, secret.as_ref());
                let finding = self.prober.check(target).await;
                understood(finding, &listing.connection, is_overdue)
            }
            Err(reason) => Finding::failed(reason, listing.health.era),
        }
    }

    /// The secret to send, renewed where it is a token that is about to expire, and whether it should have been and was not.
    async fn fresh_secret(
        &self,
        connection: &mut Connection,
    ) -> Result<(Option<Secret>, bool), Reason> {
        let Some(stored) = self.secret_of(connection).await? else {
            return Ok((None, false));
        };
        let Fresh {
            secret,
            connection: renewed,
            is_overdue,
        } = self.renewal.freshen(connection, stored).await?;
        if let Some(renewed) = renewed {
            *connection = renewed;
        }
        Ok((Some(secret), is_overdue))
    }

    /// The secret that is stored, if one is needed. It leaves the store only for the origin it was given for.
    pub(crate) async fn secret_of(
        &self,
        connection: &Connection,
    ) -> Result<Option<Secret>, Reason> {
        if connection.server_url.is_local() {
            return Err(Reason::NotRunnableHere);
        }
        if connection.credential.is_none() && !connection.auth.needs_credential() {
            return Ok(None);
        }
        let credential = connection
            .credential
            .as_ref()
            .filter(|credential| credential.origin == connection.server_url.origin())
            .ok_or(Reason::CredentialMissing)?;
        let read = self
            .credentials
            .read(connection.tenant, connection.id.into(), credential.version)
            .await;
        match read {
            Ok(Some(secret)) => Ok(Some(secret)),
            Ok(None) => Err(Reason::CredentialMissing),
            // That we cannot reach our own store says nothing about the tenant's server.
            Err(_) => Err(Reason::InternalError),
        }
    }
}

/// Counts what somebody asks for that makes us dial a connection's server. See [`Checkup::admit_request`].
pub(crate) async fn admit_request(
    store: &dyn Results,
    clock: &dyn Clock,
    tenant: TenantId,
    id: ConnectionId,
) -> Result<()> {
    let now = clock.now();
    if store
        .count_request(tenant, id, now.minute(), REQUESTS_A_MINUTE)
        .await?
    {
        return Ok(());
    }
    let wait = Timestamp::from_minute(now.minute() + 1).millis_since(now);
    Err(Error::Throttled {
        retry_after_seconds: u32::try_from(wait).unwrap_or(60_000).div_ceil(1000),
    })
}

/// What a check of this connection speaks to.
fn target<'a>(listing: &'a Listing, secret: Option<&'a Secret>) -> Target<'a> {
    Target {
        url: &listing.connection.server_url,
        auth: &listing.connection.auth,
        secret,
        trust: &listing.connection.details.trust,
        era: listing.health.era,
    }
}

/// What a finding means for a connection whose token could not be renewed, and for one whose users bring tokens of their own: to whoever comes without, a
/// sound server says just this.
fn understood(mut finding: Finding, connection: &Connection, is_overdue: bool) -> Finding {
    if let Err(failure) = &mut finding.outcome
        && is_overdue
        && failure.reason == Reason::CredentialRejected
    {
        // Its issuer does not answer, or somebody else has just got another one. That mends itself, and nobody has to consent anew.
        failure.reason = Reason::HttpError;
    }
    if let Err(failure) = &mut finding.outcome
        && connection.auth.is_completed_elsewhere()
        && matches!(
            failure.reason,
            Reason::AuthRequired | Reason::CredentialRejected
        )
    {
        failure.reason = Reason::UserAuthRequired;
    }
    finding
}

/// A finding, judged against what was known.
struct Judged {
    health: Health,
    sample: Sample,
    reason: Option<Reason>,
    new_contract: bool,
}

impl Judged {
    fn report(self, listing: Listing, finding: Finding) -> Report {
        let contract = match &finding.outcome {
            Ok(contract) if self.new_contract => Some(contract.summary()),
            _ => listing.contract,
        };
        Report {
            listing: Listing {
                health: self.health,
                contract,
                ..listing
            },
            reason: self.reason,
            at: self.sample.at,
            latency_ms: finding.latency_ms,
            steps: finding.steps,
        }
    }
}

fn judge(listing: &Listing, finding: &Finding, at: Timestamp, due: Option<Timestamp>) -> Judged {
    let known = listing.contract.as_ref();
    let (reason, retry_after_seconds, new_contract) = match &finding.outcome {
        Err(failure) => (Some(failure.reason), failure.retry_after_seconds, false),
        Ok(contract) => {
            let summary = contract.summary();
            let changed = listing
                .offered()
                .is_some_and(|known| known.digest != summary.digest);
            (
                changed.then_some(Reason::ContractChanged),
                None,
                known != Some(&summary),
            )
        }
    };
    let observed = Observation {
        at,
        reason,
        retry_after_seconds,
        latency_ms: finding.latency_ms,
        era: finding.era,
    };
    let mut health = listing
        .health
        .after(&observed, listing.connection.check_interval.seconds());
    health.answered = health.answered.max(due);
    let sample = Sample::of(&observed, &health);
    Judged {
        health,
        sample,
        reason,
        new_contract,
    }
}

fn is_answered(health: &Health, due: Option<Timestamp>) -> bool {
    due.is_some() && health.answered >= due
}
