//! What is remembered of past checks: samples, and the incidents they add up to.

use serde::{Deserialize, Serialize};

use crate::{
    connection::ConnectionId,
    error::Result,
    health::{Health, Observation, Status, Uptime},
    ports::Connections,
    tenant::TenantId,
    timestamp::Timestamp,
    verdict::Reason,
};

/// Samples are kept this long.
pub const KEPT_DAYS: i64 = 31;
/// Incidents are rarer and kept longer.
pub const INCIDENTS_KEPT_DAYS: i64 = 400;

/// One check, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    pub at: Timestamp,
    /// The status after this check.
    pub status: Status,
    #[serde(rename = "statusReason")]
    pub reason: Option<Reason>,
    pub latency_ms: u64,
}

impl Sample {
    pub fn of(observed: &Observation, after: &Health) -> Self {
        Self {
            at: observed.at,
            status: after.status,
            reason: observed.reason,
            latency_ms: observed.latency_ms,
        }
    }
}

/// A time in which a connection did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// The first check that failed.
    pub started_at: Timestamp,
    /// The check that ended it; absent while it lasts.
    pub ended_at: Option<Timestamp>,
    /// What was found when it became an incident.
    #[serde(rename = "statusReason")]
    pub reason: Option<Reason>,
}

/// Incidents shown at once.
const INCIDENTS: usize = 20;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// More checks than one a minute there cannot be, but for confirmations.
const CHECKS_A_DAY: usize = 2 * 24 * 60;

/// How available and how fast a connection was.
#[derive(Clone, Debug)]
pub struct History {
    pub uptime: Uptime,
    /// Of the last 24 hours.
    pub latency_ms: Percentiles,
    /// One page of checks, newest first.
    pub checks: Vec<Sample>,
    pub incidents: Vec<Incident>,
    /// The next page lies before this moment.
    pub next: Option<Timestamp>,
}

/// The history of a connection, with at most `limit` checks before `before`.
pub async fn read(
    connections: &impl Connections,
    tenant: TenantId,
    id: ConnectionId,
    before: Option<Timestamp>,
    limit: usize,
    now: Timestamp,
) -> Result<History> {
    let listing = connections.connection(tenant, id).await?;
    // What is being stored at this moment may bear a later time than ours.
    let end = now.plus_seconds(DAY_SECONDS);
    let since = now.plus_seconds(-KEPT_DAYS * DAY_SECONDS);
    let mut checks = connections
        .samples(tenant, id, since, before.unwrap_or(end), limit + 1)
        .await?;
    let more = checks.len() > limit;
    checks.truncate(limit);
    let last_day = connections
        .samples(
            tenant,
            id,
            now.plus_seconds(-DAY_SECONDS),
            end,
            CHECKS_A_DAY,
        )
        .await?;
    Ok(History {
        uptime: listing.health.uptime(now),
        latency_ms: percentiles(&last_day),
        next: checks.last().filter(|_| more).map(|last| last.at),
        checks,
        incidents: connections.incidents(tenant, id, INCIDENTS).await?,
    })
}

/// The incident that begins or ends with the step from `before` to `after`, as it is to be stored.
pub fn incident(before: &Health, after: &Health) -> Option<Incident> {
    match (before.status, after.status) {
        (Status::Active | Status::Unknown, Status::Error) => Some(Incident {
            started_at: after.first_failed_at.or(after.last_check_at)?,
            ended_at: None,
            reason: after.reason,
        }),
        (Status::Error, Status::Active) => Some(Incident {
            started_at: before.first_failed_at?,
            ended_at: after.last_check_at,
            reason: None,
        }),
        _ => None,
    }
}

/// Latency in milliseconds that 50, 95 and 99 percent of the checks stayed within; nothing when there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    pub p50: Option<u64>,
    pub p95: Option<u64>,
    pub p99: Option<u64>,
}

/// Percentiles by nearest rank over the good checks: how long a failure took says nothing about the server's speed.
pub fn percentiles(samples: &[Sample]) -> Percentiles {
    let mut latencies: Vec<u64> = samples
        .iter()
        .filter(|sample| {
            sample
                .reason
                .is_none_or(|reason| reason == Reason::ContractChanged)
        })
        .map(|sample| sample.latency_ms)
        .collect();
    latencies.sort_unstable();
    let rank = |percent: usize| {
        latencies
            .get((latencies.len() * percent).div_ceil(100).saturating_sub(1))
            .copied()
    };
    Percentiles {
        p50: rank(50),
        p95: rank(95),
        p99: rank(99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(latency_ms: u64, reason: Option<Reason>) -> Sample {
        Sample {
            at: Timestamp::from_millis(0),
            status: Status::Active,
            reason,
            latency_ms,
        }
    }

    #[test]
    fn percentiles_are_nearest_ranks_of_the_good_checks() {
        let mut samples: Vec<Sample> = (1..=200).map(|latency| sample(latency, None)).collect();
        samples.push(sample(10_000, Some(Reason::ResponseTimeout)));
        assert_eq!(
            percentiles(&samples),
            Percentiles {
                p50: Some(100),
                p95: Some(190),
                p99: Some(198)
            }
        );
        assert_eq!(
            percentiles(&samples[..1]),
            Percentiles {
                p50: Some(1),
                p95: Some(1),
                p99: Some(1)
            }
        );
        assert_eq!(
            percentiles(&samples[200..]),
            Percentiles {
                p50: None,
                p95: None,
                p99: None
            }
        );
    }

    #[test]
    fn an_incident_begins_with_the_first_failure_and_ends_with_recovery() {
        let at = |seconds: i64| Timestamp::from_millis(0).plus_seconds(seconds);
        let observe = |seconds, reason| Observation {
            at: at(seconds),
            reason,
            retry_after_seconds: None,
            latency_ms: 1,
            era: None,
        };
        let mut health = Health::unknown(0).after(&observe(0, None), 300);
        let mut seen = Vec::new();
        for (seconds, reason) in [
            (10, Some(Reason::HttpError)),
            (25, Some(Reason::HttpError)),
            (55, Some(Reason::ConnectRefused)),
            (300, None),
            (315, None),
            (600, None),
        ] {
            let next = health.after(&observe(seconds, reason), 300);
            seen.extend(incident(&health, &next));
            health = next;
        }
        assert_eq!(
            seen,
            [
                Incident {
                    started_at: at(10),
                    ended_at: None,
                    reason: Some(Reason::ConnectRefused)
                },
                Incident {
                    started_at: at(10),
                    ended_at: Some(at(315)),
                    reason: None
                },
            ]
        );
    }
}
