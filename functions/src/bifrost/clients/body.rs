//! Reads what a client is to be, new or changed. What Bifrost ignores, because it cannot be changed or is not known, is refused by name.

use serde_json::{Map, Value};
use shared::{
    ParseError,
    configuration::{HEADERS, STDIO, USER_HEADERS},
    connection::{Connection, ConnectionName, HeaderName, Method, ServerUrl, Transport},
    credential::Secret,
    error::{Error, Problem, Result},
    oauth::held::Held,
    reconfiguration::{Draft, Edit},
    registry::Wanted,
    samples,
};

use super::{granted, item, oauth, process, settings::Settings, values};
use crate::fields::Fields;

/// Members that clients send along empty where they have nothing to say.
const OFTEN_EMPTY: [&str; 11] = [
    "client_id",
    "connection_string",
    "stdio_config",
    "auth_type",
    "oauth_config",
    "oauth_config_id",
    "token_exchange",
    "openapi_config",
    "endpoint_slug",
    "user_headers",
    "vk_configs",
];

/// Reads a new client.
pub fn create(mut fields: Fields) -> Result<Wanted> {
    tidy(&mut fields);
    fields.require(&["name", "connection_type"]);
    for (name, problem) in [
        (
            "client_id",
            "cannot be chosen: the answer has the one that was made",
        ),
        (
            "vk_configs",
            "can be given once the client is there: PUT /api/mcp/client/{id}",
        ),
    ] {
        if fields.value(name).is_some() {
            fields.problem(name, problem);
        }
    }
    let name = fields.text::<ClientName>("name");
    let transport = fields
        .text::<ConnectionType>("connection_type")
        .map(|kind| kind.0);
    let headers = values::headers(&mut fields, "headers").unwrap_or_default();
    let method = match fields.text::<AuthType>("auth_type") {
        Some(method) => method.0,
        None if headers.is_empty() => Method::None,
        None => Method::Headers,
    };
    let (address, process) = process::reached(&mut fields, transport);
    let arranged = oauth::arranged(&mut fields, method, transport, address.as_ref());
    if transport.is_some_and(Transport::is_local) {
        if !headers.is_empty() {
            fields.problem("headers", "go with the connection_types http and sse only");
        }
        if method == Method::PerUserHeaders {
            fields.problem(
                "auth_type",
                "goes with the connection_types http and sse only",
            );
        }
    }
    let settings = Settings::read(&mut fields, None);
    if transport.is_some_and(Transport::is_local) && settings.trusts_others() {
        fields.problem(
            "tls_config",
            "goes with the connection_types http and sse only",
        );
    }
    let samples = samples(&mut fields, method, settings.user_keys.as_deref());

    let read = name.zip(transport).zip(address);
    let ((name, transport), url) = fields.finish(read)?;
    let mut configuration = Map::new();
    if !headers.is_empty() {
        configuration.insert(HEADERS.to_owned(), headers.into());
    }
    configuration.extend(process.map(|process| (STDIO.to_owned(), process)));
    configuration.extend(samples.map(|samples| (USER_HEADERS.to_owned(), samples.into())));
    let draft = Draft {
        name: name.0,
        url,
        method,
        transport,
        description: None,
        configuration: Some(configuration),
        secret_mappings: None,
    };
    let held = arranged.map(Held::arranged);
    let mut wanted = draft.holding(held.as_ref()).map_err(in_our_words)?;
    settings.lay_over(&mut wanted);
    Ok(wanted)
}

/// Reads a change of a client: what is absent stays. `stored` is its credential, where the headers are to change.
pub fn update(mut fields: Fields, row: &Connection, stored: Option<&Secret>) -> Result<Wanted> {
    // They are no part of the client's row, and read for themselves.
    fields.value(granted::NAME);
    tidy(&mut fields);
    check_unchanged(&mut fields, row);
    let name = match fields.value("name") {
        // A name from another vocabulary may stay what it is.
        Some(given) if given == row.name.as_str() => None,
        Some(given) => {
            fields.put("name", given);
            fields.text::<ClientName>("name")
        }
        None => None,
    };
    let headers = values::headers(&mut fields, "headers");
    if row.server_url.is_local() && headers.as_ref().is_some_and(|headers| !headers.is_empty()) {
        fields.problem("headers", "go with the connection_types http and sse only");
    }
    let settings = Settings::read(&mut fields, Some(row));
    if row.server_url.is_local() && settings.trusts_others() {
        fields.problem(
            "tls_config",
            "goes with the connection_types http and sse only",
        );
    }
    fields.finish(Some(()))?;
    let edit = Edit {
        name: name.map(|name| name.0),
        configuration: headers.map(|headers| {
            // Without any, the member goes.
            let headers = if headers.is_empty() {
                Value::Null
            } else {
                headers.into()
            };
            Map::from_iter([(HEADERS.to_owned(), headers)])
        }),
        // Known before the headers are judged: none that is stored goes to somebody new.
        trust: settings.trust.clone(),
        ..Edit::default()
    };
    let mut wanted = edit.apply(row, stored).map_err(in_our_words)?;
    settings.lay_over(&mut wanted);
    Ok(wanted)
}

/// Takes samples of what users bring. They are not tried before this answers, but by the first check.
fn samples(
    fields: &mut Fields,
    method: Method,
    keys: Option<&[HeaderName]>,
) -> Option<Map<String, Value>> {
    let keys = keys.unwrap_or_default();
    let given = values::headers(fields, USER_HEADERS);
    if method != Method::PerUserHeaders {
        if given.is_some() {
            fields.problem(USER_HEADERS, "goes with auth_type per_user_headers only");
        }
        return None;
    }
    if keys.is_empty() {
        fields.problem(
            "per_user_header_keys",
            "is required for auth_type per_user_headers",
        );
        return None;
    }
    let given = given?;
    for Problem { field, problem } in samples::unfit_names(&given, keys) {
        fields.problem(field.trim_start_matches('/'), problem);
    }
    Some(given)
}

/// What cannot be changed may be sent back as it is shown.
fn check_unchanged(fields: &mut Fields, row: &Connection) {
    let shown = item::config(row);
    for name in [
        "client_id",
        "connection_type",
        "auth_type",
        "stdio_config",
        "oauth_config_id",
        "created_at",
    ] {
        let Some(given) = fields.value(name) else {
            continue;
        };
        // Newer clients wrap a text into an object.
        let is_shown = given == shown[name] || given.get("value") == Some(&shown[name]);
        if !is_shown {
            fields.problem(name, "cannot be changed");
        }
    }
    // That somebody read it before another change is what If-Match is for.
    fields.value("updated_at");
    if fields.value("oauth_config").is_some() {
        fields.problem(
            "oauth_config",
            "cannot be changed: POST …/reauthorize asks for consent again, with the same client",
        );
    }
    if let Some(given) = values::text(fields, "connection_string")
        && ServerUrl::try_from(given).as_ref() != Ok(&row.server_url)
    {
        fields.problem("connection_string", "cannot be changed");
    }
}

/// Forgets what says nothing.
fn tidy(fields: &mut Fields) {
    fields.drop_nulls(&[]);
    fields.drop_blank(&OFTEN_EMPTY);
}

/// The domain names headers by where they are kept.
fn in_our_words(error: Error) -> Error {
    match error {
        Error::Invalid(problems) => Error::Invalid(
            problems
                .into_iter()
                .map(
                    |Problem {
                         field: kept,
                         problem,
                     }| {
                        let field = &kept;
                        let place = |from: &str, to| {
                            field.strip_prefix(from).map(|rest| format!("{to}{rest}"))
                        };
                        let field = place("/configurations/user_headers", "/user_headers")
                            .or_else(|| place("/configurations/custom_headers", "/headers"))
                            .or_else(|| place("/configurations", "/headers"));
                        Problem::new(field.unwrap_or(kept), problem)
                    },
                )
                .collect(),
        ),
        other => other,
    }
}

/// A name that a gateway can put in front of a tool's: ASCII without spaces and hyphens, and no digit first.
struct ClientName(ConnectionName);

impl TryFrom<String> for ClientName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(ParseError("must not begin with a digit"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseError("must be visible ASCII without spaces"));
        }
        if text.contains('-') {
            return Err(ParseError(
                "must not contain a hyphen, which divides it from the name of a tool",
            ));
        }
        ConnectionName::try_from(text).map(Self)
    }
}

struct ConnectionType(Transport);

impl TryFrom<String> for ConnectionType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Transport::ALL
            .into_iter()
            .find(|transport| transport.word() == text)
            .map(Self)
            .ok_or(ParseError("must be http, sse, stdio or inprocess"))
    }
}

struct AuthType(Method);

impl TryFrom<String> for AuthType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        [
            Method::None,
            Method::Headers,
            Method::Oauth,
            Method::PerUserHeaders,
        ]
        .into_iter()
        .find(|method| item::auth_type(*method) == text)
        .map(Self)
        .ok_or(ParseError(
            "must be none, headers, oauth or per_user_headers",
        ))
    }
}
