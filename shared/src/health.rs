//! The health of a connection: a pure state machine from what is known and what was found to what is known now.
//!
//! It knows no clock, no network and no store.

use serde::{Deserialize, Serialize};

use crate::{
    text::ParseError,
    timestamp::Timestamp,
    verdict::{Class, Era, Reason},
};

/// Failed checks in a row that turn `active` into `error`.
pub const FALL: u32 = 3;
/// Good checks in a row that turn `error` into `active`.
pub const RISE: u32 = 2;
/// Seconds from a check to the one that confirms what it found: the first after 15, the second 45 after the first finding.
const CONFIRM_AFTER: [i64; 2] = [15, 30];
/// A connection that is down is checked less and less often, but never less often than this many seconds.
const LONGEST_BACKOFF: i64 = 30 * 60;
/// After this many refusals in a row we stop knocking every few minutes, lest the tenant's account is locked.
const REFUSALS_BEFORE_SLOWING: u32 = 3;
const SLOW_SECONDS: i64 = 60 * 60;
/// The longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: i64 = 60 * 60;

/// What a check said last, damped: see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Never checked since the address, the authentication or the credential changed.
    Unknown,
    Active,
    Error,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Error => "error",
        }
    }
}

impl TryFrom<String> for Status {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let all = [Self::Unknown, Self::Active, Self::Error];
        all.into_iter()
            .find(|status| status.word() == text)
            .ok_or(ParseError("must be active, error or unknown"))
    }
}

/// When the next check is wanted, where that is not simply the wheel's next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", content = "at", rename_all = "snake_case")]
pub enum Next {
    /// At the wheel's next turn.
    Turn,
    /// Earlier than that, to confirm what was found.
    Confirm(Timestamp),
    /// At the wheel's first turn after this moment.
    NotBefore(Timestamp),
}

/// Good and failed checks within one hour or one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Number of the hour or day since the epoch.
    pub at: i64,
    pub ok: u32,
    pub failed: u32,
}

/// What is known of a connection's health. Changes with each check, so it is an item of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The connection's epoch this belongs to.
    pub epoch: u32,
    /// Counts the writes of this item; guards against two checks that end together.
    pub revision: u64,
    pub status: Status,
    pub reason: Option<Reason>,
    pub consecutive_failures: u32,
    pub consecutive_successes: u32,
    /// Refusals in a row; a refusal is no outage.
    pub refusals: u32,
    /// Checks since it is down; each doubles the wait for the next.
    pub backoff: u32,
    pub first_failed_at: Option<Timestamp>,
    pub last_succeeded_at: Option<Timestamp>,
    pub last_check_at: Option<Timestamp>,
    /// The latest moment of the schedule that has been answered.
    pub answered: Option<Timestamp>,
    pub latency_ms: Option<u64>,
    pub next: Next,
    pub era: Option<Era>,
    /// The last 24 hours, oldest first.
    pub hours: Vec<Count>,
    /// The last 30 days, oldest first.
    pub days: Vec<Count>,
}

/// A finding, as far as health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    pub at: Timestamp,
    /// Nothing when all is well.
    pub reason: Option<Reason>,
    pub retry_after_seconds: Option<u32>,
    pub latency_ms: u64,
    pub era: Option<Era>,
}

impl Health {
    /// Nothing is known yet.
    pub const fn unknown(epoch: u32) -> Self {
        Self {
            epoch,
            revision: 0,
            status: Status::Unknown,
            reason: None,
            consecutive_failures: 0,
            consecutive_successes: 0,
            refusals: 0,
            backoff: 0,
            first_failed_at: None,
            last_succeeded_at: None,
            last_check_at: None,
            answered: None,
            latency_ms: None,
            next: Next::Turn,
            era: None,
            hours: Vec::new(),
            days: Vec::new(),
        }
    }

    /// Nothing is known of what the connection has become; how available it was is not forgotten.
    #[must_use]
    pub fn forgotten(&self, epoch: u32) -> Self {
        Self {
            revision: self.revision + 1,
            hours: self.hours.clone(),
            days: self.days.clone(),
            ..Self::unknown(epoch)
        }
    }

    /// What is known after `observed`, for a connection checked every `interval_seconds`.
    #[must_use]
    pub fn after(&self, observed: &Observation, interval_seconds: u32) -> Self {
        // The wheel turns in whole minutes.
        let turn = i64::from(interval_seconds.div_ceil(60)) * 60;
        let mut next = Self {
            revision: self.revision + 1,
            reason: observed.reason,
            last_check_at: Some(observed.at),
            era: observed.era.or(self.era),
            next: Next::Turn,
            ..self.clone()
        };
        match observed.reason.map_or(Class::Remark, Reason::class) {
            Class::Remark => next.succeed(observed),
            Class::Outage => next.fail(observed, turn),
            Class::Refusal => next.refuse(observed, turn),
            Class::Postponed => {
                if let Some(wait) = observed.retry_after_seconds.map(i64::from) {
                    let until = observed.at.plus_seconds(wait.min(LONGEST_RETRY_AFTER));
                    next.next = Next::NotBefore(until);
                }
            }
            Class::Ours => {}
        }
        next
    }

    fn succeed(&mut self, observed: &Observation) {
        self.consecutive_failures = 0;
        self.refusals = 0;
        self.consecutive_successes += 1;
        self.latency_ms = Some(observed.latency_ms);
        self.last_succeeded_at = Some(observed.at);
        self.count(observed.at, true);
        if self.status == Status::Error && self.consecutive_successes < RISE {
            self.next = Next::Confirm(observed.at.plus_seconds(CONFIRM_AFTER[0]));
            return;
        }
        self.status = Status::Active;
        self.first_failed_at = None;
        self.backoff = 0;
    }

    fn fail(&mut self, observed: &Observation, turn: i64) {
        self.consecutive_successes = 0;
        self.refusals = 0;
        self.consecutive_failures += 1;
        self.latency_ms = Some(observed.latency_ms);
        self.first_failed_at = self.first_failed_at.or(Some(observed.at));
        self.count(observed.at, false);
        if self.status == Status::Active && self.consecutive_failures < FALL {
            let wait = CONFIRM_AFTER[self.consecutive_failures as usize - 1];
            self.next = Next::Confirm(observed.at.plus_seconds(wait));
            return;
        }
        // Of a server never seen working there is nothing to protect against a blip: its first verdict counts.
        self.status = Status::Error;
        let turns = (1 << self.backoff.min(6)).min(LONGEST_BACKOFF / turn);
        self.backoff += 1;
        self.wait_for(turns, turn, observed.at);
    }

    fn refuse(&mut self, observed: &Observation, turn: i64) {
        self.consecutive_successes = 0;
        self.consecutive_failures += 1;
        self.refusals += 1;
        self.latency_ms = Some(observed.latency_ms);
        self.first_failed_at = self.first_failed_at.or(Some(observed.at));
        self.status = Status::Error;
        self.backoff = 0;
        if self.refusals >= REFUSALS_BEFORE_SLOWING {
            self.wait_for(SLOW_SECONDS / turn, turn, observed.at);
        }
    }

    /// Lets all turns of the wheel pass but the last of these.
    fn wait_for(&mut self, turns: i64, turn: i64, at: Timestamp) {
        if turns > 1 {
            // A check ends a little after its turn began, and sometimes a confirmation later. With half a turn of slack
            // that is no reason to miss the turn that is meant.
            self.next = Next::NotBefore(at.plus_seconds(turns * turn - turn / 2));
        }
    }

    fn count(&mut self, at: Timestamp, good: bool) {
        add(&mut self.hours, at.hour(), 24, good);
        add(&mut self.days, at.day(), 30, good);
    }

    /// The share of good checks in the last 24 hours, 7 days and 30 days, 0 to 1; nothing where there was no check that tells.
    pub fn uptime(&self, now: Timestamp) -> Uptime {
        Uptime {
            day: share(&self.hours, now.hour() - 23),
            week: share(&self.days, now.day() - 6),
            month: share(&self.days, now.day() - 29),
        }
    }
}

/// Shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uptime {
    pub day: Option<f64>,
    pub week: Option<f64>,
    pub month: Option<f64>,
}

fn add(counts: &mut Vec<Count>, at: i64, keep: usize, good: bool) {
    if counts.last().is_none_or(|last| last.at < at) {
        counts.push(Count {
            at,
            ok: 0,
            failed: 0,
        });
    }
    // A late result belongs to the newest count there is; the past is not rewritten.
    if let Some(last) = counts.last_mut() {
        if good { last.ok += 1 } else { last.failed += 1 }
    }
    counts.drain(..counts.len().saturating_sub(keep));
}

fn share(counts: &[Count], from: i64) -> Option<f64> {
    let (ok, failed) = counts
        .iter()
        .filter(|count| count.at >= from)
        .fold((0, 0), |(ok, failed), count| {
            (ok + count.ok, failed + count.failed)
        });
    (ok + failed > 0).then(|| f64::from(ok) / f64::from(ok + failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_774_440_000_000);

    /// A connection with an interval of 300 s that is told one finding after another.
    struct Told {
        health: Health,
        at: Timestamp,
    }

    impl Told {
        fn new() -> Self {
            Self {
                health: Health::unknown(0),
                at: START,
            }
        }

        fn tell(&mut self, reason: Option<Reason>) -> Status {
            self.tell_with(reason, None)
        }

        fn tell_with(
            &mut self,
            reason: Option<Reason>,
            retry_after_seconds: Option<u32>,
        ) -> Status {
            self.at = self.at.plus_seconds(300);
            let observed = Observation {
                at: self.at,
                reason,
                retry_after_seconds,
                latency_ms: 20,
                era: Some(Era::Modern),
            };
            self.health = self.health.after(&observed, 300);
            self.health.status
        }

        fn next(&self) -> Next {
            self.health.next
        }

        /// Turns of the wheel until the next check, when this one ended at the beginning of a turn or as late as a
        /// confirmation does.
        fn turns(&self) -> i64 {
            let [early, late] = [0, 60].map(|late| match self.health.next {
                Next::Turn => 1,
                Next::Confirm(_) => 0,
                Next::NotBefore(at) => (at.millis_since(self.at) / 1000 + late + 299) / 300,
            });
            assert_eq!(early, late);
            early
        }

        fn wait(&self) -> i64 {
            match self.health.next {
                Next::Turn => 0,
                Next::Confirm(at) | Next::NotBefore(at) => at.millis_since(self.at) / 1000,
            }
        }
    }

    #[test]
    fn the_slowest_wheel_is_not_slowed_down_further() {
        for reason in [Reason::ConnectRefused, Reason::CredentialRejected] {
            let mut health = Health::unknown(0);
            for n in 0..10 {
                let observed = Observation {
                    at: START.plus_seconds(n * 3600 + 10),
                    reason: Some(reason),
                    retry_after_seconds: None,
                    latency_ms: 1,
                    era: None,
                };
                health = health.after(&observed, 3600);
                assert_eq!(health.next, Next::Turn);
            }
        }
    }

    #[test]
    fn the_first_verdict_counts_at_once() {
        assert_eq!(Told::new().tell(None), Status::Active);
        assert_eq!(
            Told::new().tell(Some(Reason::ConnectRefused)),
            Status::Error
        );
        assert_eq!(
            Told::new().tell(Some(Reason::CredentialRejected)),
            Status::Error
        );
    }

    #[test]
    fn three_failures_in_a_row_are_an_outage_and_are_confirmed_within_a_minute() {
        let mut told = Told::new();
        told.tell(None);
        assert_eq!(told.tell(Some(Reason::ConnectRefused)), Status::Active);
        assert_eq!(told.next(), Next::Confirm(told.at.plus_seconds(15)));
        let first = told.at;
        assert_eq!(told.tell(Some(Reason::ConnectRefused)), Status::Active);
        assert_eq!(told.next(), Next::Confirm(told.at.plus_seconds(30)));
        assert_eq!(told.tell(Some(Reason::DnsFailure)), Status::Error);
        assert_eq!(told.health.first_failed_at, Some(first));
        assert_eq!(told.health.consecutive_failures, 3);
    }

    #[test]
    fn a_blip_is_forgotten() {
        let mut told = Told::new();
        told.tell(None);
        told.tell(Some(Reason::ConnectTimeout));
        told.tell(Some(Reason::ConnectTimeout));
        assert_eq!(told.tell(None), Status::Active);
        assert_eq!(told.health.consecutive_failures, 0);
        assert_eq!(told.health.first_failed_at, None);
        assert_eq!(told.next(), Next::Turn);
    }

    #[test]
    fn two_good_checks_in_a_row_end_an_error() {
        let mut told = Told::new();
        told.tell(Some(Reason::ConnectRefused));
        assert_eq!(told.tell(None), Status::Error);
        assert_eq!(told.next(), Next::Confirm(told.at.plus_seconds(15)));
        assert_eq!(told.tell(Some(Reason::ConnectRefused)), Status::Error);
        assert_eq!(told.tell(None), Status::Error);
        assert_eq!(told.tell(None), Status::Active);
        assert_eq!(told.health.first_failed_at, None);
    }

    #[test]
    fn a_dead_server_is_asked_less_and_less_often() {
        let mut told = Told::new();
        let waits: Vec<i64> = (0..6)
            .map(|_| {
                told.tell(Some(Reason::ConnectRefused));
                told.turns()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 6, 6, 6]);
    }

    #[test]
    fn a_refusal_is_an_error_at_once_but_no_outage() {
        let mut told = Told::new();
        told.tell(None);
        assert_eq!(told.tell(Some(Reason::CredentialRejected)), Status::Error);
        assert_eq!(told.next(), Next::Turn);
        told.tell(Some(Reason::CredentialForbidden));
        assert_eq!(told.next(), Next::Turn);
        told.tell(Some(Reason::CredentialRejected));
        assert_eq!(told.turns(), 12);
        assert_eq!(told.health.uptime(told.at).day, Some(1.0));
    }

    #[test]
    fn being_asked_for_patience_changes_nothing_but_the_next_check() {
        for status in [None, Some(Reason::ConnectRefused)] {
            let mut told = Told::new();
            told.tell(status);
            let before = told.health.clone();
            assert_eq!(
                told.tell_with(Some(Reason::RateLimited), Some(90)),
                before.status
            );
            assert_eq!(told.wait(), 90);
            assert_eq!(
                told.health.consecutive_failures,
                before.consecutive_failures
            );
            told.tell_with(Some(Reason::RateLimited), Some(86_400));
            assert_eq!(told.wait(), 3600);
            told.tell_with(Some(Reason::RateLimited), None);
            assert_eq!(told.next(), Next::Turn);
        }
    }

    #[test]
    fn our_own_faults_change_no_status() {
        let mut told = Told::new();
        assert_eq!(told.tell(Some(Reason::InternalError)), Status::Unknown);
        told.tell(None);
        for _ in 0..5 {
            assert_eq!(told.tell(Some(Reason::InternalError)), Status::Active);
        }
        assert_eq!(told.health.uptime(told.at).day, Some(1.0));
    }

    #[test]
    fn a_changed_contract_is_a_remark_on_a_working_server() {
        let mut told = Told::new();
        told.tell(None);
        assert_eq!(told.tell(Some(Reason::ContractChanged)), Status::Active);
        assert_eq!(told.health.reason, Some(Reason::ContractChanged));
        told.tell(None);
        assert_eq!(told.health.reason, None);
    }

    #[test]
    fn uptime_looks_back_exactly_as_far_as_it_says() {
        let mut health = Health::unknown(0);
        let tell = |health: &Health, at: Timestamp, reason| {
            health.after(
                &Observation {
                    at,
                    reason,
                    retry_after_seconds: None,
                    latency_ms: 1,
                    era: None,
                },
                300,
            )
        };
        let day = 86_400;
        for n in 0..40 {
            health = tell(
                &health,
                START.plus_seconds(n * day),
                (n < 20).then_some(Reason::HttpError),
            );
        }
        let now = START.plus_seconds(39 * day);
        let uptime = health.uptime(now);
        assert_eq!(uptime.day, Some(1.0));
        assert_eq!(uptime.week, Some(1.0));
        assert_eq!(uptime.month, Some(20.0 / 30.0));
        assert_eq!(health.days.len(), 30);
        assert_eq!(
            health.uptime(now.plus_seconds(60 * day)),
            Uptime {
                day: None,
                week: None,
                month: None
            }
        );
    }
}
