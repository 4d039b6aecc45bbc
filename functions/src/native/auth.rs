//! The members of a body that say how a connection authenticates: `authType`, and the credential that goes with it.

use shared::{
    ParseError,
    connection::{Auth, Connection, HeaderName},
    credential::Secret,
    error::{Error, Result},
};

use crate::fields::Fields;

#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthType {
    None,
    Bearer,
    ApiKey,
    /// Set through another vocabulary. It can be kept or replaced here, and not made.
    Configured,
}

impl TryFrom<String> for AuthType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match text.as_str() {
            "none" => Ok(Self::None),
            "bearer" => Ok(Self::Bearer),
            "api_key" => Ok(Self::ApiKey),
            _ => Err(ParseError("must be none, bearer or api_key")),
        }
    }
}

impl From<&Auth> for AuthType {
    fn from(auth: &Auth) -> Self {
        match auth {
            Auth::None => Self::None,
            Auth::Bearer => Self::Bearer,
            Auth::ApiKey { .. } => Self::ApiKey,
            Auth::Configured { .. } => Self::Configured,
        }
    }
}

/// Reads how a connection is to authenticate, and the credential where one is given. An edit starts from what the connection has:
/// what it keeps need not be repeated, a credential of another kind must be given.
pub fn read(fields: &mut Fields, current: Option<&Connection>) -> Option<(Auth, Option<Secret>)> {
    let kept = current.map(|current| AuthType::from(&current.auth));
    let wanted = if fields.has("authType") {
        fields.text("authType")
    } else {
        kept
    };
    for (name, goes_with, kind) in [
        ("bearerToken", "bearer", AuthType::Bearer),
        ("headerName", "api_key", AuthType::ApiKey),
        ("apiKey", "api_key", AuthType::ApiKey),
    ] {
        let needed = wanted == Some(kind) && kept != wanted;
        if needed && !fields.has(name) {
            fields.problem(name, format!("is required for authType {goes_with}"));
        }
        if fields.has(name) && wanted.is_some_and(|wanted| wanted != kind) {
            fields.problem(name, format!("goes with authType {goes_with} only"));
        }
    }
    let (token, header, key) = (
        fields.secret("bearerToken"),
        fields.text::<HeaderName>("headerName"),
        fields.secret("apiKey"),
    );
    match wanted? {
        AuthType::None => Some((Auth::None, None)),
        AuthType::Bearer => Some((Auth::Bearer, token)),
        AuthType::Configured => Some((current?.auth.clone(), None)),
        AuthType::ApiKey => {
            let kept = current.and_then(|current| match &current.auth {
                Auth::ApiKey { header } => Some(header.clone()),
                _ => None,
            });
            Some((
                Auth::ApiKey {
                    header: header.or(kept)?,
                },
                key,
            ))
        }
    }
}

/// Reads a new credential for a connection, which keeps its way of authentication.
pub fn read_credential(mut fields: Fields, current: &Connection) -> Result<Secret> {
    let (wanted, other) = match current.auth {
        Auth::None | Auth::Configured { .. } => return Err(Error::NoCredential),
        Auth::Bearer => ("bearerToken", "apiKey"),
        Auth::ApiKey { .. } => ("apiKey", "bearerToken"),
    };
    fields.require(&[wanted]);
    if fields.has(other) {
        fields.problem(other, "does not go with the authType of this connection");
    }
    let secret = fields.secret(wanted);
    fields.secret(other);
    fields.finish(secret)
}
