//! What Portkey calls `configurations`: the headers a connection sends, and the settings its gateway works by.
//!
//! Nearly everything in it can be secret, so the whole of it is one credential; a row keeps its [shape](Configuration::shape) alone, in which
//! every value that is not known to be harmless is masked. The published API and the gateway name the same things differently: both are
//! understood, the API's names are stored, and the gateway is given its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    connection::{Auth, HeaderName, Method},
    credential::Secret,
    error::{Error, Problem, Result},
    text::Document,
};

/// Stands for a value that is not shown. Sent back, it keeps what is stored.
pub const MASK: &str = "********";

const HEADERS: &str = "custom_headers";
const EXTRA_HEADERS: &str = "passthrough_headers";
const FORWARDED: &str = "forward_headers";
const OAUTH: &str = "oauth_metadata";
const IDENTITY: &str = "user_identity_forwarding";
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
const HARMLESS_WITHIN: [(&str, &[&str]); 3] = [
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

/// Headers that a configuration may set, though we have values of our own for them, or none.
const USUAL_HEADERS: [&str; 2] = ["cookie", "user-agent"];

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
            check_member(&stored, &value, &place, &mut problems);
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
        self
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

    /// What may be shown: the same members, with a [`MASK`] for every value that could be secret.
    pub fn shape(&self) -> Document {
        let masked = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), masked_member(name, value)));
        Document(Value::Object(masked.collect()))
    }

    /// The same under the gateway's names, secrets included. For nobody but the gateway.
    pub fn reveal(&self) -> Value {
        let renamed = self.0.iter().map(|(name, value)| {
            let spelling = SPELLINGS.iter().find(|(ours, _)| ours == name);
            (
                spelling
                    .map_or(name.as_str(), |(_, theirs)| theirs)
                    .to_owned(),
                value.clone(),
            )
        });
        Value::Object(renamed.collect())
    }

    /// The headers that go with every request to the server, by their names in small letters.
    pub fn sent_headers(&self) -> BTreeMap<String, Zeroizing<String>> {
        let mut headers = BTreeMap::new();
        // What stands in both is sent as the second says, as the gateway does.
        for member in [HEADERS, EXTRA_HEADERS] {
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
        headers
    }

    /// Every text in it that could be secret.
    pub fn secrets(&self) -> Vec<Zeroizing<String>> {
        let mut found = Vec::new();
        for (name, value) in &self.0 {
            collect(name, value, &mut found);
        }
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

fn check_member(name: &str, value: &Value, place: &str, problems: &mut Vec<Problem>) {
    if depth(value) > MAX_DEPTH {
        problems.push(Problem::new(place, "is nested too deeply"));
        return;
    }
    match name {
        HEADERS | EXTRA_HEADERS => match value {
            Value::Null => {}
            Value::Object(headers) => {
                let mut seen = Vec::new();
                for (header, value) in headers {
                    let place = format!("{place}/{header}");
                    check_header(header, value, &place, name == EXTRA_HEADERS, problems);
                    let folded = header.to_ascii_lowercase();
                    if seen.contains(&folded) {
                        problems.push(Problem::new(place, "is given twice"));
                    }
                    seen.push(folded);
                }
            }
            _ => problems.push(Problem::new(
                place,
                "must be an object of header names and values",
            )),
        },
        // Names alone: a value here would be shown to everybody, and sent to nobody.
        FORWARDED if !names_headers(value) => problems.push(Problem::new(
            place,
            "must be a list of header names, or an object of mode and headers",
        )),
        IDENTITY if !value.is_null() && !is_plain(value) => problems.push(Problem::new(
            place,
            "must be an object of texts, numbers and lists of texts",
        )),
        // The gateway would ignore the inner one without a word.
        OAUTH if value.get(OAUTH).is_some() => problems.push(Problem::new(
            format!("{place}/{OAUTH}"),
            "must not be nested: give its members one level higher",
        )),
        _ => {}
    }
}

/// A list of header names, each perhaps with the one that it is renamed to; alone, or with a mode.
fn names_headers(value: &Value) -> bool {
    let is_name = |value: &Value| value.as_str().is_some_and(is_header_name);
    let is_item = |item: &Value| match item {
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| ["from", "to"].contains(&name.as_str()) && is_name(value)),
        item => is_name(item),
    };
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| items.iter().all(is_item))
    };
    match value {
        Value::Null => true,
        Value::Object(members) => members.iter().all(|(name, value)| match name.as_str() {
            "mode" => matches!(value.as_str(), Some("allowlist" | "all-except")),
            "headers" => is_list(value),
            _ => false,
        }),
        value => is_list(value),
    }
}

fn is_header_name(text: &str) -> bool {
    http_token(text) && text.len() <= 128
}

fn http_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// An object with nothing in it that is deeper than a list of texts.
fn is_plain(value: &Value) -> bool {
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    value.as_object().is_some_and(|members| {
        members.values().all(|value| {
            is_scalar(value)
                || value
                    .as_array()
                    .is_some_and(|items| items.iter().all(is_scalar))
        })
    })
}

fn check_header(
    name: &str,
    value: &Value,
    place: &str,
    is_extra: bool,
    problems: &mut Vec<Problem>,
) {
    let is_usual = USUAL_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    if let Err(problem) = HeaderName::try_from(name.to_owned())
        && !is_usual
    {
        problems.push(Problem::new(place, problem.0));
    }
    match value {
        // Portkey's document describes such a header where it gives an example. What is no text is kept and not sent.
        value if is_extra && !value.is_string() => {}
        Value::String(text) if text.is_empty() => {
            problems.push(Problem::new(place, "must not be empty"))
        }
        // A line break would begin a header of its own.
        Value::String(text)
            if !text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic()) =>
        {
            problems.push(Problem::new(place, "must be visible ASCII"));
        }
        Value::String(text) if text.trim() != text => {
            problems.push(Problem::new(place, "must not begin or end with a space"));
        }
        Value::String(_) => {}
        _ => problems.push(Problem::new(place, "must be a string")),
    }
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(value: Value) -> Result<Configuration> {
        match value {
            Value::Object(members) => Configuration::parse(members, "/configurations"),
            _ => panic!("an object"),
        }
    }

    fn configuration(value: Value) -> Configuration {
        parse(value).unwrap()
    }

    fn problems(outcome: Result<Configuration>) -> Vec<String> {
        match outcome.err() {
            Some(Error::Invalid(problems)) => problems
                .iter()
                .map(|problem| format!("{} {}", problem.field, problem.problem))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// A configuration with a secret in every kind of place.
    fn full() -> Value {
        json!({
            "custom_headers": { "Authorization": "Basic s3cret-1", "X-Key": "s3cret-2" },
            "passthrough_headers": { "x-static": "s3cret-3" },
            "forward_headers": ["x-user-id"],
            "user_identity_forwarding": { "method": "bearer", "include_claims": ["sub"] },
            "oauth_metadata": { "issuer": "https://id.example", "client_id": "s3cret-4", "client_secret": "s3cret-5", "authorization_params": { "p": "s3cret-6" } },
            "jwt_validation": { "jwksUri": "https://id.example/jwks", "introspectClientSecret": "s3cret-7" },
            "token": "s3cret-8",
            "deep": [{ "x": ["s3cret-9", 4711, true, null] }],
        })
    }

    /// A mask stands for a value that was given for one place, and does not follow the object to another.
    #[test]
    fn masked_values_stay_with_the_origin_they_were_given_for() {
        let stored = configuration(json!({
            "oauth_metadata": {
                "token_endpoint": "https://id.example/token", "client_secret": "s3cret",
                "redirect_uris": ["https://gateway.example/back"], "logo_uri": "https://id.example/logo",
            },
            "jwt_validation": { "jwksUri": "https://id.example/jwks", "introspectClientSecret": "s3cret" },
        }));
        let masked = |url: &str| json!({ "token_endpoint": url, "client_secret": MASK });
        for (given, is_kept) in [
            (
                json!({ "oauth_metadata": masked("https://id.example/token") }),
                true,
            ),
            (
                json!({ "oauth_metadata": masked("https://id.example/other?x=1") }),
                true,
            ),
            (
                json!({ "oauth_metadata": masked("https://evil.example/token") }),
                false,
            ),
            (
                json!({ "oauth_metadata": masked("http://id.example/token") }),
                false,
            ),
            (
                json!({ "oauth_metadata": masked("https://id.example:8443/token") }),
                false,
            ),
            (json!({ "oauth_metadata": { "client_secret": MASK } }), true),
            // An address that was not there before.
            (
                json!({ "oauth_metadata": { "revocation_endpoint": "https://evil.example", "client_secret": MASK } }),
                false,
            ),
            (
                json!({ "oauth_metadata": { "redirect_uris": ["https://evil.example"], "client_secret": MASK } }),
                false,
            ),
            // For people to read at.
            (
                json!({ "oauth_metadata": { "logo_uri": "https://cdn.example/logo", "client_secret": MASK } }),
                true,
            ),
            // Of several, those that were there before.
            (
                json!({ "oauth_metadata": { "redirect_uris": ["https://gateway.example/b", "https://gateway.example/a"], "client_secret": MASK } }),
                true,
            ),
            (
                json!({ "oauth_metadata": { "scope": "https://graph.example/.default", "client_secret": MASK } }),
                true,
            ),
            // All of it anew.
            (
                json!({ "oauth_metadata": { "token_endpoint": "https://new.example", "client_secret": "new" } }),
                true,
            ),
            (
                json!({ "jwt_validation": { "introspectEndpoint": "https://evil.example", "introspectClientSecret": MASK } }),
                false,
            ),
        ] {
            let outcome = configuration(given.clone()).over(&stored, "/configurations");
            assert_eq!(outcome.is_ok(), is_kept, "{given}");
            if !is_kept {
                let told = problems(outcome);
                assert!(
                    told.len() == 1 && told[0].contains("leads to another origin"),
                    "{told:?}"
                );
            }
        }
    }

    /// What is shown to everybody has room for nothing that could be secret.
    #[test]
    fn what_is_shown_holds_names_alone() {
        for (given, is_good) in [
            (
                json!({ "forward_headers": ["x-user-id", { "from": "x-a", "to": "x-b" }] }),
                true,
            ),
            (
                json!({ "forward_headers": { "mode": "all-except", "headers": ["cookie"] } }),
                true,
            ),
            (json!({ "forward_headers": null }), true),
            (
                json!({ "forward_headers": { "Authorization": "Bearer s3cret" } }),
                false,
            ),
            (json!({ "forward_headers": ["Bearer s3cret"] }), false),
            (json!({ "forward_headers": "x" }), false),
            (json!({ "forward_headers": { "mode": "s3cret" } }), false),
            (
                json!({ "user_identity_forwarding": { "method": "bearer", "include_claims": ["sub"], "jwt_expiry_seconds": 300 } }),
                true,
            ),
            (
                json!({ "user_identity_forwarding": { "key": { "private": "s3cret" } } }),
                false,
            ),
            (json!({ "user_identity_forwarding": "s3cret" }), false),
        ] {
            assert_eq!(parse(given.clone()).is_ok(), is_good, "{given}");
        }
        let odd = json!({ "oauth_metadata": { "issuer": { "x": "s3cret" } } });
        let odd = configuration(odd);
        assert!(!odd.shape().0.to_string().contains("s3cret"));
        assert_eq!(odd.secrets().len(), 1);
    }

    #[test]
    fn a_configuration_sets_usual_headers_and_keeps_what_it_cannot_send() {
        let given = configuration(json!({
            "custom_headers": { "Cookie": "a=b", "User-Agent": "ours" },
            "passthrough_headers": { "x-user-id": { "type": "string" }, "x-n": 7, "x-text": "t" },
        }));
        let sent: Vec<_> = given.sent_headers().into_keys().collect();
        assert_eq!(sent, ["cookie", "user-agent", "x-text"]);
        for bad in ["host", "content-length", "mcp-method"] {
            assert!(
                parse(json!({ "custom_headers": { bad: "x" } })).is_err(),
                "{bad}"
            );
        }
        assert!(parse(json!({ "custom_headers": { "x-n": 7 } })).is_err());
    }

    #[test]
    fn a_shape_shows_names_and_no_value_that_could_be_secret() {
        let shape = configuration(full()).shape().0;
        let text = shape.to_string();
        assert!(!text.contains("s3cret") && !text.contains("4711"), "{text}");
        assert_eq!(
            shape["custom_headers"],
            json!({ "Authorization": MASK, "X-Key": MASK })
        );
        assert_eq!(shape["forward_headers"], json!(["x-user-id"]));
        assert_eq!(shape["oauth_metadata"]["issuer"], "https://id.example");
        assert_eq!(shape["deep"], json!([{ "x": [MASK, MASK, MASK, null] }]));
        let secrets = configuration(full()).secrets();
        for n in 1..=9 {
            assert!(
                secrets
                    .iter()
                    .any(|secret| secret.contains(&format!("s3cret-{n}"))),
                "{n}"
            );
        }
        assert!(secrets.iter().all(|secret| secret.contains("s3cret")));
    }

    #[test]
    fn what_was_shown_and_is_sent_back_changes_nothing() {
        let stored = configuration(full());
        let shown = match stored.shape().0 {
            Value::Object(members) => Configuration::parse(members, "/configurations").unwrap(),
            _ => unreachable!(),
        };
        assert_eq!(shown.over(&stored, "/c").unwrap().0, stored.0);
    }

    #[test]
    fn a_change_replaces_what_it_gives_and_keeps_the_rest() {
        let stored = configuration(
            json!({ "custom_headers": { "a": "1", "b": "2" }, "token": "t", "gone": "g" }),
        );
        let change =
            configuration(json!({ "headers": { "A": MASK, "c": "3" }, "gone": null, "new": [1] }));
        let after = change.over(&stored, "/c").unwrap();
        assert_eq!(
            Value::Object(after.0),
            json!({ "custom_headers": { "A": "1", "c": "3" }, "token": "t", "new": [1] })
        );
        let damaged =
            configuration(json!({ "custom_headers": { "z": MASK }, "deep": { "x": MASK } }));
        assert_eq!(
            problems(damaged.over(&stored, "/c")),
            [
                "/c/custom_headers/z is masked, and no value is stored for it",
                "/c/deep/x is masked, and no value is stored for it"
            ]
        );
    }

    #[test]
    fn both_vocabularies_are_understood_and_the_gateway_gets_its_own() {
        let stored = configuration(
            json!({ "headers": { "x": "1" }, "passthrough_header": { "y": "2" }, "forward_headers": ["z"] }),
        );
        assert_eq!(
            stored.reveal(),
            json!({ "headers": { "x": "1" }, "passthrough_headers": { "y": "2" }, "forward_headers": ["z"] })
        );
        assert_eq!(stored.shape().0["custom_headers"], json!({ "x": MASK }));
        assert_eq!(
            problems(parse(
                json!({ "headers": { "x": "1" }, "custom_headers": { "x": "2" } })
            )),
            ["/configurations/headers is given twice, under two names"]
        );
    }

    #[test]
    fn problems_name_their_place_and_quote_nothing() {
        let outcome = parse(json!({
            "custom_headers": { "Host": "s3cret", "a": 7, "b": "s3cret\r\nx: y", "B": "s3cret", "": "x", "c": "" },
            "passthrough_headers": "s3cret",
            "oauth_metadata": { "oauth_metadata": { "client_id": "s3cret" } },
        }));
        let told = problems(outcome);
        assert!(
            told.iter().all(|problem| !problem.contains("s3cret")),
            "{told:?}"
        );
        for place in [
            "custom_headers/Host ",
            "custom_headers/a ",
            "custom_headers/b ",
            "custom_headers/ ",
            "custom_headers/c ",
            "passthrough_headers ",
            "oauth_metadata/oauth_metadata ",
        ] {
            assert!(
                told.iter()
                    .any(|problem| problem.starts_with(&format!("/configurations/{place}"))),
                "{place}: {told:?}"
            );
        }
    }

    #[test]
    fn a_single_header_is_a_token_that_every_vocabulary_can_replace() {
        let auth = |value: Value, method| configuration(value).into_auth(method).unwrap();
        let (bearer, secret) = auth(
            json!({ "custom_headers": { "Authorization": "Bearer abc" } }),
            Method::Headers,
        );
        assert_eq!(
            (bearer.clone(), secret.as_ref().unwrap().expose()),
            (Auth::Bearer, "abc")
        );
        let again = Configuration::of(&bearer, secret.as_ref()).unwrap();
        assert_eq!(
            again.reveal(),
            json!({ "headers": { "Authorization": "Bearer abc" } })
        );
        assert_eq!(again.shape(), shape_of(&bearer));
        let (key, secret) = auth(
            json!({ "custom_headers": { "X-Key": "abc" } }),
            Method::Headers,
        );
        assert_eq!(
            (key.header_name(), secret.unwrap().expose()),
            (Some("x-key"), "abc")
        );
        for (value, method) in [
            (
                json!({ "custom_headers": { "Authorization": "Basic abc" } }),
                Method::Headers,
            ),
            (
                json!({ "custom_headers": { "x": "two words" } }),
                Method::Headers,
            ),
            (
                json!({ "custom_headers": { "x": "1", "y": "2" } }),
                Method::Headers,
            ),
            (
                json!({ "custom_headers": { "x": "1" }, "token": "t" }),
                Method::Headers,
            ),
            (json!({ "custom_headers": { "x": "1" } }), Method::OauthAuto),
            (json!({ "passthrough_headers": { "x": "1" } }), Method::None),
        ] {
            let (made, secret) = auth(value.clone(), method);
            assert_eq!(made, Auth::Configured { method }, "{value}");
            assert_eq!(
                Value::Object(Configuration::of(&made, secret.as_ref()).unwrap().0),
                value
            );
        }
        assert_eq!(
            auth(json!({ "custom_headers": {} }), Method::None).0,
            Auth::None
        );
        let (bare, secret) = auth(json!({}), Method::Headers);
        assert_eq!(
            (bare, secret.is_none()),
            (
                Auth::Configured {
                    method: Method::Headers
                },
                true
            )
        );
    }

    #[test]
    fn a_new_origin_is_served_only_by_what_is_given_anew() {
        let stored = configuration(json!({ "custom_headers": { "a": "1" }, "token": "t" }));
        for (given, replaces) in [
            (
                json!({ "custom_headers": { "a": "2" }, "token": "u" }),
                true,
            ),
            (
                json!({ "custom_headers": { "a": "2" }, "token": null }),
                true,
            ),
            (json!({ "custom_headers": { "a": "2" } }), false),
            (
                json!({ "custom_headers": { "a": MASK }, "token": "u" }),
                false,
            ),
        ] {
            assert_eq!(
                configuration(given.clone()).replaces_all_of(&stored),
                replaces,
                "{given}"
            );
        }
    }

    #[test]
    fn both_kinds_of_static_headers_are_sent() {
        let sent = configuration(json!({ "custom_headers": { "X-A": "1", "x-b": "2" }, "passthrough_headers": { "X-B": "3" } })).sent_headers();
        let sent: Vec<_> = sent
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(sent, [("x-a", "1"), ("x-b", "3")]);
    }
}
