//! The time wheel: when a connection is checked follows from its id and its period, so rescheduling writes nothing.
//!
//! A connection with a period of `n` minutes sits in slot `hash(id) mod n` of the wheel with `n` slots, and is due in every
//! minute whose number leaves that remainder. The jitter is built in and survives deployments.

use crate::{connection::ConnectionId, timestamp::Timestamp};

/// Periods are whole minutes from 1 to this many.
pub const LONGEST_PERIOD: u32 = 60;

/// One slot of one wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Minutes of one turn.
    pub period: u32,
    pub index: u32,
}

impl Slot {
    pub fn of(id: ConnectionId, period: u32) -> Self {
        // The low bits of a version 7 uuid are random; the high ones are the clock's and would put an import into one slot.
        let random = id.uuid().as_u128() as u64;
        let index = u32::try_from(random % u64::from(period)).unwrap_or(0);
        Self { period, index }
    }

    /// The slots that are due in this minute: one of each wheel.
    pub fn due_at(minute: i64) -> impl Iterator<Item = Self> {
        (1..=LONGEST_PERIOD).map(move |period| {
            let index = u32::try_from(minute.rem_euclid(i64::from(period))).unwrap_or(0);
            Self { period, index }
        })
    }

    /// The first minute after `after` in which this slot is due.
    pub fn next_due(self, after: Timestamp) -> Timestamp {
        let period = i64::from(self.period);
        let first = after.minute() + 1;
        let wait = (i64::from(self.index) - first).rem_euclid(period);
        Timestamp::from_minute(first + wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        /// Whatever the id, the period and the minute: the slot is due exactly once in each turn, and `next_due` says when.
        #[test]
        fn a_slot_is_due_once_a_turn(random: u128, period in 1..=LONGEST_PERIOD, minute in 0..40_000_000_i64) {
            let slot = Slot::of(ConnectionId::new(Uuid::from_u128(random)), period);
            let due: Vec<i64> = (minute + 1..=minute + i64::from(period)).filter(|at| Slot::due_at(*at).any(|due| due == slot)).collect();
            prop_assert_eq!(&due, &vec![slot.next_due(Timestamp::from_minute(minute)).minute()]);
        }
    }

    #[test]
    fn an_import_of_many_is_spread_over_the_turn() {
        let mut slots = [0_u32; 5];
        for n in 0..1000_u64 {
            let id = uuid::Builder::from_unix_timestamp_millis(
                1_774_440_000_000,
                &n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .to_be_bytes()
                    .repeat(2)[..10]
                    .try_into()
                    .unwrap_or([0; 10]),
            )
            .into_uuid();
            slots[Slot::of(ConnectionId::new(id), 5).index as usize] += 1;
        }
        assert!(
            slots.iter().all(|count| (120..=280).contains(count)),
            "{slots:?}"
        );
    }
}
