//! Keeps tokens fresh: whoever is about to use one that is about to expire has it renewed first.

use std::sync::Arc;

use super::{TokenEndpoint, Trouble, consents::secret_of, held::Held};
use crate::{
    configuration::Configuration,
    connection::{Connection, Method},
    credential::Secret,
    error::{Error, Result},
    ports::AuthorizationServers,
    registry::Registry,
    timestamp::Timestamp,
    verdict::Reason,
};

/// A token is renewed this long before it expires, and the time between two checks earlier, so that it is good from one check to the next.
const AHEAD_SECONDS: i64 = 5 * 60;

/// A token is not renewed again before this has passed, not even one that has expired. Each renewal leaves a version of the secret behind, of which Secrets Manager
/// keeps about a hundred, and drops none within a day: with one more nothing could be written, after the refresh token was spent.
const REST_SECONDS: i64 = 15 * 60;

/// The token to use.
pub struct Fresh {
    pub secret: Secret,
    /// The connection as it is since the token was renewed.
    pub connection: Option<Connection>,
    /// It should have been renewed, and was not: somebody else is at it, it was renewed a moment ago, or the authorization server does not answer. So a server that refuses it does not say that
    /// the consent is over.
    pub is_overdue: bool,
}

#[derive(Clone)]
pub struct Renewal {
    pub registry: Registry,
    pub servers: Arc<dyn AuthorizationServers>,
}

impl Renewal {
    /// `stored` itself where it is still good, or cannot be renewed now; else what it was renewed to. The reason where it is good for nothing any more.
    pub async fn freshen(&self, connection: &Connection, stored: Secret) -> Result<Fresh, Reason> {
        let kept = |secret, connection, is_overdue| Fresh {
            secret,
            connection,
            is_overdue,
        };
        if connection.auth.method() != Method::Oauth {
            return Ok(kept(stored, None, false));
        }
        let ours = |_| Reason::InternalError;
        let (settled, stored) = self.settled(connection, stored).await.map_err(ours)?;
        let row = settled.as_ref().unwrap_or(connection);
        let configuration = Configuration::of(&row.auth, Some(&stored)).map_err(ours)?;
        let held = configuration.held().map_err(ours)?;
        if held.refused {
            return Err(Reason::CredentialRejected);
        }
        if held.access_token().is_none() {
            return Err(Reason::CredentialMissing);
        }
        let now = self.registry.clock.now();
        let written_at = row.credential.as_ref().map_or(now, |it| it.updated_at);
        if !is_wanted(row, &held, written_at, now) {
            return Ok(kept(stored, settled, false));
        }
        // Without a refresh token it is used while it lasts.
        let Some((from, refresh_token)) = held.renewable() else {
            return Ok(kept(stored, settled, false));
        };
        if written_at.plus_seconds(REST_SECONDS) > now {
            return Ok(kept(stored, settled, true));
        }
        match self
            .renew(row, configuration, held, &from, &refresh_token)
            .await
        {
            Ok(fresh) => Ok(fresh),
            Err(Failed::ForGood) => Err(Reason::CredentialRejected),
            Err(Failed::ForNow) => Ok(kept(stored, settled, true)),
        }
    }

    /// The connection and its credential once a renewal that broke off is finished or undone; as it is where somebody is still at work.
    async fn settled(
        &self,
        connection: &Connection,
        stored: Secret,
    ) -> Result<(Option<Connection>, Secret)> {
        if connection.unfinished.is_none() {
            return Ok((None, stored));
        }
        let (tenant, id) = (connection.tenant, connection.id);
        let settled = self.registry.current(tenant, id, None).await;
        match settled.ok().filter(|row| row.epoch == connection.epoch) {
            Some(row) if row.credential == connection.credential => Ok((Some(row), stored)),
            Some(row) => {
                let secret = self.registry.stored(&row).await?;
                let secret = secret.ok_or_else(|| Error::internal("a credential is gone"))?;
                Ok((Some(row), secret))
            }
            None => Ok((None, stored)),
        }
    }

    async fn renew(
        &self,
        connection: &Connection,
        configuration: Configuration,
        held: Held,
        from: &TokenEndpoint,
        refresh_token: &Secret,
    ) -> Result<Fresh, Failed> {
        // Somebody else is at it.
        if connection.unfinished.is_some() {
            return Err(Failed::ForNow);
        }
        // Claimed first: many authorization servers take a refresh token that is used twice for a stolen one.
        let claimed = self.registry.claim_renewal(connection).await?;
        let held = match self.servers.refresh(from, refresh_token).await {
            Ok(issued) => held.renewed(&issued, self.registry.clock.now()),
            Err(Trouble::Refused) => held.refused(),
            Err(_) => {
                self.registry
                    .settle_afresh(connection.tenant, connection.id)
                    .await;
                return Err(Failed::ForNow);
            }
        };
        let configuration = configuration.holding(&held)?;
        let secret = secret_of(&configuration)?;
        let after = self
            .registry
            .put_renewed(&claimed, &secret, &configuration.shape())
            .await?;
        if held.refused {
            return Err(Failed::ForGood);
        }
        Ok(Fresh {
            secret,
            connection: Some(after),
            is_overdue: false,
        })
    }
}

/// Whether a token is so near its end that it is to be renewed. Of a short life half is used at least.
fn is_wanted(row: &Connection, held: &Held, written_at: Timestamp, now: Timestamp) -> bool {
    let Some(expires_at) = held.expires_at else {
        return false;
    };
    let life = expires_at.millis_since(held.issued_at.unwrap_or(written_at)) / 1000;
    let ahead = AHEAD_SECONDS + i64::from(row.check_interval.seconds());
    expires_at <= now.plus_seconds(ahead.min(life.max(0) / 2))
}

/// Why a token was not renewed.
enum Failed {
    ForGood,
    ForNow,
}

impl From<Error> for Failed {
    /// What goes wrong with us says nothing about the token.
    fn from(_: Error) -> Self {
        Self::ForNow
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);

    fn row(check_interval: u32) -> Connection {
        serde_json::from_value(json!({
            "tenant": uuid::Uuid::nil(), "id": uuid::Uuid::nil(), "name": "n", "serverUrl": "https://mcp.example.com/mcp", "auth": { "type": "none" },
            "enabled": true, "checkInterval": check_interval, "createdAt": "2026-03-25T12:00:00.000Z", "updatedAt": "2026-03-25T12:00:00.000Z", "version": 1,
            "revision": 1, "epoch": 0,
        }))
        .unwrap()
    }

    /// Seconds after it was issued that a token of this life is first renewed.
    fn wanted_after(life: i64, check_interval: u32, knows_its_begin: bool) -> i64 {
        let mut held = Held::default();
        held.expires_at = Some(NOW.plus_seconds(life));
        held.issued_at = knows_its_begin.then_some(NOW);
        let row = row(check_interval);
        let wanted = |after: &i64| is_wanted(&row, &held, NOW, NOW.plus_seconds(*after));
        (0..).find(wanted).unwrap()
    }

    #[test]
    fn a_token_is_renewed_ahead_of_its_end_and_not_in_its_first_half() {
        for knows in [true, false] {
            assert_eq!(wanted_after(3600, 300, knows), 3000);
            assert_eq!(wanted_after(3600, 3600, knows), 1800);
            assert_eq!(wanted_after(300, 300, knows), 150);
            assert_eq!(wanted_after(0, 300, knows), 0);
        }
        assert!(!is_wanted(&row(300), &Held::default(), NOW, NOW));
    }
}
