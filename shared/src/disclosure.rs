//! Hands the gateway what it serves by: the configuration of a connection, secrets included.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    audit::{Action, Author},
    caller::Caller,
    configuration::Configuration,
    connection::Connection,
    error::{Error, Result},
    ports::{Clock, Credentials, Ids, Trail},
    publication::server_deed,
    server::Server,
};

pub struct Disclosure<S> {
    pub store: S,
    pub credentials: Arc<dyn Credentials>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl<S: Trail> Disclosure<S> {
    /// The configuration of a server's connection, under the gateway's names. Nothing where what is stored was given for another address than the
    /// connection has, or is not there. That it is handed out is in the audit trail before it is.
    pub async fn configuration(
        &self,
        caller: &Caller,
        by: &Author,
        server: &Server,
        connection: &Connection,
    ) -> Result<Option<Value>> {
        if !caller.is_gateway() {
            return Err(Error::NotAllowed(
                "only a system key reads the secrets of an integration",
            ));
        }
        let Some(credential) = &connection.credential else {
            return Ok(Some(Configuration::empty().reveal()));
        };
        if credential.origin != connection.server_url.origin() {
            return Ok(None);
        }
        let secret = self
            .credentials
            .read(connection.tenant, connection.id.into(), credential.version)
            .await?;
        let Some(secret) = secret else {
            return Ok(None);
        };
        let configuration = Configuration::of(&connection.auth, Some(&secret))?;
        let deed = server_deed(by, Action::Reveal, server, vec!["configurations"]);
        let record = deed.record(server.tenant, &*self.ids, self.clock.now())?;
        self.store.append(&record).await?;
        Ok(Some(configuration.reveal()))
    }
}
