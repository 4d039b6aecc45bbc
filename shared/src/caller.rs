//! Who calls: the API key, whom it speaks for and what it may do.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    tenant::{TenantId, UserId, WorkspaceId},
    text::ParseError,
    timestamp::Timestamp,
};

/// Whom a request comes from. It exists only where a key was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub tenant: TenantId,
    pub key: KeyId,
    pub kind: KeyKind,
    /// The workspace of a workspace key; an organisation key reaches them all.
    pub workspace: Option<WorkspaceId>,
    /// The user that a `workspace-user` key acts as.
    pub user: Option<UserId>,
    pub scopes: Vec<Scope>,
}

impl Caller {
    pub fn may(&self, right: Right) -> bool {
        self.scopes
            .iter()
            .any(|scope| scope.as_str() == right.scope())
    }
}

/// The kinds of key, by reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    OrganisationService,
    WorkspaceService,
    WorkspaceUser,
}

impl KeyKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation-service",
            Self::WorkspaceService => "workspace-service",
            Self::WorkspaceUser => "workspace-user",
        }
    }
}

impl FromStr for KeyKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [
            Self::OrganisationService,
            Self::WorkspaceService,
            Self::WorkspaceUser,
        ]
        .into_iter()
        .find(|kind| kind.word() == text)
        .ok_or(ParseError(
            "must be organisation-service, workspace-service or workspace-user",
        ))
    }
}

/// What may be done with a connection. Rights are exact: `List` does not imply `Read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    CreateConnections,
    ReadConnections,
    UpdateConnections,
    DeleteConnections,
    ListConnections,
}

impl Right {
    pub const ALL: [Self; 5] = [
        Self::CreateConnections,
        Self::ReadConnections,
        Self::UpdateConnections,
        Self::DeleteConnections,
        Self::ListConnections,
    ];

    /// The scope that grants it, in Portkey's spelling: a connection is their organisation integration, and one thing has one right.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::CreateConnections => "organisation_mcp_integrations.create",
            Self::ReadConnections => "organisation_mcp_integrations.read",
            Self::UpdateConnections => "organisation_mcp_integrations.update",
            Self::DeleteConnections => "organisation_mcp_integrations.delete",
            Self::ListConnections => "organisation_mcp_integrations.list",
        }
    }
}

/// A scope as a key holds it, such as `mcp_servers.read`. Scopes of other vocabularies are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(String);

impl Scope {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Right> for Scope {
    fn from(right: Right) -> Self {
        Self(right.scope().to_owned())
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let fits = !text.is_empty()
            && text.len() <= 100
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.');
        if fits {
            Ok(Self(text))
        } else {
            Err(ParseError(
                "must be lower-case words joined by dots and underscores",
            ))
        }
    }
}

/// The public part of a key: names it in the table and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Uuid);

impl KeyId {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

const PREFIX: &str = "mcps";
const SECRET_DIGITS: usize = 64;

/// An API key as its holder has it: `mcps_<tenant>_<key id>_<secret>`, each part in hexadecimal. Shown once, never stored.
///
/// The tenant stands in it so that the table needs no partition that is no tenant's to look it up.
pub struct ApiKey {
    pub tenant: TenantId,
    pub id: KeyId,
    text: Zeroizing<String>,
}

impl ApiKey {
    /// `secret` must come from a secure source of randomness.
    pub fn new(tenant: TenantId, id: KeyId, secret: [u8; 32]) -> Self {
        let [high, low] = [0, 16].map(|at| {
            let mut half = [0; 16];
            half.copy_from_slice(&secret[at..at + 16]);
            Uuid::from_bytes(half).simple()
        });
        let text = Zeroizing::new(format!(
            "{PREFIX}_{}_{id}_{high}{low}",
            tenant.uuid().simple()
        ));
        Self { tenant, id, text }
    }

    /// Nothing when the text cannot be a key of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        if parts.next()? != PREFIX {
            return None;
        }
        let (tenant, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let well_formed = parts.next().is_none()
            && tenant.len() == 32
            && id.len() == 32
            && secret.len() == SECRET_DIGITS
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !well_formed {
            return None;
        }
        Some(Self {
            tenant: tenant.parse().ok()?,
            id: id.parse().ok()?,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The whole key, to be shown to its holder once.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

/// A keyed hash of an API key: all that is stored of it. Useless without the pepper, which is not in the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(String);

impl KeyHash {
    pub fn of(key: &ApiKey, pepper: &str) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes()).map(|mac| {
            mac.chain_update(key.text.as_bytes())
                .finalize()
                .into_bytes()
        });
        // HMAC takes keys of every length, so there is no second case.
        Self(
            mac.map(|mac| mac.iter().map(|byte| format!("{byte:02x}")).collect())
                .unwrap_or_default(),
        )
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        !self.0.is_empty() && bool::from(self.0.as_bytes().ct_eq(other.0.as_bytes()))
    }
}

/// A key as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    pub tenant: TenantId,
    pub id: KeyId,
    pub hash: KeyHash,
    pub kind: KeyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Why a key does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownKey,
    ExpiredKey,
}

impl Refusal {
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
        }
    }
}

/// Judges a presented key. The hash is computed whether or not the key is on record, so that time tells nothing.
pub fn admit(
    key: &ApiKey,
    record: Option<KeyRecord>,
    pepper: &str,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let presented = KeyHash::of(key, pepper);
    let record = record
        .filter(|record| record.hash.matches(&presented))
        .ok_or(Refusal::UnknownKey)?;
    if record
        .expires_at
        .is_some_and(|expires_at| expires_at <= now)
    {
        return Err(Refusal::ExpiredKey);
    }
    Ok(Caller {
        tenant: record.tenant,
        key: record.id,
        kind: record.kind,
        workspace: record.workspace,
        user: record.user,
        scopes: record.scopes,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PEPPER: &str = "a pepper of at least 32 characters";
    const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);

    fn key(secret: u8) -> ApiKey {
        ApiKey::new(
            TenantId::new(Uuid::from_u128(7)),
            KeyId::new(Uuid::from_u128(8)),
            [secret; 32],
        )
    }

    fn record(key: &ApiKey, expires_at: Option<Timestamp>) -> KeyRecord {
        KeyRecord {
            tenant: key.tenant,
            id: key.id,
            hash: KeyHash::of(key, PEPPER),
            kind: KeyKind::OrganisationService,
            workspace: None,
            user: None,
            scopes: vec![Right::ReadConnections.into()],
            expires_at,
            created_at: NOW,
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_shown() {
        let read = ApiKey::parse(key(3).expose()).unwrap();
        assert_eq!(
            (read.tenant, read.id, read.expose()),
            (key(3).tenant, key(3).id, key(3).expose())
        );
    }

    #[test]
    fn what_is_not_a_key_is_not_looked_up() {
        let good = key(3).expose().to_owned();
        for bad in [
            "",
            "mcps",
            "mcps___",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}_x"),
            &good.to_uppercase(),
            &good.replace("mcps", "mcpx"),
        ] {
            assert!(ApiKey::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_right_secret_with_the_right_pepper_opens() {
        let good = key(3);
        assert!(admit(&good, Some(record(&good, None)), PEPPER, NOW).is_ok());
        assert_eq!(
            admit(&key(4), Some(record(&good, None)), PEPPER, NOW).err(),
            Some(Refusal::UnknownKey)
        );
        assert_eq!(
            admit(
                &good,
                Some(record(&good, None)),
                "another pepper of 32 characters …",
                NOW
            )
            .err(),
            Some(Refusal::UnknownKey)
        );
        assert_eq!(
            admit(&good, None, PEPPER, NOW).err(),
            Some(Refusal::UnknownKey)
        );
    }

    #[test]
    fn a_key_ends_at_the_moment_it_expires() {
        let good = key(3);
        assert!(
            admit(
                &good,
                Some(record(&good, Some(NOW.plus_seconds(1)))),
                PEPPER,
                NOW
            )
            .is_ok()
        );
        assert_eq!(
            admit(&good, Some(record(&good, Some(NOW))), PEPPER, NOW).err(),
            Some(Refusal::ExpiredKey)
        );
        // A wrong secret learns nothing about the expiry.
        assert_eq!(
            admit(&key(4), Some(record(&good, Some(NOW))), PEPPER, NOW).err(),
            Some(Refusal::UnknownKey)
        );
    }

    #[test]
    fn rights_are_exact() {
        let good = key(3);
        let caller = admit(&good, Some(record(&good, None)), PEPPER, NOW).unwrap();
        for right in Right::ALL {
            assert_eq!(caller.may(right), right == Right::ReadConnections);
        }
    }
}
