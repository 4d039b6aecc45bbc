//! How flows begin, what is known of them, and what becomes of the tokens that come of them.

use super::{
    Trouble,
    flow::{Flow, FlowId, LASTS_SECONDS, Stage, Status},
    held::Held,
};
use crate::{
    audit::{Action, Author},
    configuration::Configuration,
    connection::{Connection, ConnectionId, Method},
    credential::Secret,
    error::{Error, Noun, Result},
    ports::Flows,
    registry::{Registry, Wanted},
    signing::Signer,
    tenant::TenantId,
};

/// How often a change is tried again when somebody else changed the connection in between.
const ATTEMPTS: u32 = 3;

/// Where whoever consented comes back to, below the API's own origin.
pub const CALLBACK: &str = "/api/oauth/callback";

/// What the token in the link that is handed out is good for.
pub(super) const START: &str = "oauth start";

/// A flow that has begun.
pub struct Begun {
    pub flow: Flow,
    /// What somebody has to open.
    pub authorize_url: String,
}

#[derive(Clone)]
pub struct Consents<S> {
    pub store: S,
    pub registry: Registry,
}

impl<S: Flows> Consents<S> {
    /// Begins a flow. `origin` is where this API is reached. Nothing is dialled.
    pub async fn begin(
        &self,
        signer: &Signer,
        by: &Author,
        connection: &Connection,
        origin: &str,
    ) -> Result<Begun> {
        demand_oauth(connection)?;
        let now = self.registry.clock.now();
        let flow = Flow {
            tenant: connection.tenant,
            id: FlowId::new(self.registry.ids.random()?),
            connection: connection.id,
            server_url: connection.server_url.clone(),
            trust: connection.details.trust.clone(),
            author: by.clone(),
            stage: Stage::Pending,
            trouble: None,
            redirect_uri: format!("{origin}{CALLBACK}"),
            endpoints: None,
            token_expires_at: None,
            token_scopes: Vec::new(),
            created_at: now,
            until: now.plus_seconds(LASTS_SECONDS),
            revision: 1,
        };
        self.store.insert(&flow, None).await?;
        let token = signer.token(START, flow.tenant, flow.id.uuid());
        Ok(Begun {
            authorize_url: format!("{origin}/api/oauth/flows/{token}/start"),
            flow,
        })
    }

    /// Begins a flow for a connection that had one before: the client that the authorization server knows is used again.
    pub async fn begin_again(
        &self,
        signer: &Signer,
        by: &Author,
        tenant: TenantId,
        id: ConnectionId,
        origin: &str,
    ) -> Result<Begun> {
        let connection = self.registry.visible(tenant, id).await?;
        self.begin(signer, by, &connection, origin).await
    }

    /// A flow of this tenant's.
    pub async fn flow(&self, tenant: TenantId, id: FlowId) -> Result<Flow> {
        let flow = self.store.flow(tenant, id).await?;
        flow.ok_or(Error::NotFound(Noun::Authorization))
    }

    /// A flow that is authorized, and not completed yet.
    pub async fn authorized(&self, tenant: TenantId, id: FlowId) -> Result<Flow> {
        let flow = self.flow(tenant, id).await?;
        match flow.status(self.registry.clock.now()) {
            Status::Authorized => Ok(flow),
            Status::Pending => Err(Error::invalid("id", "is not authorized yet")),
            Status::Expired => Err(Error::Expired(Noun::Authorization)),
            Status::Completed => Err(Error::Conflict("the authorization is completed already")),
            Status::Revoked => Err(Error::Conflict("the authorization was revoked")),
            Status::Failed => Err(Error::NotAuthorized(
                flow.trouble.unwrap_or(Trouble::Refused),
            )),
        }
    }

    pub async fn complete(&self, authorized: &Flow) -> Result<()> {
        let completed = authorized.at_stage(Stage::Completed);
        match self.store.exchange(authorized, &completed, None).await {
            Err(Error::Stale) => Err(Error::Conflict("the authorization is completed already")),
            completed => completed,
        }
    }

    /// Ends a flow. Where the connection's tokens come from it they are forgotten; the client stays, to ask for others.
    ///
    /// It is marked first: then tokens that are put in use at this moment are forgotten by whoever does that. Asked again, it finishes what broke off.
    pub async fn revoke(&self, by: &Author, tenant: TenantId, id: FlowId) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let flow = self.flow(tenant, id).await?;
            if flow.stage != Stage::Revoked {
                let revoked = flow.at_stage(Stage::Revoked);
                match self.store.exchange(&flow, &revoked, None).await {
                    Err(Error::Stale) => continue,
                    marked => marked?,
                }
            }
            return self.forget_tokens(by, &flow).await;
        }
        Err(Error::Busy)
    }

    /// Forgets the tokens that come from a flow, where they are in use.
    pub(super) async fn forget_tokens(&self, by: &Author, flow: &Flow) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let connection = match self
                .registry
                .current(flow.tenant, flow.connection, None)
                .await
            {
                Err(Error::NotFound(_)) => return Ok(()),
                found => found?,
            };
            let (configuration, held) = self.held(&connection).await?;
            if held.config_id != Some(flow.id) {
                return Ok(());
            }
            let configuration = configuration.holding(&held.without_tokens())?;
            match self
                .exchange_credential(by, &connection, configuration)
                .await
            {
                Err(Error::Stale) => {}
                forgotten => return forgotten,
            }
        }
        Err(Error::Busy)
    }

    /// Puts a credential in the place of another one. What is checked is another thing from now on.
    pub(super) async fn exchange_credential(
        &self,
        by: &Author,
        before: &Connection,
        configuration: Configuration,
    ) -> Result<()> {
        let (secret, mut wanted) = (secret_of(&configuration)?, Wanted::like(before));
        wanted.details.shape = Some(configuration.shape());
        let staged = self.registry.stage(before, &secret).await?;
        let credential = self
            .registry
            .staged_credential(&staged, &staged.server_url)?;
        let after = staged.changed_to(&wanted, Some(credential), self.registry.clock.now());
        self.registry
            .adopt(by, Action::Update, &staged, &after)
            .await?;
        Ok(())
    }

    /// What a connection holds.
    pub(super) async fn held(&self, connection: &Connection) -> Result<(Configuration, Held)> {
        let secret = match &connection.credential {
            Some(credential) => {
                self.registry
                    .credentials
                    .read(connection.tenant, connection.id.into(), credential.version)
                    .await?
            }
            None => None,
        };
        let configuration = Configuration::of(&connection.auth, secret.as_ref())?;
        let held = configuration.held()?;
        Ok((configuration, held))
    }
}

/// The secret that a configuration is stored as.
pub(super) fn secret_of(configuration: &Configuration) -> Result<Secret> {
    let (_, secret) = configuration.clone().into_auth(Method::Oauth)?;
    secret.ok_or_else(|| Error::internal("there is nothing to store"))
}

pub(super) fn demand_oauth(connection: &Connection) -> Result<()> {
    if connection.auth.method() == Method::Oauth {
        return Ok(());
    }
    Err(Error::invalid(
        "id",
        "names a client that does not use OAuth",
    ))
}
