//! Leads a flow from its beginning to its end.
//!
//! A flow is begun without asking anybody, so that a server that does not answer cannot keep its connection from being made. The link that is handed out
//! leads to ourselves; whoever opens it lets us find the authorization server, and is sent on to it ([`Authorizations::start`]). From there he comes back
//! with a code ([`Authorizations::finish`]), which becomes the connection's credential.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    Endpoints, Issued, TokenEndpoint, Trouble,
    consents::{Consents, START, demand_oauth, secret_of},
    flow::{Flow, FlowId, Stage, Status},
    held::Held,
};
use crate::{
    audit::Action,
    checkup::admit_request,
    configuration::Configuration,
    connection::Connection,
    error::{Error, Noun, Result, busy_if_stale},
    ports::{AuthorizationServers, Flows, Results},
    signing::Signer,
};

/// What the token in an address, and the secret of a flow, are good for.
const STATE: &str = "oauth state";
const VERIFIER: &str = "oauth verifier";

/// How often tokens are kept again when somebody else is at work on the connection, with a second in between: consent was given, and a code is good once.
const ATTEMPTS: u32 = 10;

/// Asking for consent with a code, as it comes back.
pub type Answer = BTreeMap<String, String>;

#[derive(Clone)]
pub struct Authorizations<S> {
    pub consents: Consents<S>,
    pub servers: Arc<dyn AuthorizationServers>,
    pub signer: Signer,
}

impl<S: Flows + Results> Authorizations<S> {
    /// Finds out where consent is given, registers a client where there is none, and says where to go. Whoever opens the link again starts again.
    pub async fn start(&self, token: &str) -> Result<String> {
        let flow = self.named(START, token).await?;
        self.demand_pending(&flow)?;
        match self.lead_on(&flow).await {
            Err(Error::NotAuthorized(trouble)) if trouble != Trouble::Unreachable => {
                Err(self.fail(&flow, trouble).await)
            }
            led => led,
        }
    }

    async fn lead_on(&self, flow: &Flow) -> Result<String> {
        let connection = self.connection_of(flow).await?;
        // The link needs no key, and whoever has it is not to turn us against a server either.
        let clock = &*self.consents.registry.clock;
        admit_request(&self.consents.store, clock, flow.tenant, connection.id).await?;
        let (configuration, held) = self.consents.held(&connection).await?;
        let endpoints = self
            .servers
            .discover(&connection.server_url, &held.arranged)
            .await
            .map_err(Error::NotAuthorized)?;
        let scopes = asked_scopes(&held, &endpoints);
        if held.is_bound_elsewhere(&endpoints) {
            return Err(Error::NotAuthorized(Trouble::ConnectionChanged));
        }
        let client = match held.client(&endpoints, &flow.redirect_uri) {
            Some(client) => {
                if held.is_to_be_bound() {
                    let held = held.bound_to(&endpoints);
                    self.keep_client(flow, &connection, configuration.holding(&held)?)
                        .await?;
                }
                client
            }
            None => {
                let client = self
                    .servers
                    .register(&endpoints, &flow.redirect_uri, &scopes)
                    .await
                    .map_err(Error::NotAuthorized)?;
                let held = held.with_client(&client, &endpoints, &flow.redirect_uri);
                self.keep_client(flow, &connection, configuration.holding(&held)?)
                    .await?;
                client
            }
        };
        let started = Flow {
            endpoints: Some(endpoints.clone()),
            ..flow.at_stage(Stage::Pending)
        };
        busy_if_stale(self.consents.store.exchange(flow, &started, None).await)?;
        self.authorization_url(flow, &endpoints, &client.id, &scopes)
    }

    fn authorization_url(
        &self,
        flow: &Flow,
        endpoints: &Endpoints,
        client_id: &str,
        scopes: &[String],
    ) -> Result<String> {
        let malformed = |_| Error::NotAuthorized(Trouble::Malformed);
        let mut url = Url::parse(&endpoints.authorization).map_err(malformed)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier(flow).as_bytes()));
        let state = self.signer.token(STATE, flow.tenant, flow.id.uuid());
        // What stands there already under one of our names would make two of it.
        let ours = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", &flow.redirect_uri),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &endpoints.resource),
        ];
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "scope" && ours.iter().all(|(our, _)| our != name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut query = url.query_pairs_mut();
        query.clear().extend_pairs(kept).extend_pairs(ours);
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.join(" "));
        }
        drop(query);
        Ok(url.into())
    }

    /// Takes what the authorization server sent somebody back with. A code is tried once.
    pub async fn finish(&self, answer: &Answer) -> Result<Flow> {
        let state = answer.get("state").map_or("", String::as_str);
        let flow = self.named(STATE, state).await?;
        self.demand_pending(&flow)?;
        let Some(endpoints) = &flow.endpoints else {
            return Err(Error::Conflict("the authorization was not started"));
        };
        let names_itself = match (answer.get("iss"), &endpoints.issuer) {
            (Some(named), Some(issuer)) => named == issuer,
            (Some(_), None) => true,
            (None, _) => !endpoints.names_itself,
        };
        if !names_itself {
            return Err(self.fail(&flow, Trouble::IssuerMismatch).await);
        }
        let Some(code) = answer.get("code").filter(|_| !answer.contains_key("error")) else {
            let trouble = match answer.get("error").map(String::as_str) {
                Some("access_denied") => Trouble::Denied,
                Some("temporarily_unavailable" | "server_error") => Trouble::Unreachable,
                Some(_) => Trouble::Refused,
                None => return Err(Error::invalid("code", "is required")),
            };
            return Err(self.fail(&flow, trouble).await);
        };
        let connection = match self.connection_of(&flow).await {
            Err(Error::NotAuthorized(trouble)) => return Err(self.fail(&flow, trouble).await),
            found => found?,
        };
        let (_, held) = self.consents.held(&connection).await?;
        let Some(client) = held.client(endpoints, &flow.redirect_uri) else {
            return Err(self.fail(&flow, Trouble::ConnectionChanged).await);
        };
        let from = TokenEndpoint {
            url: endpoints.token.clone(),
            client,
            resource: endpoints.resource.clone(),
        };
        // From here on nobody else can use this code here.
        let exchanging = flow.at_stage(Stage::Exchanging);
        match self.consents.store.exchange(&flow, &exchanging, None).await {
            Err(Error::Stale) => return Err(Error::Conflict("the authorization was used before")),
            claimed => claimed?,
        }
        let verifier = self.verifier(&flow);
        let issued = self
            .servers
            .exchange(&from, code, &verifier, &flow.redirect_uri);
        let issued = match issued.await {
            Ok(issued) => issued,
            Err(trouble) => return Err(self.fail(&exchanging, trouble).await),
        };
        self.put_in_use(&exchanging, &from, &issued).await
    }

    /// Makes tokens the connection's credential, and the flow authorized.
    async fn put_in_use(&self, flow: &Flow, from: &TokenEndpoint, issued: &Issued) -> Result<Flow> {
        let held = match self.keep_tokens(flow, from, issued).await {
            Ok(held) => held,
            Err(Error::NotAuthorized(trouble)) => return Err(self.fail(flow, trouble).await),
            Err(error) => {
                self.fail(flow, Trouble::ConnectionChanged).await;
                return Err(error);
            }
        };
        let authorized = Flow {
            token_expires_at: held.expires_at,
            token_scopes: held.scopes(),
            ..flow.at_stage(Stage::Authorized)
        };
        match self.consents.store.exchange(flow, &authorized, None).await {
            Err(Error::Stale) => Err(self.overtaken(flow).await?),
            stored => stored.map(|()| authorized),
        }
    }

    /// What it means that somebody else changed a flow while its tokens were put in use. Whoever ended it wants none of them used.
    async fn overtaken(&self, flow: &Flow) -> Result<Error> {
        let now = self.consents.store.flow(flow.tenant, flow.id).await?;
        if now.is_none_or(|now| now.stage != Stage::Revoked) {
            return Ok(Error::Busy);
        }
        self.consents.forget_tokens(&flow.author, flow).await?;
        Ok(Error::Conflict("the authorization was revoked"))
    }

    async fn keep_tokens(
        &self,
        flow: &Flow,
        from: &TokenEndpoint,
        issued: &Issued,
    ) -> Result<Held> {
        let clock = &self.consents.registry.clock;
        for _ in 0..ATTEMPTS {
            match self.keep_tokens_once(flow, from, issued).await {
                Err(Error::Stale | Error::Busy) => {
                    clock.sleep_until(clock.now().plus_seconds(1)).await;
                }
                kept => return kept,
            }
        }
        Err(Error::Busy)
    }

    async fn keep_tokens_once(
        &self,
        flow: &Flow,
        from: &TokenEndpoint,
        issued: &Issued,
    ) -> Result<Held> {
        let connection = self.connection_of(flow).await?;
        let (configuration, held) = self.consents.held(&connection).await?;
        let now = self.consents.registry.clock.now();
        let held = held.with_tokens(issued, from, flow.id, now);
        self.consents
            .exchange_credential(&flow.author, &connection, configuration.holding(&held)?)
            .await?;
        Ok(held)
    }

    /// Keeps a client that was just registered, or where it is good. That changes nothing of what is sent to the server.
    async fn keep_client(
        &self,
        flow: &Flow,
        before: &Connection,
        configuration: Configuration,
    ) -> Result<()> {
        let secret = secret_of(&configuration)?;
        let kept = async {
            let staged = self.consents.registry.stage(before, &secret).await?;
            let credential = self
                .consents
                .registry
                .staged_credential(&staged, &staged.server_url)?;
            let after = staged.with_renewed(credential, configuration.shape());
            self.consents
                .registry
                .adopt(&flow.author, Action::Update, &staged, &after)
                .await
        };
        busy_if_stale(kept.await.map(drop))
    }

    async fn named(&self, purpose: &str, token: &str) -> Result<Flow> {
        let (tenant, id) = self
            .signer
            .stands_for(purpose, token)
            .ok_or(Error::NotFound(Noun::Authorization))?;
        self.consents.flow(tenant, FlowId::new(id)).await
    }

    fn demand_pending(&self, flow: &Flow) -> Result<()> {
        match flow.status(self.consents.registry.clock.now()) {
            Status::Pending if flow.stage == Stage::Pending => Ok(()),
            Status::Expired => Err(Error::Expired(Noun::Authorization)),
            _ => Err(Error::Conflict("the authorization was used before")),
        }
    }

    /// The connection that a flow is for, if it is still what it was.
    async fn connection_of(&self, flow: &Flow) -> Result<Connection> {
        let changed = Error::NotAuthorized(Trouble::ConnectionChanged);
        match self
            .consents
            .registry
            .current(flow.tenant, flow.connection, None)
            .await
        {
            Err(Error::NotFound(_)) => Err(changed),
            Ok(found) if !flow.is_for(&found) || demand_oauth(&found).is_err() => Err(changed),
            found => found,
        }
    }

    /// Notes that a flow came to nothing; gives the error that says so. When it cannot be noted the flow expires.
    async fn fail(&self, flow: &Flow, trouble: Trouble) -> Error {
        let failed = self
            .consents
            .store
            .exchange(flow, &flow.failed(trouble), None)
            .await;
        match failed {
            Err(Error::Stale) => Error::Conflict("the authorization was used before"),
            _ => Error::NotAuthorized(trouble),
        }
    }

    fn verifier(&self, flow: &Flow) -> zeroize::Zeroizing<String> {
        self.signer.derived(VERIFIER, flow.tenant, flow.id.uuid())
    }
}

/// What was arranged, or what the server says it needs.
fn asked_scopes(held: &Held, endpoints: &Endpoints) -> Vec<String> {
    if held.arranged.scopes.is_empty() {
        endpoints.scopes.clone()
    } else {
        held.arranged.scopes.clone()
    }
}
