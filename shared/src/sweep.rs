//! Repairs what a crash left between table and secret store. Finds its work in the table, never by listing secrets.

use crate::{
    connection::{Connection, Unfinished},
    error::{Error, Result},
    ports::Unsettled,
    registry::Registry,
    tenant::TenantId,
    timestamp::Timestamp,
    tokens::{TokenStore, Tokens},
    user_connection::UserConnection,
};

/// Work younger than this may still be somebody's; it is far longer than any request lives.
const GRACE_SECONDS: i64 = 5 * 60;
/// Rows looked at in one sweep. Rows that cannot be repaired are the oldest, so there must be room for others behind them.
const BATCH: usize = 1000;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub repaired: u32,
    /// Rows that could not be repaired this time, and will be tried again.
    pub failed: u32,
    /// How long ago the oldest unfinished work began, in seconds.
    pub oldest_seconds: i64,
}

pub struct Sweeper<S> {
    pub registry: Registry,
    pub tokens: Tokens<S>,
}

impl<S: TokenStore> Sweeper<S> {
    /// Begins no repair after `until`; what is left is there for the next sweep.
    pub async fn sweep(&self, until: Timestamp) -> Result<Swept> {
        let now = self.registry.clock.now();
        let cutoff = now.plus_seconds(-GRACE_SECONDS);
        let mut swept = Swept::default();
        for (tenant, what) in self.registry.store.unfinished(cutoff, BATCH).await? {
            // The index lags behind; the row knows.
            let Some(row) = self.row(tenant, what).await? else {
                continue;
            };
            let Some(since) = row.since().filter(|since| *since <= cutoff) else {
                continue;
            };
            if row.unfinished().is_some() {
                let age = now.millis_since(since) / 1000;
                swept.oldest_seconds = swept.oldest_seconds.max(age);
            }
            if self.registry.clock.now() >= until {
                break;
            }
            match self.settle(&row).await {
                // Stale: its owner or another sweep finished it just now.
                Ok(()) | Err(Error::Stale) => swept.repaired += 1,
                Err(_) => swept.failed += 1,
            }
        }
        Ok(swept)
    }

    async fn row(&self, tenant: TenantId, what: Unsettled) -> Result<Option<Row>> {
        match what {
            Unsettled::Connection(id) => {
                let row = self.registry.store.row(tenant, id).await?;
                Ok(row.map(|row| Row::Connection(Box::new(row))))
            }
            Unsettled::UserConnection(server, user) => {
                let row = self
                    .tokens
                    .store
                    .user_connection(tenant, server, user)
                    .await?;
                Ok(row.map(|row| Row::UserConnection(Box::new(row))))
            }
        }
    }

    async fn settle(&self, row: &Row) -> Result<()> {
        match row {
            Row::Connection(row) => self.registry.settle(row).await,
            Row::UserConnection(row) => self.tokens.settle(row).await,
        }
    }
}

/// A row that holds a secret.
enum Row {
    Connection(Box<Connection>),
    UserConnection(Box<UserConnection>),
}

impl Row {
    /// Since when there is something to be done about it.
    fn since(&self) -> Option<Timestamp> {
        let lapsed = match self {
            Self::Connection(_) => None,
            Self::UserConnection(row) => row.lapses_at(),
        };
        self.unfinished().map(|work| work.since).or(lapsed)
    }

    fn unfinished(&self) -> Option<&Unfinished> {
        match self {
            Self::Connection(row) => row.unfinished.as_ref(),
            Self::UserConnection(row) => row.unfinished.as_ref(),
        }
    }
}
