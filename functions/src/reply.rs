//! What a handler answers.

use serde::Serialize;
use shared::{
    connection::Version,
    error::{Error, Result},
};

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

impl Reply {
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::json(200, body)
    }

    pub fn created(location: String, body: &impl Serialize) -> Result<Self> {
        Ok(Self::json(201, body)?.with("location", location))
    }

    pub const fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body),
        })
    }

    /// The answer to an error, with what HTTP itself says of it; a vocabulary gives the body.
    pub fn failure(error: &Error, body: &impl Serialize) -> Self {
        Self::failure_with(status(error), error, body)
    }

    /// The same with a status of the vocabulary's own.
    pub fn failure_with(status: u16, error: &Error, body: &impl Serialize) -> Self {
        let reply = Self::json(status, body).unwrap_or(Self {
            status: 500,
            headers: Vec::new(),
            body: None,
        });
        match error {
            Error::Throttled {
                retry_after_seconds,
            } => reply.with("retry-after", retry_after_seconds.to_string()),
            Error::Busy | Error::Unavailable(_) => reply.with("retry-after", "1".to_owned()),
            Error::Unauthenticated => reply.with("www-authenticate", "Bearer".to_owned()),
            _ => reply,
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The entity tag that `If-Match` takes back.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        self.with("etag", format!("\"{}\"", version.0))
    }
}

pub(crate) const fn status(error: &Error) -> u16 {
    match error {
        Error::Invalid(_) | Error::PlainHttp | Error::NoAddress => 400,
        Error::Unauthenticated => 401,
        Error::Forbidden(_) | Error::ForbiddenAll(_) | Error::NotAllowed(_) => 403,
        Error::NotFound(_) => 404,
        Error::Taken(_)
        | Error::InUse(..)
        | Error::CredentialRequired
        | Error::NoCredential
        | Error::Conflict(_)
        | Error::Busy => 409,
        Error::Expired(_) => 410,
        Error::Stale => 412,
        Error::TooLarge(_) => 413,
        Error::UnsupportedMediaType => 415,
        Error::KeyReused
        | Error::NotProven(_)
        | Error::CheckFailed(_)
        | Error::NotAuthorized(_) => 422,
        Error::Throttled { .. } => 429,
        Error::Internal(_) => 500,
        Error::Unavailable(_) => 503,
    }
}
