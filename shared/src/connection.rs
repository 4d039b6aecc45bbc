//! A connection: a registered upstream with its address, its authentication and its place in the schedule.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use url::{Host, Url};

use crate::{
    credential::{CredentialRef, CredentialVersion},
    gateway::GatewaySettings,
    slug::Slug,
    tenant::{TenantId, WorkspaceId},
    text::{Document, ParseError, Text, uuid_id},
    timestamp::Timestamp,
    tool_rules::ToolRules,
    trust::Trust,
};

/// What a connection's description may have in characters.
pub const MAX_DESCRIPTION: usize = 2000;

uuid_id! {
    /// A connection's id, the same in every vocabulary. Version 7, so that ids sort by creation.
    ConnectionId
}

/// A name of 1 to 255 characters, unique in its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ConnectionName(String);

impl ConnectionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `part` occurs in the name, in any case.
    pub fn contains(&self, part: &str) -> bool {
        self.0.to_lowercase().contains(&part.to_lowercase())
    }
}

impl TryFrom<String> for ConnectionName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.trim().is_empty() {
            return Err(ParseError("must not be empty"));
        }
        if text.trim().len() != text.len() {
            return Err(ParseError("must not begin or end with white space"));
        }
        if text.chars().count() > 255 {
            return Err(ParseError("must be at most 255 characters"));
        }
        // A control character in a name is a mistake or an attack on somebody's terminal.
        if text.chars().any(char::is_control) {
            return Err(ParseError("must not contain control characters"));
        }
        Ok(Self(text))
    }
}

const LOCAL: &str = "local:";

/// The address of an MCP endpoint, in the normal form of the WHATWG URL standard.
///
/// Whether the address may be dialled is the guard's question, at the socket; whether plain http is allowed is the registry's.
///
/// What runs beside a gateway has no address. In its place stands [`Self::local`], which no caller can write and nothing dials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct ServerUrl(Url);

impl ServerUrl {
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// What stands where there is no address.
    pub fn local() -> Result<Self, ParseError> {
        Self::parse(LOCAL)
    }

    /// Whether there is no address.
    pub fn is_local(&self) -> bool {
        self.0.as_str() == LOCAL
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub fn origin(&self) -> Origin {
        Origin(self.0.origin().ascii_serialization())
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        // The standard's parser drops these silently; an address that is not what was typed is worse than an error.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ParseError(
                "must not contain white space or control characters",
            ));
        }
        let url = Url::parse(text).map_err(|_| {
            ParseError("must be an absolute URL such as https://mcp.example.com/mcp")
        })?;
        if url.as_str() == LOCAL {
            return Ok(Self(url));
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(ParseError("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseError(
                "must not contain a user name or password; give the credential by itself",
            ));
        }
        if url.fragment().is_some() {
            return Err(ParseError("must not contain a fragment"));
        }
        match url.host() {
            Some(Host::Domain(name)) if name.len() > 253 => Err(ParseError(
                "must have a host name of at most 253 characters",
            )),
            Some(_) if url.port() == Some(0) => Err(ParseError("must not have port 0")),
            Some(_) => Ok(Self(url)),
            None => Err(ParseError("must have a host name")),
        }
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.len() > 2048 {
            return Err(ParseError("must be at most 2048 characters"));
        }
        let url = Self::parse(&text)?;
        if url.is_local() {
            return Err(ParseError("must begin with https://"));
        }
        Ok(url)
    }
}

impl<'de> Deserialize<'de> for ServerUrl {
    /// Without the limit: a row holds the normal form, and what had to be escaped in it is longer than what was typed.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Scheme, host and port: what a credential is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

/// The name of the header that carries an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(String);

impl HeaderName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text has none but the characters of a header's name (RFC 9110, 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Headers that steer the connection or the protocol. A credential must not be able to.
const RESERVED_HEADERS: [&str; 18] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

impl TryFrom<String> for HeaderName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let name = text.to_ascii_lowercase();
        if name.is_empty() || name.len() > 128 {
            return Err(ParseError("must be 1 to 128 characters"));
        }
        if !is_token(&name) {
            return Err(ParseError("must be a valid HTTP header name"));
        }
        if RESERVED_HEADERS.contains(&name.as_str())
            || name.starts_with("mcp-")
            || name.starts_with("x-forwarded-")
        {
            return Err(ParseError(
                "must not be a header that HTTP or MCP uses itself",
            ));
        }
        Ok(Self(name))
    }
}

/// How a connection authenticates. The credential itself is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Auth {
    None,
    /// `Authorization: Bearer …`
    Bearer,
    /// The credential is the value of a header of the server's choice.
    ApiKey {
        header: HeaderName,
    },
    /// The credential, where there is one, is a [`Configuration`](crate::configuration::Configuration).
    Configured {
        method: Method,
    },
}

/// What a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    None,
    /// Headers that are the same for everybody.
    Headers,
    /// The tenant lets us act for him, with one token for everybody.
    Oauth,
    /// Each user lets the gateway act for him, with tokens of his own.
    OauthAuto,
    /// The gateway fetches tokens with a client's secret.
    OauthClientCredentials,
    /// Each user brings values of his own for some headers.
    PerUserHeaders,
}

impl Method {
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Headers => "headers",
            Self::Oauth => "oauth",
            Self::OauthAuto => "oauth_auto",
            Self::OauthClientCredentials => "oauth_client_credentials",
            Self::PerUserHeaders => "per_user_headers",
        }
    }

    /// The nearest of the four ways that Portkey's clients know, which are those that [`TryFrom`] reads.
    #[must_use]
    pub const fn simplified(self) -> Self {
        match self {
            Self::Oauth => Self::OauthAuto,
            Self::PerUserHeaders => Self::Headers,
            known => known,
        }
    }
}

impl TryFrom<String> for Method {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        [
            Self::None,
            Self::Headers,
            Self::OauthAuto,
            Self::OauthClientCredentials,
        ]
        .into_iter()
        .find(|method| method.word() == text)
        .ok_or(ParseError(
            "must be oauth_auto, oauth_client_credentials, headers or none",
        ))
    }
}

impl Auth {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::ApiKey { .. } => "api_key",
            Self::Configured { method } => method.word(),
        }
    }

    /// The same where only methods are told apart: a bearer token and an API key are headers.
    pub const fn method(&self) -> Method {
        match self {
            Self::None => Method::None,
            Self::Bearer | Self::ApiKey { .. } => Method::Headers,
            Self::Configured { method } => *method,
        }
    }

    /// Whether a credential can go with it.
    pub const fn takes_credential(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether it is nothing without a credential, so that none is registered without.
    pub const fn demands_credential(&self) -> bool {
        matches!(self, Self::Bearer | Self::ApiKey { .. })
    }

    /// Whether a check is pointless without a credential.
    pub const fn needs_credential(&self) -> bool {
        matches!(self.method(), Method::Headers | Method::Oauth)
    }

    /// Whether the server has to ask for more than we have: for what is the users' or the gateway's own affair.
    pub const fn is_completed_elsewhere(&self) -> bool {
        matches!(
            self.method(),
            Method::OauthAuto | Method::OauthClientCredentials | Method::PerUserHeaders
        )
    }

    /// The header that carries an API key.
    pub fn header_name(&self) -> Option<&str> {
        match self {
            Self::ApiKey { header } => Some(header.as_str()),
            Self::None | Self::Bearer | Self::Configured { .. } => None,
        }
    }
}

/// How the gateway reaches the server. Checks speak Streamable HTTP, whatever it says here, and tell what they find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    #[default]
    Http,
    Sse,
    /// A process that the gateway starts beside itself. Never run here.
    Stdio,
    /// A part of the gateway itself.
    Inprocess,
}

impl Transport {
    pub const ALL: [Self; 4] = [Self::Http, Self::Sse, Self::Stdio, Self::Inprocess];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::Stdio => "stdio",
            Self::Inprocess => "inprocess",
        }
    }

    /// Whether there is no address to reach it at.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Stdio | Self::Inprocess)
    }
}

impl TryFrom<String> for Transport {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match text.as_str() {
            "http" => Ok(Self::Http),
            "sse" => Ok(Self::Sse),
            _ => Err(ParseError("must be http or sse")),
        }
    }
}

/// What a connection has besides what is needed to reach it. All of it can be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<MAX_DESCRIPTION>>,
    #[serde(default)]
    pub transport: Transport,
    /// The credential without its values, where it is a configuration that was given as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Document>,
    /// Where the gateway finds further secrets: references, and no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_mappings: Option<Document>,
    /// Absent where nobody made rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolRules>,
    /// Every virtual key may use it of which nothing else is said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_on_all_virtual_keys: bool,
    #[serde(default, skip_serializing_if = "GatewaySettings::is_default")]
    pub gateway: GatewaySettings,
    /// How the server's certificate is judged.
    #[serde(default, skip_serializing_if = "Trust::is_public")]
    pub trust: Trust,
}

/// Seconds between two checks, 60 to 3600. The wheel turns in minutes, so a part of a minute counts as a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct CheckInterval(u32);

impl CheckInterval {
    pub const fn seconds(self) -> u32 {
        self.0
    }

    pub const fn minutes(self) -> u32 {
        self.0.div_ceil(60)
    }
}

impl Default for CheckInterval {
    fn default() -> Self {
        Self(300)
    }
}

impl TryFrom<u32> for CheckInterval {
    type Error = ParseError;

    fn try_from(seconds: u32) -> Result<Self, ParseError> {
        if (60..=3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(ParseError("must be between 60 and 3600"))
        }
    }
}

/// The version of a connection's configuration: what an `ETag` shows and `If-Match` demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u32);

/// Work on the credential that has begun and not ended. Whoever finds it long after can finish it from the row alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    pub work: Work,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// The row is new and its secret may not exist yet. Nobody sees such a connection.
    Provision,
    /// A new value is staged. It counts as soon as the row names its version.
    Replace { version: CredentialVersion },
    /// A token is being renewed. As soon as there is a value of this version it is the good one, and the row is to name it.
    Renew { version: CredentialVersion },
    /// The connection has no credential any more; its secret must go.
    Discard,
    /// The connection must go, secret first. Nobody sees it any more.
    Remove,
}

/// A registered upstream. One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub tenant: TenantId,
    pub id: ConnectionId,
    pub name: ConnectionName,
    /// Another connection holds this name, or did when this one took it. Of connections that share a name at most one holds it.
    #[serde(default)]
    pub shares_name: bool,
    /// Absent on rows from before there were slugs; then the id serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Slug>,
    /// The workspace it belongs to; absent where it belongs to the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// Whether workspaces may use it of which nothing else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_access: Option<bool>,
    /// The user who made it, or the key where no user did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default)]
    pub details: Details,
    pub server_url: ServerUrl,
    pub auth: Auth,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    pub enabled: bool,
    pub check_interval: CheckInterval,
    /// When an edit gave it another place on the wheel. Then, too, it is checked at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: Version,
    /// Counts every write of the row, also those no user sees; guards against two writers.
    pub revision: u64,
    /// Changes whenever what is checked becomes something else (address, authentication, credential, trust), so that the result of
    /// a check that began before can be told from one that began after.
    pub epoch: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
    /// The idempotency record made with this row; it must go when the row is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<String>,
}

impl Connection {
    /// Whether anybody but the sweeper may know of it.
    pub fn is_visible(&self) -> bool {
        !matches!(
            self.unfinished,
            Some(Unfinished {
                work: Work::Provision | Work::Remove,
                ..
            })
        )
    }

    /// What names it in addresses.
    pub fn slug_text(&self) -> String {
        self.slug
            .as_ref()
            .map_or_else(|| self.id.to_string(), |slug| slug.as_str().to_owned())
    }

    /// The period in minutes at which the wheel checks it; nothing when it is not checked.
    pub fn schedule(&self) -> Option<u32> {
        (self.enabled && self.is_visible() && !self.server_url.is_local())
            .then(|| self.check_interval.minutes())
    }

    /// Which of its tools may be called.
    pub fn tool_rules(&self) -> ToolRules {
        self.details.tools.clone().unwrap_or_default()
    }

    /// The same row with unfinished work noted, or without.
    #[must_use]
    pub fn with_work(&self, work: Option<Work>, now: Timestamp) -> Self {
        Self {
            unfinished: work.map(|work| Unfinished { work, since: now }),
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_255_characters() {
        for bad in ["", "  ", " a", "a ", "a\nb", &"x".repeat(256)] {
            assert!(ConnectionName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        for good in ["a", "GitHub (production)", "日本語", &"é".repeat(255)] {
            assert!(
                ConnectionName::try_from(good.to_owned()).is_ok(),
                "{good:?}"
            );
        }
    }

    #[test]
    fn addresses_are_absolute_http_urls_without_secrets_in_them() {
        for bad in [
            "",
            "mcp.example.com",
            "ftp://mcp.example.com",
            "https://",
            "https://user@mcp.example.com",
            "https://user:secret@mcp.example.com",
            "https://mcp.example.com/#x",
            "https://mcp.example.com:0/",
            "https://mcp.example.com/a b",
            "https://mcp.exa\nmple.com/",
            "https://mcp.example.com:99999/",
        ] {
            assert!(ServerUrl::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        let url = ServerUrl::try_from("HTTPS://MCP.Example.com:443/mcp?x=1".to_owned())
            .map(|url| url.to_string());
        assert_eq!(url.as_deref(), Ok("https://mcp.example.com/mcp?x=1"));
    }

    /// It can be read back from a row, and no caller can write it.
    #[test]
    fn what_has_no_address_cannot_be_written_as_one() {
        let local = ServerUrl::local().unwrap();
        assert!(local.is_local() && !local.is_https());
        assert!(ServerUrl::try_from(local.to_string()).is_err());
        let stored = serde_json::json!(local);
        assert_eq!(serde_json::from_value::<ServerUrl>(stored).unwrap(), local);
    }

    /// The normal form may be three times as long as what was typed, and what was accepted must be readable for ever.
    #[test]
    fn every_accepted_address_can_be_read_back() {
        let typed = format!("https://h/{}", "\"".repeat(2038));
        let url = ServerUrl::try_from(typed).unwrap();
        let stored = serde_json::json!(url);
        assert!(stored.as_str().unwrap().len() > 6000);
        assert_eq!(serde_json::from_value::<ServerUrl>(stored).unwrap(), url);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| ServerUrl::try_from(text.to_owned()).map(|url| url.origin());
        assert_eq!(
            origin("https://a.example/x"),
            origin("https://A.example:443/y?z")
        );
        assert_ne!(origin("https://a.example/"), origin("http://a.example/"));
        assert_ne!(
            origin("https://a.example/"),
            origin("https://a.example:8443/")
        );
        assert_ne!(origin("https://a.example/"), origin("https://b.example/"));
    }

    #[test]
    fn a_credential_cannot_steer_the_connection() {
        for bad in [
            "",
            "Host",
            "content-length",
            "Mcp-Method",
            "MCP-Session-Id",
            "x y",
            "x:y",
            "transfer-encoding",
        ] {
            assert!(HeaderName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert_eq!(
            HeaderName::try_from("X-API-Key".to_owned()).map(|name| name.0),
            Ok("x-api-key".to_owned())
        );
    }

    #[test]
    fn part_of_a_minute_counts_as_a_whole_one() {
        assert!(CheckInterval::try_from(59).is_err());
        assert!(CheckInterval::try_from(3601).is_err());
        assert_eq!(
            CheckInterval::try_from(60).map(CheckInterval::minutes),
            Ok(1)
        );
        assert_eq!(
            CheckInterval::try_from(61).map(CheckInterval::minutes),
            Ok(2)
        );
        assert_eq!(
            CheckInterval::try_from(3600).map(CheckInterval::minutes),
            Ok(60)
        );
    }
}
