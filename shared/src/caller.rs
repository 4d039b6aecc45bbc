//! Who calls: the API key, whom it speaks for and what it may do.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    error::Error,
    right::{Right, Scope},
    tenant::{TenantId, UserId, WorkspaceId},
    text::{Document, Label, ParseError, Text},
    timestamp::Timestamp,
};

/// What a key's description may have in characters.
pub const MAX_DESCRIPTION: usize = 500;

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
    /// The system key that came with the caller's own: then it is the gateway that asks, for the holder of that key.
    pub gateway: Option<KeyId>,
}

/// What the gateway may do by itself: read what it serves by, and serve. Telling what it found is part of that and takes no further right.
const SYSTEM_RIGHTS: [Right; 4] = [
    Right::READ_CONNECTIONS,
    Right::READ_WORKSPACE_CONNECTIONS,
    Right::READ_SERVERS,
    Right::INVOKE,
];

impl Caller {
    pub fn may(&self, right: Right) -> bool {
        self.kind == KeyKind::System && SYSTEM_RIGHTS.contains(&right)
            || self.scopes.iter().any(|scope| scope.grants(right))
    }

    /// The right, or the error that names it.
    pub fn demand(&self, right: Right) -> Result<(), Error> {
        if self.may(right) {
            Ok(())
        } else {
            Err(Error::Forbidden(right))
        }
    }

    /// The same for what the gateway serves by: it may read that, and tell what it found, for everybody who may call tools.
    pub fn demand_unless_serving(&self, right: Right) -> Result<(), Error> {
        if self.is_gateway() && self.may(Right::INVOKE) {
            Ok(())
        } else {
            self.demand(right)
        }
    }

    /// The same caller where another key came with the request. A system key of the tenant shows that it is the gateway that asks for him; any other
    /// says nothing.
    #[must_use]
    pub fn through(self, other: &Self) -> Self {
        let is_gateway = other.kind == KeyKind::System && other.tenant == self.tenant;
        Self {
            gateway: is_gateway.then_some(other.key),
            ..self
        }
    }

    /// Whether it is the gateway that asks, for itself or for the holder of another key.
    pub fn is_gateway(&self) -> bool {
        self.kind == KeyKind::System || self.gateway.is_some()
    }

    /// Whether a scope may be given to a new key by this caller: only what he holds himself. Nobody but a workspace's key calls tools, so
    /// there it is enough to reach the whole tenant.
    pub fn covers(&self, scope: &Scope) -> bool {
        let reaches_all = self.kind == KeyKind::OrganisationService;
        self.scopes.contains(scope) || reaches_all && scope.grants(Right::INVOKE)
    }
}

/// The kinds of key, by reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    OrganisationService,
    WorkspaceService,
    WorkspaceUser,
    /// The gateway's own. It alone is shown the secrets of what it serves.
    System,
}

impl KeyKind {
    pub const ALL: [Self; 4] = [
        Self::OrganisationService,
        Self::WorkspaceService,
        Self::WorkspaceUser,
        Self::System,
    ];

    /// Whether its keys reach one workspace only.
    pub const fn is_of_workspace(self) -> bool {
        matches!(self, Self::WorkspaceService | Self::WorkspaceUser)
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation-service",
            Self::WorkspaceService => "workspace-service",
            Self::WorkspaceUser => "workspace-user",
            Self::System => "system",
        }
    }
}

impl FromStr for KeyKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(ParseError(
                "must be organisation-service, workspace-service, workspace-user or system",
            ))
    }
}

impl TryFrom<String> for KeyKind {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

/// The public part of a key: names it in the table and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Uuid);

impl KeyId {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    pub const fn uuid(self) -> Uuid {
        self.0
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

impl TryFrom<String> for KeyId {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse().map_err(|_| ParseError("must be a UUID"))
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
    /// After a rotation the old key opens as well, for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousHash>,
    pub kind: KeyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<MAX_DESCRIPTION>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// It opens nothing until it is switched on again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Limits, defaults and the like, which are the gateway's affair and only kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Document>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Counts the writes of this row.
    #[serde(default)]
    pub revision: u64,
}

/// The hash of a key that was replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviousHash {
    pub hash: KeyHash,
    pub until: Timestamp,
}

/// How long a replaced key still opens, in milliseconds: 30 minutes to 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition(u32);

impl Transition {
    pub fn end(self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.millis() + i64::from(self.0))
    }
}

impl TryFrom<u32> for Transition {
    type Error = ParseError;

    fn try_from(millis: u32) -> Result<Self, ParseError> {
        match millis {
            1_800_000..=2_592_000_000 => Ok(Self(millis)),
            _ => Err(ParseError("must be between 1800000 and 2592000000")),
        }
    }
}

impl KeyRecord {
    fn opens_with(&self, presented: &KeyHash, now: Timestamp) -> bool {
        let opens = self.hash.matches(presented);
        let opened = self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.hash.matches(presented) && previous.until > now);
        opens || opened
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether it opens anything at this moment.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.disabled && !self.is_expired(now)
    }

    /// Whether it is a virtual key: one of a workspace, for a machine, that calls tools.
    pub fn is_virtual(&self) -> bool {
        let calls_tools = |scope: &Scope| scope.grants(Right::INVOKE);
        self.kind == KeyKind::WorkspaceService && self.scopes.iter().any(calls_tools)
    }
}

/// Why a key does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownKey,
    ExpiredKey,
    InactiveKey,
}

impl Refusal {
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::InactiveKey => "inactive_key",
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
        .filter(|record| record.opens_with(&presented, now))
        .ok_or(Refusal::UnknownKey)?;
    if record.is_expired(now) {
        return Err(Refusal::ExpiredKey);
    }
    if record.disabled {
        return Err(Refusal::InactiveKey);
    }
    Ok(Caller {
        tenant: record.tenant,
        key: record.id,
        kind: record.kind,
        workspace: record.workspace,
        user: record.user,
        scopes: record.scopes,
        gateway: None,
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
            previous: None,
            kind: KeyKind::OrganisationService,
            name: None,
            description: None,
            workspace: None,
            user: None,
            scopes: vec![Right::READ_CONNECTIONS.into()],
            expires_at,
            disabled: false,
            settings: None,
            created_at: NOW,
            updated_at: None,
            revision: 0,
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
    fn a_key_that_is_switched_off_opens_nothing() {
        let good = key(3);
        let off = KeyRecord {
            disabled: true,
            ..record(&good, None)
        };
        assert!(!off.is_active(NOW));
        assert_eq!(
            admit(&good, Some(off.clone()), PEPPER, NOW).err(),
            Some(Refusal::InactiveKey)
        );
        // A wrong secret does not learn that there is such a key.
        assert_eq!(
            admit(&key(4), Some(off), PEPPER, NOW).err(),
            Some(Refusal::UnknownKey)
        );
    }

    #[test]
    fn a_virtual_key_is_a_workspaces_and_calls_tools() {
        let good = key(3);
        for (kind, right, expected) in [
            (KeyKind::WorkspaceService, Right::INVOKE, true),
            (KeyKind::WorkspaceService, Right::READ_SERVERS, false),
            (KeyKind::WorkspaceUser, Right::INVOKE, false),
            (KeyKind::OrganisationService, Right::INVOKE, false),
        ] {
            let record = KeyRecord {
                kind,
                scopes: vec![right.into()],
                ..record(&good, None)
            };
            assert_eq!(record.is_virtual(), expected, "{kind:?} {right}");
        }
    }

    #[test]
    fn rights_are_exact() {
        let good = key(3);
        let caller = admit(&good, Some(record(&good, None)), PEPPER, NOW).unwrap();
        for right in Right::CONNECTIONS {
            assert_eq!(caller.may(right), right == Right::READ_CONNECTIONS);
        }
    }

    #[test]
    fn a_system_key_of_the_tenant_shows_the_gateway() {
        let caller = |secret, kind, tenant| {
            let key = ApiKey::new(
                TenantId::new(Uuid::from_u128(tenant)),
                KeyId::new(Uuid::from_u128(u128::from(secret))),
                [secret; 32],
            );
            let record = KeyRecord {
                kind,
                ..record(&key, None)
            };
            admit(&key, Some(record), PEPPER, NOW).unwrap()
        };
        let user = caller(1, KeyKind::WorkspaceUser, 7);
        let through = |kind, tenant| user.clone().through(&caller(2, kind, tenant)).gateway;
        assert_eq!(
            through(KeyKind::System, 7),
            Some(KeyId::new(Uuid::from_u128(2)))
        );
        assert_eq!(through(KeyKind::System, 8), None);
        assert_eq!(through(KeyKind::OrganisationService, 7), None);
    }

    #[test]
    fn a_transition_is_neither_short_nor_endless() {
        for (millis, good) in [
            (0, false),
            (1_799_999, false),
            (1_800_000, true),
            (2_592_000_000, true),
            (2_592_000_001, false),
            (u32::MAX, false),
        ] {
            assert_eq!(Transition::try_from(millis).is_ok(), good, "{millis}");
        }
        let half_an_hour = Transition::try_from(1_800_000).unwrap();
        assert_eq!(half_an_hour.end(NOW), NOW.plus_seconds(1800));
    }

    #[test]
    fn the_gateway_serves_whoever_may_call_tools() {
        let good = key(3);
        let mut caller = admit(&good, Some(record(&good, None)), PEPPER, NOW).unwrap();
        caller.scopes = vec![Right::INVOKE.into()];
        assert!(caller.demand_unless_serving(Right::READ_SERVERS).is_err());
        caller.gateway = Some(good.id);
        assert!(caller.demand_unless_serving(Right::READ_SERVERS).is_ok());
        assert!(caller.demand(Right::READ_SERVERS).is_err());
        caller.scopes = vec![Right::READ_SERVERS.into()];
        assert!(caller.demand_unless_serving(Right::READ_SERVERS).is_ok());
        assert!(caller.demand_unless_serving(Right::UPDATE_SERVERS).is_err());
    }

    #[test]
    fn a_rotated_key_opens_until_its_time_is_over() {
        let (old, new) = (key(3), key(4));
        let until = NOW.plus_seconds(60);
        let mut rotated = record(&new, None);
        rotated.previous = Some(PreviousHash {
            hash: KeyHash::of(&old, PEPPER),
            until,
        });
        let opens = |key: &ApiKey, now| admit(key, Some(rotated.clone()), PEPPER, now).is_ok();
        assert!(opens(&new, NOW) && opens(&new, until));
        assert!(opens(&old, NOW) && !opens(&old, until));
        assert!(!opens(&key(5), NOW));
    }

    #[test]
    fn nobody_gives_what_he_does_not_hold() {
        let good = key(3);
        let mut caller = admit(&good, Some(record(&good, None)), PEPPER, NOW).unwrap();
        assert!(caller.covers(&Right::READ_CONNECTIONS.into()));
        assert!(!caller.covers(&Right::LIST_CONNECTIONS.into()));
        assert!(caller.covers(&Right::INVOKE.into()));
        caller.kind = KeyKind::WorkspaceService;
        assert!(!caller.covers(&Right::INVOKE.into()));
    }
}
