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
    verdict::Reason,
};

/// A token is renewed this long before it expires, and the time between two checks earlier, so that it is good from one check to the next.
const AHEAD_SECONDS: i64 = 5 * 60;

/// The token to use.
pub struct Fresh {
    pub secret: Secret,
    /// The connection as it is since the token was renewed.
    pub connection: Option<Connection>,
    /// It should have been renewed, and was not: somebody else is at it, or the authorization server does not answer. So a server that refuses it does not say that
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
        let now = self.registry.clock.now();
        let kept = |secret, is_overdue| Fresh {
            secret,
            connection: None,
            is_overdue,
        };
        if connection.auth.method() != Method::Oauth {
            return Ok(kept(stored, false));
        }
        let ours = |_| Reason::InternalError;
        let configuration = Configuration::of(&connection.auth, Some(&stored)).map_err(ours)?;
        let held = configuration.held().map_err(ours)?;
        if held.refused {
            return Err(Reason::CredentialRejected);
        }
        if held.access_token().is_none() {
            return Err(Reason::CredentialMissing);
        }
        let ahead = AHEAD_SECONDS + i64::from(connection.check_interval.seconds());
        if held
            .expires_at
            .is_none_or(|at| at > now.plus_seconds(ahead))
        {
            return Ok(kept(stored, false));
        }
        // Without a refresh token it is used while it lasts.
        let Some((from, refresh_token)) = held.renewable() else {
            return Ok(kept(stored, false));
        };
        match self
            .renew(connection, configuration, held, &from, &refresh_token)
            .await
        {
            Ok(fresh) => Ok(fresh),
            Err(Failed::ForGood) => Err(Reason::CredentialRejected),
            Err(Failed::ForNow) => Ok(kept(stored, true)),
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
        let claimed = self.registry.claim(connection).await?;
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
        self.registry.write_staged(&claimed, &secret).await?;
        let credential = self
            .registry
            .staged_credential(&claimed, &claimed.server_url)?;
        let after = claimed.with_renewed(credential, configuration.shape());
        let after = self
            .registry
            .put_in_use(&claimed, &after, None, None)
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
