//! OAuth for connections with a single token: who issues it, the flow in which somebody consents to it, and how it stays fresh.
//!
//! [`flow`] is one attempt to get a token, [`held`] what a connection keeps of it, [`authorizations`] leads a flow from its beginning to its
//! end, [`consents`] knows what became of it, and [`renewal`] replaces a token before it expires.

pub mod authorizations;
pub mod consents;
pub mod flow;
pub mod held;
pub mod renewal;

use serde::{Deserialize, Serialize};

use crate::credential::Secret;

/// Why an authorization did not come about, or a token was not renewed. A closed list: what an authorization server says is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Whoever was asked said no.
    Denied,
    /// The authorization server does not accept our client, code or refresh token, and will not by waiting.
    Refused,
    /// It does not answer, or wants to be asked later.
    Unreachable,
    /// One of its addresses is none that we dial, or send anybody to.
    AddressBlocked,
    /// What it says breaks the standards.
    Malformed,
    /// Nothing says where tokens for this server come from.
    NoMetadata,
    /// Somebody answers in the name of another authorization server.
    IssuerMismatch,
    /// It does not know the one kind of PKCE that is safe.
    NoPkce,
    /// It registers no clients, and none was given.
    NoRegistration,
    /// The connection is not any more what the authorization was begun for.
    ConnectionChanged,
}

impl Trouble {
    pub const ALL: [Self; 10] = [
        Self::Denied,
        Self::Refused,
        Self::Unreachable,
        Self::AddressBlocked,
        Self::Malformed,
        Self::NoMetadata,
        Self::IssuerMismatch,
        Self::NoPkce,
        Self::NoRegistration,
        Self::ConnectionChanged,
    ];

    /// The stable word, as it stands in rows and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::AddressBlocked => "address_blocked",
            Self::Malformed => "malformed",
            Self::NoMetadata => "no_metadata",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::NoPkce => "no_pkce",
            Self::NoRegistration => "no_registration",
            Self::ConnectionChanged => "connection_changed",
        }
    }

    /// What happened, as a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Denied => "the authorization was denied",
            Self::Refused => "the authorization server refused the client, the code or the token",
            Self::Unreachable => "the authorization server does not answer; try again later",
            Self::AddressBlocked => {
                "the authorization server has an address that is not on the public Internet"
            }
            Self::Malformed => "the authorization server's answer breaks the OAuth standards",
            Self::NoMetadata => {
                "the MCP server does not say where its tokens come from; give authorize_url and token_url"
            }
            Self::IssuerMismatch => "the authorization server names another issuer than itself",
            Self::NoPkce => "the authorization server does not support PKCE with S256",
            Self::NoRegistration => "the authorization server registers no clients; give client_id",
            Self::ConnectionChanged => "the connection was changed since the authorization began",
        }
    }
}

/// How a client proves to a token endpoint that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// It has no secret.
    None,
    ClientSecretBasic,
    ClientSecretPost,
}

impl ClientAuthentication {
    /// As it stands in metadata and registrations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost]
            .into_iter()
            .find(|known| known.word() == word)
    }

    /// The one to use with a secret or without, where the server takes these. Nothing said means the first with a secret.
    pub fn chosen(has_secret: bool, supported: &[Self]) -> Self {
        match has_secret {
            false => Self::None,
            true if supported.contains(&Self::ClientSecretBasic) => Self::ClientSecretBasic,
            true if supported.contains(&Self::ClientSecretPost) => Self::ClientSecretPost,
            true => Self::ClientSecretBasic,
        }
    }
}

/// Where an authorization server does what, every address judged. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Absent where the endpoints were given by hand, and no metadata was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    pub authorization: String,
    pub token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// What the token is to be good for (RFC 8707).
    pub resource: String,
    /// The scopes that the server says it needs.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How clients may authenticate at the token endpoint; empty where that is not said.
    #[serde(default)]
    pub authentication: Vec<ClientAuthentication>,
    /// Its answers always name it (RFC 9207).
    #[serde(default)]
    pub names_itself: bool,
}

/// A client that an authorization server knows.
#[derive(Clone)]
pub struct OauthClient {
    pub id: String,
    pub secret: Option<Secret>,
    pub authentication: ClientAuthentication,
}

/// Where tokens are fetched, and as whom.
#[derive(Clone)]
pub struct TokenEndpoint {
    pub url: String,
    pub client: OauthClient,
    pub resource: String,
}

/// What an authorization server gave.
#[derive(Clone)]
pub struct Issued {
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    /// Seconds.
    pub expires_in: Option<u32>,
    pub scope: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are API and rows: both forms are one.
    #[test]
    fn every_word_is_its_stored_form() {
        for trouble in Trouble::ALL {
            assert_eq!(serde_json::json!(trouble), trouble.word());
            assert!(!trouble.sentence().is_empty());
        }
        for kind in ["none", "client_secret_basic", "client_secret_post"] {
            let known = ClientAuthentication::of_word(kind);
            assert_eq!(serde_json::json!(known), kind);
        }
        assert_eq!(ClientAuthentication::of_word("private_key_jwt"), None);
    }

    #[test]
    fn a_client_authenticates_as_the_server_wants_it() {
        use ClientAuthentication::{ClientSecretBasic, ClientSecretPost, None};
        for (has_secret, supported, chosen) in [
            (false, &[ClientSecretBasic][..], None),
            (true, &[], ClientSecretBasic),
            (true, &[ClientSecretPost, None], ClientSecretPost),
            (
                true,
                &[ClientSecretPost, ClientSecretBasic],
                ClientSecretBasic,
            ),
        ] {
            assert_eq!(ClientAuthentication::chosen(has_secret, supported), chosen);
        }
    }
}
