//! What Portkey calls `configurations`: the headers a connection sends, and the settings its gateway works by.
//!
//! Nearly everything in it can be secret, so the whole of it is one credential; a row keeps its [shape](Configuration::shape) alone, in which
//! every value that is not known to be harmless is masked. The published API and the gateway name the same things differently: both are
//! understood, the API's names are stored, and the gateway is given its own.

mod checks;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    connection::{Auth, Details, HeaderName, Method},
    credential::Secret,
    error::{Error, Problem, Result},
    oauth::held::{self, Held},
    text::Document,
};

/// Stands for a value that is not shown. Sent back, it keeps what is stored.
pub const MASK: &str = "********";

pub const HEADERS: &str = "custom_headers";
const EXTRA_HEADERS: &str = "passthrough_headers";
/// Samples of what each user brings himself. See [`samples`](crate::samples).
pub const USER_HEADERS: &str = "user_headers";
const FORWARDED: &str = "forward_headers";
const OAUTH: &str = "oauth_metadata";
const IDENTITY: &str = "user_identity_forwarding";
/// How a process is started. Its arguments and its environment are where such servers are given their secrets.
pub const STDIO: &str = "stdio_config";
/// What we were given ourselves, when somebody let us act for him. Nobody writes it by hand.
const HELD: &str = "oauth";
const AUTHORIZATION: &str = "authorization";

/// What the published API (first) and the gateway (second) call the same thing. Of a third name, the first stands in Portkey's document.
const SPELLINGS: [(&str, &str); 3] = [
    (HEADERS, "headers"),
    (EXTRA_HEADERS, "passthrough_headers"),
    (EXTRA_HEADERS, "passthrough_header"),
];

/// Members that say nothing secret, with all that is in them.
const HARMLESS: [&str; 2] = [FORWARDED, IDENTITY];

/// Members of the objects that describe authorization which say nothing secret.
const HARMLESS_WITHIN: [(&str, &[&str]); 5] = [
    (STDIO, &["command"]),
    (HELD, &held::HARMLESS),
    (
        OAUTH,
        &[
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
            "revocation_endpoint",
            "code_challenge_methods_supported",
            "scope",
            "grant_types",
            "response_types",
            "token_endpoint_auth_method",
            "client_name",
            "client_uri",
            "logo_uri",
            "tos_uri",
            "policy_uri",
            "software_id",
            "software_version",
            "contacts",
        ],
    ),
    (
        "jwt_validation",
        &[
            "jwksUri",
            "introspectEndpoint",
            "headerKey",
            "algorithms",
            "clockTolerance",
            "cacheMaxAge",
            "maxTokenAge",
            "introspectContentType",
            "introspectCacheMaxAge",
            "requiredClaims",
        ],
    ),
    (
        "external_auth_config",
        &[
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
            "revocation_endpoint",
            "scope",
        ],
    ),
];

/// Members to whose addresses nothing is sent: they are for people to read, or names in the form of an address.
const NOWHERE: [&str; 12] = [
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "scope",
    "scopes",
    "scopes_supported",
    "requiredClaims",
    "audience",
    "client_name",
    "software_id",
    "contacts",
];

/// Deeper than this nothing is read.
const MAX_DEPTH: usize = 16;

/// The settings of a connection, secrets included. It cannot be printed or serialized; [`Self::shape`] can be shown.
#[derive(Clone)]
pub struct Configuration(Map<String, Value>);

impl Configuration {
    pub fn empty() -> Self {
        Self(Map::new())
    }

    /// Reads what a caller gave. Every problem names its place below `field` and quotes no value.
    pub fn parse(given: Map<String, Value>, field: &str) -> Result<Self> {
        let mut problems = Vec::new();
        let mut members = Map::new();
        for (name, value) in given {
            let spelling = SPELLINGS.iter().find(|(_, other)| *other == name);
            let stored = spelling.map_or(name.clone(), |(ours, _)| (*ours).to_owned());
            let place = format!("{field}/{name}");
            checks::check_member(&stored, &value, &place, &mut problems);
            if members.insert(stored, value).is_some() {
                problems.push(Problem::new(place, "is given twice, under two names"));
            }
        }
        if problems.is_empty() {
            Ok(Self(members))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// The configuration that a stored credential amounts to.
    pub fn of(auth: &Auth, secret: Option<&Secret>) -> Result<Self> {
        let Some(secret) = secret else {
            return Ok(Self::empty());
        };
        let header = |name: &str, value: String| {
            Self(Map::from_iter([(
                HEADERS.to_owned(),
                json!({ name: value }),
            )]))
        };
        match auth {
            Auth::None => Ok(Self::empty()),
            Auth::Bearer => Ok(header(
                "Authorization",
                format!("Bearer {}", secret.expose()),
            )),
            Auth::ApiKey { header: name } => Ok(header(name.as_str(), secret.expose().to_owned())),
            Auth::Configured { .. } => match serde_json::from_str(secret.expose()) {
                Ok(Value::Object(members)) => Ok(Self(members)),
                // Not serde's own words, which could quote the value.
                _ => Err(Error::internal("a stored configuration cannot be read")),
            },
        }
    }

    /// This change of `stored`: a member that is absent stays, one that is null goes, one that is given replaces the stored one, and a
    /// [`MASK`] in it keeps the value that stood in its place.
    pub fn over(self, stored: &Self, field: &str) -> Result<Self> {
        let mut problems = Vec::new();
        let mut members = stored.0.clone();
        for (name, mut given) in self.0 {
            let place = format!("{field}/{name}");
            let there = stored.0.get(&name);
            if has_mask(&given)
                && !harmless_within(&name).is_empty()
                && leads_elsewhere(&given, there)
            {
                problems.push(Problem::new(
                    place,
                    "leads to another origin, so what is masked in it must be given again",
                ));
                continue;
            }
            unmask(&mut given, stored.0.get(&name), &place, &mut problems);
            if name == HELD && !given.is_null() && Some(&given) != there {
                problems.push(Problem::new(
                    place,
                    "cannot be written: authorize the connection again",
                ));
                continue;
            }
            if given.is_null() {
                members.remove(&name);
            } else {
                members.insert(name, given);
            }
        }
        if problems.is_empty() {
            Ok(Self(members))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// The same without what authenticates.
    #[must_use]
    pub fn without_headers(mut self) -> Self {
        self.0.remove(HEADERS);
        self.0.remove(HELD);
        self.without_samples()
    }

    /// The same without what users bring.
    #[must_use]
    pub fn without_samples(mut self) -> Self {
        self.0.remove(USER_HEADERS);
        self
    }

    /// The names of the headers that are sent for everybody, from a row.
    pub fn header_names(details: &Details) -> Vec<String> {
        let headers = details
            .shape
            .as_ref()
            .and_then(|shape| shape.0.get(HEADERS));
        let headers = headers.and_then(Value::as_object);
        headers.into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// The same with what one user brings, in place of samples and of what is sent under these names for everybody.
    #[must_use]
    pub fn for_user(mut self, values: &BTreeMap<String, Zeroizing<String>>) -> Self {
        let values = values.iter();
        let brought = values.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        self.0
            .insert(USER_HEADERS.to_owned(), Value::Object(brought.collect()));
        self
    }

    /// Its one text, as it is kept and sent.
    pub fn secret(self) -> Result<Secret> {
        let text = Zeroizing::new(Value::Object(self.0).to_string());
        Secret::document(&text).map_err(|problem| Error::invalid("/configurations", problem))
    }

    /// The same without what is of use to another way of authentication only.
    #[must_use]
    pub fn for_method(mut self, method: Method) -> Self {
        if method != Method::Oauth {
            self.0.remove(HELD);
        }
        if method != Method::PerUserHeaders {
            self.0.remove(USER_HEADERS);
        }
        self
    }

    /// What it holds of OAuth; nothing but defaults where there is nothing.
    pub fn held(&self) -> Result<Held> {
        self.0.get(HELD).map_or(Ok(Held::default()), Held::read)
    }

    /// The same with this in its place.
    pub fn holding(mut self, held: &Held) -> Result<Self> {
        self.0.insert(HELD.to_owned(), held.write()?);
        Ok(self)
    }

    /// Whether this change gives anew all that is `stored`, so that nothing of the old values would be kept.
    pub fn replaces_all_of(&self, stored: &Self) -> bool {
        let given = |name: &String| self.0.get(name).is_some_and(|value| !has_mask(value));
        stored.0.keys().all(given)
    }

    /// What is stored for this way of authentication: a single header becomes a bearer token or an API key, so that every vocabulary can replace it.
    pub fn into_auth(self, method: Method) -> Result<(Auth, Option<Secret>)> {
        let members: Map<_, _> = self
            .0
            .into_iter()
            .filter(|(_, value)| !is_empty(value))
            .collect();
        if members.is_empty() {
            let auth = match method {
                Method::None => Auth::None,
                method => Auth::Configured { method },
            };
            return Ok((auth, None));
        }
        if method == Method::Headers
            && let Some(simple) = single_header(&members)
        {
            return Ok(simple);
        }
        let text = Zeroizing::new(Value::Object(members).to_string());
        let secret = Secret::document(&text)
            .map_err(|problem| Error::invalid("/configurations", problem))?;
        Ok((Auth::Configured { method }, Some(secret)))
    }

    /// All of it as it is stored, whatever the way of authentication.
    pub(crate) fn into_document(self) -> Value {
        Value::Object(self.0)
    }

    /// What may be shown: the same members, with a [`MASK`] for every value that could be secret.
    pub fn shape(&self) -> Document {
        let masked = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), masked_member(name, value)));
        Document(Value::Object(masked.collect()))
    }

    /// The same under the gateway's names, secrets included. For nobody but the gateway, which has no use for samples: each user's calls are made
    /// with what he brings himself.
    pub fn reveal(&self) -> Value {
        // Its token is a header like others; how it is renewed is our own affair.
        let own = self.0.iter();
        let own = own.filter(|(name, _)| *name != USER_HEADERS && *name != HELD);
        let renamed = own.map(|(name, value)| {
            let spelling = SPELLINGS.iter().find(|(ours, _)| ours == name);
            (
                spelling
                    .map_or(name.as_str(), |(_, theirs)| theirs)
                    .to_owned(),
                value.clone(),
            )
        });
        let mut revealed: Map<String, Value> = renamed.collect();
        if let Some(authorization) = self.bearer() {
            let headers = revealed.entry(SPELLINGS[0].1).or_insert_with(|| json!({}));
            headers["Authorization"] = authorization.as_str().into();
        }
        Value::Object(revealed)
    }

    /// The headers that go with every request to the server, by their names in small letters.
    pub fn sent_headers(&self) -> BTreeMap<String, Zeroizing<String>> {
        let mut headers = BTreeMap::new();
        // What stands in several is sent as the last of them says, as the gateway does.
        for member in [HEADERS, EXTRA_HEADERS, USER_HEADERS] {
            for (name, value) in self
                .0
                .get(member)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if let Some(value) = value.as_str() {
                    headers.insert(name.to_ascii_lowercase(), Zeroizing::new(value.to_owned()));
                }
            }
        }
        if let Some(authorization) = self.bearer() {
            headers.insert(AUTHORIZATION.to_owned(), authorization);
        }
        headers
    }

    /// The header that carries our own token.
    fn bearer(&self) -> Option<Zeroizing<String>> {
        let held = self.held().ok()?;
        let token = held.access_token()?;
        Some(Zeroizing::new(format!("Bearer {token}")))
    }

    /// Every text in it that could be secret.
    pub fn secrets(&self) -> Vec<Zeroizing<String>> {
        let mut found = Vec::new();
        for (name, value) in &self.0 {
            if name != HELD {
                collect(name, value, &mut found);
            }
        }
        // Most of what is in it are words and addresses.
        found.extend(self.held().iter().flat_map(Held::secrets));
        found
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(is_empty)
    }
}

/// The shape of a credential that another vocabulary stored.
pub fn shape_of(auth: &Auth) -> Document {
    let header = match auth {
        Auth::None | Auth::Configured { .. } => None,
        Auth::Bearer => Some("Authorization"),
        Auth::ApiKey { header } => Some(header.as_str()),
    };
    Document(header.map_or_else(|| json!({}), |name| json!({ HEADERS: { name: MASK } })))
}

/// The one header that is all there is, as the simpler way of authentication that it is.
fn single_header(members: &Map<String, Value>) -> Option<(Auth, Option<Secret>)> {
    let headers = members.get(HEADERS)?.as_object()?;
    let (Some((name, value)), 1, 1) = (headers.iter().next(), headers.len(), members.len()) else {
        return None;
    };
    let (value, is_authorization) = (value.as_str()?, name.eq_ignore_ascii_case(AUTHORIZATION));
    let (auth, secret) = match value.strip_prefix("Bearer ") {
        Some(token) if is_authorization => (Auth::Bearer, token),
        _ if is_authorization => return None,
        _ => (
            Auth::ApiKey {
                header: HeaderName::try_from(name.clone()).ok()?,
            },
            value,
        ),
    };
    // What does not fit into a single value stays a document.
    Some((auth, Some(Secret::parse(secret.to_owned()).ok()?)))
}

fn masked_member(name: &str, value: &Value) -> Value {
    if HARMLESS.contains(&name) {
        return value.clone();
    }
    match (harmless_within(name), value) {
        (harmless, Value::Object(members)) if !harmless.is_empty() => {
            let masked = members.iter().map(|(inner, value)| {
                let shown = harmless.contains(&inner.as_str()) && !value.is_object();
                (
                    inner.clone(),
                    if shown { value.clone() } else { masked(value) },
                )
            });
            Value::Object(masked.collect())
        }
        _ => masked(value),
    }
}

fn harmless_within(name: &str) -> &'static [&'static str] {
    HARMLESS_WITHIN
        .iter()
        .find(|(member, _)| *member == name)
        .map_or(&[], |(_, names)| names)
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), masked(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        _ => MASK.into(),
    }
}

fn has_mask(value: &Value) -> bool {
    match value {
        Value::String(text) => text == MASK,
        Value::Object(members) => members.values().any(has_mask),
        Value::Array(items) => items.iter().any(has_mask),
        _ => false,
    }
}

/// Whether an address in it is of another origin than the one that stands in its place: then what goes with it would be sent elsewhere.
fn leads_elsewhere(given: &Value, stored: Option<&Value>) -> bool {
    match given {
        Value::String(text) => origin(text).is_some_and(|origin_given| {
            stored.and_then(Value::as_str).and_then(origin) != Some(origin_given)
        }),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let there = stored.and_then(|stored| stored.get(name));
            !NOWHERE.contains(&name.as_str()) && leads_elsewhere(value, there)
        }),
        // Items have no names, so any of those that were there will do.
        Value::Array(items) => {
            let there = stored
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            items.iter().any(|item| {
                leads_elsewhere(item, None)
                    && there.iter().all(|there| leads_elsewhere(item, Some(there)))
            })
        }
        _ => false,
    }
}

fn origin(text: &str) -> Option<url::Origin> {
    let url = url::Url::parse(text).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.origin())
}

/// Puts stored values where a mask was sent back. Header names are one in any case.
fn unmask(given: &mut Value, stored: Option<&Value>, place: &str, problems: &mut Vec<Problem>) {
    match given {
        Value::String(text) if text == MASK => match stored {
            Some(stored) if !stored.is_object() && !stored.is_array() => *given = stored.clone(),
            _ => problems.push(Problem::new(
                place,
                "is masked, and no value is stored for it",
            )),
        },
        Value::Object(members) => {
            let stored = stored.and_then(Value::as_object);
            for (name, value) in members {
                let there = stored.and_then(|stored| {
                    stored.get(name).or_else(|| {
                        let mut others = stored.iter();
                        others
                            .find(|(other, _)| other.eq_ignore_ascii_case(name))
                            .map(|(_, value)| value)
                    })
                });
                unmask(value, there, &format!("{place}/{name}"), problems);
            }
        }
        Value::Array(items) => {
            let stored = stored.and_then(Value::as_array);
            for (index, item) in items.iter_mut().enumerate() {
                let there = stored.and_then(|stored| stored.get(index));
                unmask(item, there, &format!("{place}/{index}"), problems);
            }
        }
        _ => {}
    }
}

fn collect(member: &str, value: &Value, found: &mut Vec<Zeroizing<String>>) {
    if HARMLESS.contains(&member) {
        return;
    }
    match value {
        Value::String(text) if !text.is_empty() => found.push(Zeroizing::new(text.clone())),
        Value::Object(members) => {
            let harmless = harmless_within(member);
            for (name, value) in members {
                if !harmless.contains(&name.as_str()) || value.is_object() {
                    collect("", value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect("", item, found)),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
