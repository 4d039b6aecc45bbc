//! A clock that a test turns. Who sleeps by it does not wait: the clock moves on.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use functions::app::SystemClock;
use shared::{ports::Clock, timestamp::Timestamp};

/// The system's clock, and by how much it was turned.
#[derive(Default)]
pub struct TurnedClock {
    ahead_ms: AtomicI64,
}

impl TurnedClock {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn turn_seconds(&self, seconds: i64) {
        self.ahead_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Turns to a little after the beginning of the next minute, so that a tick that follows claims a new one.
    pub fn turn_to_next_minute(&self) {
        let now = self.now();
        let next = Timestamp::from_minute(now.minute() + 1);
        self.ahead_ms
            .fetch_add(next.millis_since(now) + 10, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.ahead_ms.load(Ordering::SeqCst))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // Whatever else is ready goes first, as it would while real time passes.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        // The moment itself is aimed at, so that two who sleep until it do not turn the clock twice.
        let ahead = moment.millis() - SystemClock.now().millis();
        self.ahead_ms.fetch_max(ahead, Ordering::SeqCst);
    }
}
