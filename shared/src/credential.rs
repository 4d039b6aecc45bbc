//! A credential: a secret value, bound to the origin it was given for.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    connection::{ConnectionId, Origin},
    timestamp::Timestamp,
};

/// What Secrets Manager takes as well, with room to spare: no token in use is longer.
const MAX_BYTES: usize = 8 * 1024;
/// Secrets Manager takes 64 KiB.
const MAX_DOCUMENT_BYTES: usize = 60 * 1024;

/// A secret value. It cannot be printed or serialized, only exposed on purpose, and it is wiped when dropped.
///
/// A single value holds visible ASCII only, so that it can never break out of the header it is sent in; a document is taken apart before any of
/// it is sent.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The sentence of the error names the rule and never the value.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > MAX_BYTES {
            return Err("must be at most 8192 bytes");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be visible ASCII without spaces");
        }
        Ok(Self(text))
    }

    /// A secret that is a document of several values, such as the headers of a connection with their names.
    pub fn document(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err("must be at most 61440 bytes as JSON");
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// What is stored, whichever of both it is: it was judged when it came in.
    pub fn stored(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The value itself, for the two places that need it: the store and the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Built by hand because serde's own type errors quote the value.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer) {
            Ok(serde_json::Value::String(text)) => Self::parse(text).map_err(de::Error::custom),
            _ => Err(de::Error::custom("must be a string")),
        }
    }
}

/// Whose secret it is: a connection's, or a user's on a server. Ids of both are drawn from one source, so no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HolderId(Uuid);

impl HolderId {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl From<ConnectionId> for HolderId {
    fn from(id: ConnectionId) -> Self {
        Self::new(id.uuid())
    }
}

/// Which value of a secret: the client request token it was written with, which Secrets Manager takes as version id.
///
/// The row names the version that counts; the stages AWSCURRENT and AWSPENDING follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialVersion(Uuid);

impl CredentialVersion {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for CredentialVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What a row knows of its credential: everything but the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRef {
    pub version: CredentialVersion,
    /// The only origin that this version may be sent to.
    pub origin: Origin,
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_break_a_header() {
        for text in [
            "",
            "two words",
            "line\nbreak",
            "carriage\rreturn",
            "naïve",
            "tab\t",
        ] {
            assert!(Secret::parse(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(Secret::parse("x".repeat(8193)).is_err());
        assert_eq!(
            Secret::parse("sk-live.~/+=".to_owned()).map(|secret| secret.expose().to_owned()),
            Ok("sk-live.~/+=".to_owned())
        );
    }

    #[test]
    fn a_type_error_does_not_quote_the_value() {
        let error = serde_json::from_value::<Secret>(serde_json::json!(31_337))
            .err()
            .map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("must be a string"));
    }
}
