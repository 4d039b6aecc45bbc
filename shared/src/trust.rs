//! Whom a connection believes: which authorities may vouch for its server, and whether any has to.

mod outline;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::text::ParseError;

/// What the authorities of a connection may have in PEM: several of them with the longest keys in use.
const MAX_BYTES: usize = 16 * 1024;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const CERTIFICATE: &str = "CERTIFICATE";
/// Characters in a line of PEM (RFC 7468, 2).
const LINE: usize = 64;

/// How the certificate of a server is judged. Nothing said, the public authorities and the operator's own have to vouch for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    /// Believed besides the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authorities>,
    /// Nobody has to vouch for the server: whoever answers is believed. Counts for more than `ca`, and only where the operator allows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_verification: bool,
}

impl Trust {
    /// What holds where nothing is said.
    pub const PUBLIC: Self = Self {
        ca: None,
        skip_verification: false,
    };

    pub fn is_public(&self) -> bool {
        *self == Self::PUBLIC
    }

    /// Whether somebody would be believed who was not believed before, and could so receive what was only meant for those. Who was to be believed whoever
    /// he was may not have been: the operator has a word in that.
    pub fn is_wider_than(&self, before: &Self) -> bool {
        let known = before.ca.as_ref().map_or(&[][..], |ca| &ca.0);
        let is_new = |certificate| !known.contains(certificate);
        let skips = self.skip_verification && !before.skip_verification;
        skips || self.ca.iter().flat_map(|ca| &ca.0).any(is_new)
    }
}

/// One or more certificates, in their binary form. As a text they are PEM.
///
/// What stands between the blocks of a PEM file is left out, and no block of another kind is accepted: what is shown to
/// everybody who may read the connection must not hold somebody's private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Authorities(Vec<Vec<u8>>);

impl Authorities {
    /// Each certificate in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl TryFrom<String> for Authorities {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        const BROKEN: ParseError = ParseError("must not hold a certificate that is broken");
        if text.len() > MAX_BYTES {
            return Err(ParseError("must be at most 16384 bytes"));
        }
        let mut certificates = Vec::new();
        let mut block: Option<String> = None;
        for line in text.lines().map(str::trim) {
            if let Some(label) = line.strip_prefix(BEGIN) {
                if label.strip_suffix(DASHES) != Some(CERTIFICATE) {
                    return Err(ParseError(
                        "must hold nothing but certificates, and no key above all",
                    ));
                }
                if block.replace(String::new()).is_some() {
                    return Err(BROKEN);
                }
            } else if line.starts_with(END) {
                let certificate = block.take().and_then(|text| STANDARD.decode(text).ok());
                let certificate = certificate.filter(|der| outline::is_certificate(der));
                certificates.push(certificate.ok_or(BROKEN)?);
            } else if let Some(block) = &mut block {
                block.push_str(line);
            }
        }
        match (block, certificates.is_empty()) {
            (Some(_), _) => Err(BROKEN),
            (None, true) => Err(ParseError(
                "must be one or more certificates in PEM, each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
            )),
            (None, false) => Ok(Self(certificates)),
        }
    }
}

impl From<Authorities> for String {
    fn from(authorities: Authorities) -> Self {
        authorities.to_string()
    }
}

impl fmt::Display for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for certificate in &self.0 {
            let mut rest = &*STANDARD.encode(certificate);
            writeln!(f, "{BEGIN}{CERTIFICATE}{DASHES}")?;
            while !rest.is_empty() {
                let (line, after) = rest.split_at(rest.len().min(LINE));
                writeln!(f, "{line}")?;
                rest = after;
            }
            writeln!(f, "{END}{CERTIFICATE}{DASHES}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.0.len())
    }
}

#[cfg(test)]
mod tests;
