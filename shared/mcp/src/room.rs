//! Memory for what servers say, shared by all checks in flight.
//!
//! Most answers are small, and any number of checks may hold one. A check whose answers would grow large waits for one of a few places
//! first. So two hundred hostile servers, checked at once, cost no more memory than a few of them.

use std::sync::{Arc, OnceLock};

use shared::verdict::Reason;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::limits::Limits;

/// The places there are.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(limits.large_checks)))
    }
}

/// The place of one check, once it needs one. Held for as long as anybody holds what the check learned.
pub(crate) type Place = Arc<OnceLock<OwnedSemaphorePermit>>;

/// What one check may still read, and its place once it needs one.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes that may still come.
    left: usize,
    /// Memory that may still be taken without a place.
    light: usize,
    room: Room,
    place: Place,
}

impl Budget {
    pub(crate) fn new(limits: &Limits, room: &Room, place: Place) -> Self {
        Self {
            left: limits.check_bytes,
            light: limits.light_bytes,
            room: room.clone(),
            place,
        }
    }

    /// Accounts for bytes that came. That no place was free until then is our fault and not the server's.
    pub(crate) async fn take(&mut self, data: &[u8], until: Instant) -> Result<(), Reason> {
        self.left = self
            .left
            .checked_sub(data.len())
            .ok_or(Reason::ResponseTooLarge)?;
        self.light = self.light.saturating_sub(weight(data));
        if self.light == 0 && self.place.get().is_none() {
            let place = timeout_at(until, Arc::clone(&self.room.0).acquire_owned()).await;
            let place = place.ok().and_then(Result::ok);
            let _ = self.place.set(place.ok_or(Reason::InternalError)?);
        }
        Ok(())
    }
}

/// About what JSON takes in memory once it is read, from above: each object costs some 640 bytes, each other value 32.
fn weight(json: &[u8]) -> usize {
    json.iter()
        .map(|byte| match byte {
            b'{' => 640,
            b'[' | b',' => 32,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> Limits {
        Limits {
            large_checks: 1,
            light_bytes: 10_000,
            ..Limits::default()
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[tokio::test]
    async fn a_small_answer_needs_no_place() {
        let room = Room::new(&limits());
        let mut budgets: Vec<_> = (0..50)
            .map(|_| Budget::new(&limits(), &room, Place::default()))
            .collect();
        for budget in &mut budgets {
            assert_eq!(budget.take(&[b'x'; 9_999], soon()).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_large_one_waits_until_a_place_is_free() {
        let room = Room::new(&limits());
        let [mut first, mut second] =
            [(); 2].map(|()| Budget::new(&limits(), &room, Place::default()));
        assert_eq!(first.take(&[b'x'; 20_000], soon()).await, Ok(()));
        // Braces weigh what they become.
        assert_eq!(
            second.take(&[b'{'; 20], soon()).await,
            Err(Reason::InternalError)
        );
        drop(first);
        assert_eq!(second.take(b"x", soon()).await, Ok(()));
    }

    #[tokio::test]
    async fn nobody_reads_more_than_a_check_may() {
        let limits = limits();
        let mut budget = Budget::new(&limits, &Room::new(&limits), Place::default());
        let most = vec![b'x'; limits.check_bytes];
        assert_eq!(budget.take(&most, soon()).await, Ok(()));
        assert_eq!(
            budget.take(b"x", soon()).await,
            Err(Reason::ResponseTooLarge)
        );
    }
}
