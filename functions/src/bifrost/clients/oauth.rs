//! Reads what is arranged for a client that uses OAuth.

use shared::{
    ParseError,
    connection::{Method, ServerUrl, Transport},
    credential::Secret,
    error::{Error, Problem},
    oauth::held::Arranged,
};

use super::values;
use crate::fields::Fields;

/// Takes what is known of the authorization server. Nothing has to be; what is not given is found out when somebody consents.
pub fn arranged(
    fields: &mut Fields,
    method: Method,
    transport: Option<Transport>,
    address: Option<&ServerUrl>,
) -> Option<Arranged> {
    let given = fields.object("oauth_config");
    if method != Method::Oauth {
        if given.is_some() {
            fields.problem("oauth_config", "goes with auth_type oauth only");
        }
        return None;
    }
    if transport.is_some_and(Transport::is_local) {
        fields.problem(
            "auth_type",
            "oauth goes with the connection_types http and sse only",
        );
    }
    let mut inner = Fields::of_body(given?);
    inner.drop_nulls(&[]);
    inner.drop_blank(&[
        "client_id",
        "client_secret",
        "authorize_url",
        "token_url",
        "registration_url",
        "resource",
        "server_url",
    ]);
    // Bifrost's own pages send the address twice.
    if let Some(url) = inner.text::<ServerUrl>("server_url")
        && Some(&url) != address
    {
        inner.problem("server_url", "must be connection_string, or be left out");
    }
    let arranged = Arranged {
        client_id: word(&mut inner, "client_id"),
        client_secret: word(&mut inner, "client_secret"),
        authorize_url: inner.text::<ServerUrl>("authorize_url"),
        token_url: inner.text::<ServerUrl>("token_url"),
        registration_url: inner.text::<ServerUrl>("registration_url"),
        scopes: scopes(&mut inner),
        resource: inner.text::<Word>("resource").map(|resource| resource.0),
    };
    if arranged.client_secret.is_some() && arranged.client_id.is_none() {
        inner.problem("client_secret", "goes with client_id only");
    }
    // One alone would be mixed with what somebody else says of the other.
    for (given, missing, problem) in [
        (
            &arranged.authorize_url,
            (&arranged.token_url, "token_url"),
            "is required where authorize_url is given",
        ),
        (
            &arranged.token_url,
            (&arranged.authorize_url, "authorize_url"),
            "is required where token_url is given",
        ),
    ] {
        if given.is_some() && missing.0.is_none() {
            inner.problem(missing.1, problem);
        }
    }
    match inner.finish(Some(arranged)) {
        Ok(arranged) => (arranged != Arranged::default()).then_some(arranged),
        Err(Error::Invalid(problems)) => {
            for Problem { field, problem } in problems {
                fields.problem(&format!("oauth_config{field}"), problem);
            }
            None
        }
        Err(_) => None,
    }
}

/// Takes a value that goes into a form or a header, alone or in an object as newer clients send it.
fn word(fields: &mut Fields, name: &str) -> Option<String> {
    let text = match values::secret(fields.value(name)?) {
        Ok(text) => text,
        Err(problem) => {
            fields.problem(name, problem);
            return None;
        }
    };
    if text == shared::configuration::MASK {
        fields.problem(name, "is masked, and no value is stored for it");
        return None;
    }
    match Secret::parse(text) {
        Ok(word) => Some(word.expose().to_owned()),
        Err(problem) => {
            fields.problem(name, problem);
            None
        }
    }
}

fn scopes(fields: &mut Fields) -> Vec<String> {
    let scopes = fields.texts::<String>("scopes").unwrap_or_default();
    let is_scope = |scope: &String| {
        let is_character = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        !scope.is_empty() && scope.len() <= 256 && scope.bytes().all(is_character)
    };
    if scopes.len() > 100 || !scopes.iter().all(is_scope) {
        fields.problem(
            "scopes",
            "must be at most 100 scopes of 1 to 256 characters, visible ASCII without quotes and backslashes",
        );
    }
    scopes
}

/// What names a resource: an address, most often.
struct Word(String);

impl TryFrom<String> for Word {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.len() > 2048 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseError(
                "must be at most 2048 characters, visible ASCII without spaces",
            ));
        }
        Ok(Self(text))
    }
}
