//! What a connection holds for OAuth, as a member of its credential: what was arranged by hand, the client that was registered for it, and
//! its tokens. It cannot be printed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{ClientAuthentication, Endpoints, Issued, OauthClient, TokenEndpoint, flow::FlowId};
use crate::{
    connection::ServerUrl,
    credential::Secret,
    error::{Error, Result},
    timestamp::Timestamp,
};

/// What an administrator knows of the authorization server. All of it can be found out, but for the client of a server that registers none.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Arranged {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<ServerUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<ServerUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_url: Option<ServerUrl>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// A client that we registered (RFC 7591). It is good at one authorization server, for one place to come back to.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Registered {
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    authentication: ClientAuthentication,
    authorization_endpoint: String,
    token_endpoint: String,
    redirect_uri: String,
}

/// The authorization server that a client which was arranged is good at.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Bound {
    authorization_endpoint: String,
    token_endpoint: String,
}

impl Bound {
    fn to(endpoints: &Endpoints) -> Self {
        Self {
            authorization_endpoint: endpoints.authorization.clone(),
            token_endpoint: endpoints.token.clone(),
        }
    }
}

/// Tokens, and how they are renewed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Tokens {
    access_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    token_endpoint: String,
    resource: String,
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    authentication: ClientAuthentication,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Held {
    #[serde(flatten)]
    pub arranged: Arranged,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered: Option<Registered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bound: Option<Bound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    /// The flow that the tokens come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_id: Option<FlowId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The authorization server does not renew the tokens any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// What may be shown of it.
pub(crate) const HARMLESS: [&str; 10] = [
    "authorize_url",
    "token_url",
    "registration_url",
    "scopes",
    "resource",
    "config_id",
    "issued_at",
    "expires_at",
    "scope",
    "refused",
];

impl Held {
    pub fn arranged(arranged: Arranged) -> Self {
        Self {
            arranged,
            ..Self::default()
        }
    }

    pub(crate) fn read(value: &Value) -> Result<Self> {
        // Not serde's own words, which could quote the value.
        Self::deserialize(value).map_err(|_| Error::internal("a stored grant cannot be read"))
    }

    pub(crate) fn write(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|_| Error::internal("a grant cannot be written"))
    }

    /// The client to use at these endpoints, to come back to `redirect_uri`; none where one has to be registered first.
    pub fn client(&self, endpoints: &Endpoints, redirect_uri: &str) -> Option<OauthClient> {
        if let Some(id) = &self.arranged.client_id {
            if self.is_bound_elsewhere(endpoints) {
                return None;
            }
            let secret = self.arranged.client_secret.as_deref().map(secret);
            return Some(OauthClient {
                id: id.clone(),
                authentication: ClientAuthentication::chosen(
                    secret.is_some(),
                    &endpoints.authentication,
                ),
                secret,
            });
        }
        // A secret of one authorization server is none of another's business.
        let registered = self.registered.as_ref().filter(|registered| {
            registered.authorization_endpoint == endpoints.authorization
                && registered.token_endpoint == endpoints.token
                && registered.redirect_uri == redirect_uri
        })?;
        Some(OauthClient {
            id: registered.client_id.clone(),
            secret: registered.client_secret.as_deref().map(secret),
            authentication: registered.authentication,
        })
    }

    /// Whether the client that was arranged is another authorization server's: what is found out can change, and its secret goes to the first alone.
    pub fn is_bound_elsewhere(&self, endpoints: &Endpoints) -> bool {
        let bound = self.bound.as_ref();
        bound.is_some_and(|bound| *bound != Bound::to(endpoints))
    }

    /// Whether a client was arranged, and not where it is good.
    pub const fn is_to_be_bound(&self) -> bool {
        let Arranged {
            client_id,
            authorize_url,
            token_url,
            ..
        } = &self.arranged;
        let is_named = authorize_url.is_some() && token_url.is_some();
        client_id.is_some() && !is_named && self.bound.is_none()
    }

    /// The same, bound to the authorization server that was found.
    #[must_use]
    pub fn bound_to(mut self, endpoints: &Endpoints) -> Self {
        self.bound = Some(Bound::to(endpoints));
        self
    }

    /// Whether there is a client already, so that consent can be asked for again.
    pub const fn has_client(&self) -> bool {
        self.arranged.client_id.is_some() || self.registered.is_some()
    }

    #[must_use]
    pub fn with_client(
        mut self,
        client: &OauthClient,
        endpoints: &Endpoints,
        redirect_uri: &str,
    ) -> Self {
        self.registered = Some(Registered {
            client_id: client.id.clone(),
            client_secret: exposed(client.secret.as_ref()),
            authentication: client.authentication,
            authorization_endpoint: endpoints.authorization.clone(),
            token_endpoint: endpoints.token.clone(),
            redirect_uri: redirect_uri.to_owned(),
        });
        self
    }

    /// The same with tokens just issued, from the flow `config_id`.
    #[must_use]
    pub fn with_tokens(
        self,
        issued: &Issued,
        from: &TokenEndpoint,
        config_id: FlowId,
        now: Timestamp,
    ) -> Self {
        Self {
            tokens: Some(Tokens {
                access_token: issued.access_token.expose().to_owned(),
                refresh_token: exposed(issued.refresh_token.as_ref()),
                token_endpoint: from.url.clone(),
                resource: from.resource.clone(),
                client_id: from.client.id.clone(),
                client_secret: exposed(from.client.secret.as_ref()),
                authentication: from.client.authentication,
            }),
            config_id: Some(config_id),
            issued_at: Some(now),
            expires_at: expiry(issued, now),
            scope: issued.scope.clone(),
            refused: false,
            ..self
        }
    }

    /// The same with tokens renewed. Who gives no new refresh token means the old one to stay.
    #[must_use]
    pub fn renewed(mut self, issued: &Issued, now: Timestamp) -> Self {
        if let Some(tokens) = &mut self.tokens {
            issued
                .access_token
                .expose()
                .clone_into(&mut tokens.access_token);
            if let Some(refresh_token) = &issued.refresh_token {
                tokens.refresh_token = Some(refresh_token.expose().to_owned());
            }
        }
        self.issued_at = Some(now);
        self.expires_at = expiry(issued, now);
        if issued.scope.is_some() {
            self.scope.clone_from(&issued.scope);
        }
        self
    }

    /// The same after the authorization server has refused for good. The client stays, to ask for consent again.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        if let Some(tokens) = &mut self.tokens {
            tokens.refresh_token = None;
        }
        self
    }

    #[must_use]
    pub fn without_tokens(self) -> Self {
        Self {
            tokens: None,
            config_id: None,
            issued_at: None,
            expires_at: None,
            scope: None,
            refused: false,
            ..self
        }
    }

    /// What is sent to the server.
    pub fn access_token(&self) -> Option<&str> {
        self.tokens
            .as_ref()
            .map(|tokens| tokens.access_token.as_str())
    }

    /// Where and with what the token is renewed; nothing where it cannot be.
    pub fn renewable(&self) -> Option<(TokenEndpoint, Secret)> {
        let tokens = self.tokens.as_ref()?;
        let refresh_token = tokens.refresh_token.as_deref().map(secret)?;
        let client = OauthClient {
            id: tokens.client_id.clone(),
            secret: tokens.client_secret.as_deref().map(secret),
            authentication: tokens.authentication,
        };
        let from = TokenEndpoint {
            url: tokens.token_endpoint.clone(),
            client,
            resource: tokens.resource.clone(),
        };
        Some((from, refresh_token))
    }

    pub fn scopes(&self) -> Vec<String> {
        let scope = self.scope.as_deref().unwrap_or_default();
        scope.split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// Every value in it that is secret.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let registered = self.registered.as_ref();
        let tokens = self.tokens.as_ref();
        let all = [
            self.arranged.client_secret.as_ref(),
            registered.and_then(|registered| registered.client_secret.as_ref()),
            tokens.map(|tokens| &tokens.access_token),
            tokens.and_then(|tokens| tokens.refresh_token.as_ref()),
            tokens.and_then(|tokens| tokens.client_secret.as_ref()),
        ];
        all.into_iter()
            .flatten()
            .map(|text| Zeroizing::new(text.clone()))
            .collect()
    }
}

fn secret(text: &str) -> Secret {
    Secret::stored(text.to_owned())
}

fn exposed(secret: Option<&Secret>) -> Option<String> {
    secret.map(|secret| secret.expose().to_owned())
}

fn expiry(issued: &Issued, now: Timestamp) -> Option<Timestamp> {
    issued
        .expires_in
        .map(|seconds| now.plus_seconds(seconds.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);

    fn endpoints(host: &str) -> Endpoints {
        Endpoints {
            issuer: Some(format!("https://{host}")),
            authorization: format!("https://{host}/authorize"),
            token: format!("https://{host}/token"),
            registration: None,
            resource: "https://mcp.example.com/mcp".to_owned(),
            scopes: Vec::new(),
            authentication: vec![ClientAuthentication::ClientSecretPost],
            names_itself: false,
        }
    }

    fn client(id: &str) -> OauthClient {
        OauthClient {
            id: id.to_owned(),
            secret: Some(secret("client-secret")),
            authentication: ClientAuthentication::ClientSecretBasic,
        }
    }

    fn issued(access: &str, refresh: Option<&str>) -> Issued {
        Issued {
            access_token: secret(access),
            refresh_token: refresh.map(secret),
            expires_in: Some(3600),
            scope: Some("a b".to_owned()),
        }
    }

    fn authorized() -> Held {
        let at = endpoints("as.example.com");
        let from = TokenEndpoint {
            url: at.token.clone(),
            client: client("c1"),
            resource: at.resource.clone(),
        };
        let id = FlowId::new(uuid::Uuid::from_u128(7));
        Held::default()
            .with_client(&client("c1"), &at, "https://us/callback")
            .with_tokens(&issued("access-1", Some("refresh-1")), &from, id, NOW)
    }

    #[test]
    fn a_registered_client_is_good_where_it_was_registered() {
        let held = authorized();
        let at = |host, redirect| {
            held.client(&endpoints(host), redirect)
                .map(|found| found.id)
        };
        assert_eq!(
            at("as.example.com", "https://us/callback").as_deref(),
            Some("c1")
        );
        assert_eq!(at("evil.example.com", "https://us/callback"), None);
        assert_eq!(at("as.example.com", "https://elsewhere/callback"), None);
        let arranged = Held::arranged(Arranged {
            client_id: Some("mine".to_owned()),
            client_secret: Some("s".to_owned()),
            ..Arranged::default()
        });
        assert!(arranged.is_to_be_bound());
        let found = arranged.client(&endpoints("as.example.com"), "x").unwrap();
        assert_eq!(found.id, "mine");
        assert_eq!(found.authentication, ClientAuthentication::ClientSecretPost);
        let bound = arranged.bound_to(&endpoints("as.example.com"));
        let bound = Held::read(&bound.write().unwrap()).unwrap();
        assert!(
            !bound.is_to_be_bound() && bound.client(&endpoints("as.example.com"), "x").is_some()
        );
        assert!(bound.client(&endpoints("evil.example.com"), "x").is_none());
    }

    #[test]
    fn it_is_stored_and_read_back_whole() {
        let held = authorized();
        assert!(Held::read(&held.write().unwrap()).unwrap() == held);
        assert_eq!(held.expires_at, Some(NOW.plus_seconds(3600)));
        assert_eq!(held.scopes(), ["a", "b"]);
        let secrets: Vec<_> = held.secrets().iter().map(|s| s.to_string()).collect();
        assert_eq!(
            secrets,
            ["client-secret", "access-1", "refresh-1", "client-secret"]
        );
    }

    #[test]
    fn a_renewed_token_keeps_the_refresh_token_that_was_not_replaced() {
        let once = authorized().renewed(&issued("access-2", None), NOW.plus_seconds(10));
        assert_eq!(once.access_token(), Some("access-2"));
        assert_eq!(once.renewable().unwrap().1.expose(), "refresh-1");
        assert_eq!(once.expires_at, Some(NOW.plus_seconds(3610)));
        let twice = once.renewed(&issued("access-3", Some("refresh-2")), NOW);
        assert_eq!(twice.renewable().unwrap().1.expose(), "refresh-2");
        let dead = twice.refused();
        assert!(dead.refused && dead.renewable().is_none() && dead.has_client());
        let gone = dead.without_tokens();
        assert!(gone.access_token().is_none() && gone.has_client() && !gone.refused);
    }
}
