//! One tick of the schedule: takes what is due, checks it concurrently within the time there is, and leaves a note of
//! what it could not finish.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
};

use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, FuturesUnordered},
};

use crate::{
    checkup::{Checkup, Report},
    connection::ConnectionId,
    error::{Cause, Result},
    health::Next,
    ports::{Clock, Due, Schedule},
    tenant::TenantId,
    timestamp::Timestamp,
    wheel::Slot,
};

/// Names a connection.
type Key = (TenantId, ConnectionId);

/// A claim on a minute or a check runs out after this long, so that the next tick can take over from one that died.
const CLAIM_SECONDS: i64 = 55;
/// Slots read at the same time.
const SLOTS_AT_ONCE: usize = 16;

/// What a tick did.
#[derive(Debug, Default)]
pub struct Tally {
    /// Checks by what they found: `ok` or the reason's word.
    pub verdicts: BTreeMap<&'static str, u32>,
    /// Milliseconds each check took.
    pub latencies_ms: Vec<u64>,
    /// How late the latest check began, in milliseconds.
    pub lag_ms: i64,
    /// Due, but answered or unwanted by the time it was looked at.
    pub pointless: u32,
    /// Due, and left to the next tick.
    pub postponed: u32,
    /// Checks whose result could not be stored; the next tick does them again.
    pub faults: Vec<Cause>,
}

pub struct Scheduler {
    pub schedule: Arc<dyn Schedule>,
    pub checkup: Checkup,
    pub clock: Arc<dyn Clock>,
    /// Checks in flight at the same time.
    pub concurrency: usize,
}

/// A check that waits for its turn in this tick.
struct Waiting {
    due: Due,
    /// Another tick can have seen it too.
    is_out_of_turn: bool,
}

/// What is waiting to be checked: what is due now, and what is wanted at a later moment of this tick.
#[derive(Default)]
struct Queue {
    due: VecDeque<Waiting>,
    /// How many of those that wait or are in flight the wheel named.
    of_the_wheel: usize,
    later: BinaryHeap<Reverse<(Timestamp, TenantId, ConnectionId)>>,
    /// The moment that counts of those a connection has in `later`; a check that ended decides anew.
    wanted_later: HashMap<Key, Timestamp>,
    /// Begun, and failed for reasons of our own.
    failed: Vec<Due>,
}

impl Scheduler {
    /// Does the tick of the current minute and of those before it that nobody did. Begins no check after `take_until`.
    ///
    /// Two ticks of the same minute share the work: a minute belongs to one of them, and so does each check out of turn. Should
    /// two do the same check all the same, it is stored once.
    pub async fn tick(&self, take_until: Timestamp) -> Result<Tally> {
        let now = self.clock.now();
        let minutes = self
            .schedule
            .claim(now.minute(), now, now.plus_seconds(CLAIM_SECONDS))
            .await?;
        let mut queue = Queue::default();
        let out_of_turn = self.schedule.out_of_turn(take_until).await?;
        queue.fill(out_of_turn, self.due_in(&minutes).await?, now);

        let mut tally = Tally::default();
        let mut claimed = minutes;
        self.work_off(&mut queue, take_until, &mut tally, &mut claimed)
            .await?;

        let left = queue.due.into_iter().map(|waiting| waiting.due);
        let rest: Vec<Due> = left.chain(queue.failed).collect();
        tally.postponed = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        self.schedule.postpone(&rest).await?;
        self.finish(&mut claimed).await?;
        Ok(tally)
    }

    /// What the wheel says is due in these minutes; a connection due in several of them counts for the latest.
    async fn due_in(&self, minutes: &[i64]) -> Result<HashMap<Key, Timestamp>> {
        // A slot that was due in several of them is read once.
        let mut slots = HashMap::new();
        for minute in minutes {
            let at = Timestamp::from_minute(*minute);
            slots.extend(Slot::due_at(*minute).map(|slot| (slot, at)));
        }
        let read = stream::iter(slots)
            .map(|(slot, at)| async move { Result::Ok((at, self.schedule.slot(slot, at).await?)) })
            .buffer_unordered(SLOTS_AT_ONCE);
        read.try_fold(HashMap::new(), |mut due, (at, found)| async move {
            for key in found {
                let latest = due.entry(key).or_insert(at);
                *latest = at.max(*latest);
            }
            Ok(due)
        })
        .await
    }

    async fn work_off(
        &self,
        queue: &mut Queue,
        take_until: Timestamp,
        tally: &mut Tally,
        claimed: &mut Vec<i64>,
    ) -> Result<()> {
        let mut in_flight = FuturesUnordered::new();
        // What is in flight is brought to its end before this is told: a check that renews a token must not break off.
        let mut broken = None;
        loop {
            // Confirmations may be waited for longer than a claim lasts; nobody is to do the wheel's part again meanwhile.
            if queue.of_the_wheel == 0 && queue.failed.is_empty() && broken.is_none() {
                broken = self.finish(claimed).await.err();
            }
            let now = self.clock.now();
            queue.ripen(now);
            while broken.is_none()
                && now < take_until
                && in_flight.len() < self.concurrency
                && let Some(waiting) = queue.due.pop_front()
            {
                tally.lag_ms = tally.lag_ms.max(now.millis_since(waiting.due.at));
                in_flight.push(self.check(waiting));
            }
            let next = queue.next_moment();
            let next = next.filter(|next| broken.is_none() && *next < take_until);
            let ended = match (in_flight.is_empty(), next) {
                (true, None) => return broken.map_or(Ok(()), Err),
                (true, Some(next)) => {
                    self.clock.sleep_until(next).await;
                    continue;
                }
                (false, None) => in_flight.next().await,
                (false, Some(next)) => {
                    let alarm = self.clock.sleep_until(next);
                    futures::pin_mut!(alarm);
                    match futures::future::select(in_flight.next(), alarm).await {
                        futures::future::Either::Left((ended, _)) => ended,
                        futures::future::Either::Right(_) => continue,
                    }
                }
            };
            if let Some((waiting, outcome)) = ended {
                queue.of_the_wheel -= usize::from(!waiting.is_out_of_turn);
                tally.note(&waiting.due, outcome, queue);
            }
        }
    }

    /// Marks the claimed minutes as worked off.
    async fn finish(&self, claimed: &mut Vec<i64>) -> Result<()> {
        while let Some(minute) = claimed.pop() {
            self.schedule.finish(minute).await?;
        }
        Ok(())
    }

    /// Checks what is due and takes it off the list of those wanted out of turn, unless it is wanted again.
    async fn check(&self, waiting: Waiting) -> (Waiting, Result<Option<Report>>) {
        let due = &waiting.due;
        let outcome = async {
            let now = self.clock.now();
            let until = now.plus_seconds(CLAIM_SECONDS);
            if waiting.is_out_of_turn && !self.schedule.take_out_of_turn(due, now, until).await? {
                return Ok(None);
            }
            let report = self.checkup.check_due(due).await?;
            if waiting.is_out_of_turn {
                self.schedule.drop_out_of_turn(due).await?;
            }
            Ok(report)
        };
        let outcome = outcome.await;
        (waiting, outcome)
    }
}

impl Queue {
    /// Takes in what is wanted out of turn and what the wheel says. A connection that both name is checked once.
    fn fill(
        &mut self,
        out_of_turn: Vec<Due>,
        mut on_the_wheel: HashMap<Key, Timestamp>,
        now: Timestamp,
    ) {
        for mut due in out_of_turn {
            if due.at > now {
                self.want_later(due.tenant, due.connection, due.at);
                continue;
            }
            if let Entry::Occupied(turn) = on_the_wheel.entry((due.tenant, due.connection)) {
                due.at = due.at.max(turn.remove());
            }
            self.due.push_back(Waiting {
                due,
                is_out_of_turn: true,
            });
        }
        self.of_the_wheel = on_the_wheel.len();
        for ((tenant, connection), at) in on_the_wheel {
            self.due.push_back(Waiting {
                due: Due {
                    tenant,
                    connection,
                    at,
                },
                is_out_of_turn: false,
            });
        }
        self.let_tenants_alternate();
    }

    /// One tenant with many slow servers must not make the others wait.
    fn let_tenants_alternate(&mut self) {
        let mut tenants: BTreeMap<TenantId, VecDeque<Waiting>> = BTreeMap::new();
        for waiting in self.due.drain(..) {
            tenants
                .entry(waiting.due.tenant)
                .or_default()
                .push_back(waiting);
        }
        while !tenants.is_empty() {
            tenants.retain(|_, waiting| {
                self.due.extend(waiting.pop_front());
                !waiting.is_empty()
            });
        }
    }

    fn want_later(&mut self, tenant: TenantId, connection: ConnectionId, at: Timestamp) {
        self.wanted_later.insert((tenant, connection), at);
        self.later.push(Reverse((at, tenant, connection)));
    }

    /// Moves what is wanted by now to what is due, ahead of everything else: a confirmation waits for nobody.
    fn ripen(&mut self, now: Timestamp) {
        while let Some(Reverse((at, tenant, connection))) = self.later.peek().copied()
            && at <= now
        {
            self.later.pop();
            if let Entry::Occupied(wanted) = self.wanted_later.entry((tenant, connection))
                && *wanted.get() == at
            {
                wanted.remove();
                self.due.push_front(Waiting {
                    due: Due {
                        tenant,
                        connection,
                        at,
                    },
                    is_out_of_turn: true,
                });
            }
        }
    }

    /// The next moment that something is wanted at.
    fn next_moment(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, tenant, connection))) = self.later.peek() {
            if self.wanted_later.get(&(*tenant, *connection)) == Some(at) {
                return Some(*at);
            }
            self.later.pop();
        }
        None
    }
}

impl Tally {
    fn note(&mut self, due: &Due, outcome: Result<Option<Report>>, queue: &mut Queue) {
        match outcome {
            Ok(None) => self.pointless += 1,
            Ok(Some(report)) => {
                *self
                    .verdicts
                    .entry(report.reason.map_or("ok", |reason| reason.word()))
                    .or_default() += 1;
                self.latencies_ms.push(report.latency_ms);
                queue.wanted_later.remove(&(due.tenant, due.connection));
                if let Next::Confirm(at) = report.listing.health.next {
                    queue.want_later(due.tenant, due.connection, at);
                }
            }
            Err(error) => {
                self.faults.push(error.into());
                queue.failed.push(due.clone());
            }
        }
    }

    pub fn checks(&self) -> u32 {
        self.verdicts.values().sum()
    }
}
