//! What virtual keys may use of connections. A virtual key is an API key of a workspace that calls tools.
//!
//! What all keys are granted of one connection is one row beside the connection's. That a connection is in it for a key can be looked up by the key as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    caller::{KeyId, KeyRecord},
    connection::{Connection, ConnectionId},
    error::{Error, Problem, Result},
    ports::Grantings,
    tenant::{TenantId, WorkspaceId},
    text::Label,
    timestamp::Timestamp,
    tool_rules::{ToolList, ToolRules},
};

/// How many keys may be granted something of one connection.
pub const MAX_KEYS: usize = 1000;
/// What all that may weigh: a page of connections is read with the grants of each.
pub const MAX_BYTES: usize = 100_000;
/// What one change of a connection's grants may write for them; there is no larger transaction. A key that is added counts twice.
const MOST_WRITES: usize = 60;
/// Of how many connections one change of a key's grants may be.
pub const MOST_CONNECTIONS: usize = 25;

/// What one key is to be granted of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granting {
    pub key: KeyId,
    pub tools: ToolList,
}

/// What keys are granted of one connection. One row of the table, and none where nothing ever was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grants {
    pub tenant: TenantId,
    pub connection: ConnectionId,
    #[serde(with = "packed")]
    keys: BTreeMap<KeyId, ToolList>,
    /// Counts the writes of this row.
    pub revision: u64,
}

impl Grants {
    pub const fn none(tenant: TenantId, connection: ConnectionId) -> Self {
        Self {
            tenant,
            connection,
            keys: BTreeMap::new(),
            revision: 0,
        }
    }

    /// What a key is granted, where something is said of it.
    pub fn tools(&self, key: KeyId) -> Option<&ToolList> {
        self.keys.get(&key)
    }

    /// The keys of which something is said, in the order of their creation.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys.keys().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &ToolList)> {
        self.keys.iter().map(|(key, tools)| (*key, tools))
    }

    /// The same with these tools for a key, or with nothing said of it.
    #[must_use]
    pub fn with(&self, key: KeyId, tools: Option<ToolList>) -> Self {
        let mut keys = self.keys.clone();
        match tools {
            Some(tools) => keys.insert(key, tools),
            None => keys.remove(&key),
        };
        self.holding(keys)
    }

    /// These and no others. Each key is named once, and all of it has an end.
    pub fn replaced(&self, wanted: &[Granting], field: &str) -> Result<Self> {
        let mut keys = BTreeMap::new();
        let mut problems = Vec::new();
        for (place, Granting { key, tools }) in wanted.iter().enumerate() {
            if keys.insert(*key, tools.clone()).is_some() {
                let field = format!("{field}/{place}/virtual_key_id");
                problems.push(Problem::new(field, "is named more than once"));
            }
        }
        if problems.is_empty() {
            Ok(self.holding(keys))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    fn holding(&self, keys: BTreeMap<KeyId, ToolList>) -> Self {
        Self {
            keys,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Why there is no room for so much.
    fn excess(&self) -> Option<String> {
        if self.keys.len() > MAX_KEYS {
            return Some(format!(
                "would grant one client to more than {MAX_KEYS} virtual keys; let all of them use it instead"
            ));
        }
        let bytes = packed::text(&self.keys).map_or(0, |text| text.len());
        (bytes > MAX_BYTES).then(|| {
            format!(
                "would make the tools that virtual keys are granted of one client take more than {MAX_BYTES} bytes"
            )
        })
    }
}

/// From what to what grants change. All of it is written in one transaction with the row that it comes with.
#[derive(Clone, Debug)]
pub struct GrantsChange {
    pub before: Grants,
    pub after: Grants,
    /// Where the change comes with a key: the connection's row as it was seen. It must still be that where the key is added.
    pub seen: Option<u64>,
}

impl GrantsChange {
    pub fn is_empty(&self) -> bool {
        self.before.keys == self.after.keys
    }

    /// The keys of which something is said that was not.
    pub fn added(&self) -> impl Iterator<Item = KeyId> + '_ {
        let before = &self.before.keys;
        self.after.keys().filter(|key| !before.contains_key(key))
    }

    pub fn removed(&self) -> impl Iterator<Item = KeyId> + '_ {
        let after = &self.after.keys;
        self.before.keys().filter(|key| !after.contains_key(key))
    }

    /// Refuses what is too much at once, or in all.
    pub fn check(&self, field: &str) -> Result<()> {
        if let Some(excess) = self.after.excess() {
            return Err(Error::invalid(field, excess));
        }
        if 2 * self.added().count() + self.removed().count() > MOST_WRITES {
            return Err(Error::invalid(
                field,
                format!(
                    "changes too many virtual keys at once: at most {} can be added or {MOST_WRITES} removed in one request",
                    MOST_WRITES / 2
                ),
            ));
        }
        Ok(())
    }
}

/// Why a key may use no tool of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    KeyInactive,
    ClientDisabled,
    /// It runs beside a gateway and never here.
    NotRunnableHere,
    ClientAllowsNone,
    NotGranted,
    GrantedNone,
    /// What is granted is not what the connection allows.
    NothingInCommon,
    /// No check has found out yet what there is.
    ToolsUnknown,
    /// There is no tool of a name that may be used.
    NoSuchTool,
}

impl Withheld {
    pub const ALL: [Self; 9] = [
        Self::KeyInactive,
        Self::ClientDisabled,
        Self::NotRunnableHere,
        Self::ClientAllowsNone,
        Self::NotGranted,
        Self::GrantedNone,
        Self::NothingInCommon,
        Self::ToolsUnknown,
        Self::NoSuchTool,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::KeyInactive => "key_inactive",
            Self::ClientDisabled => "client_disabled",
            Self::NotRunnableHere => "not_runnable_here",
            Self::ClientAllowsNone => "client_allows_none",
            Self::NotGranted => "not_granted",
            Self::GrantedNone => "granted_none",
            Self::NothingInCommon => "nothing_in_common",
            Self::ToolsUnknown => "tools_unknown",
            Self::NoSuchTool => "no_such_tool",
        }
    }
}

/// What a key may use of a connection: what the connection allows, as far as it is granted. What is said of the key itself counts before what is said of all keys.
pub fn effective(
    key: &KeyRecord,
    connection: &Connection,
    grants: Option<&Grants>,
    now: Timestamp,
) -> Result<ToolRules, Withheld> {
    if !key.is_active(now) {
        return Err(Withheld::KeyInactive);
    }
    if !connection.enabled {
        return Err(Withheld::ClientDisabled);
    }
    if connection.server_url.is_local() {
        return Err(Withheld::NotRunnableHere);
    }
    let rules = connection.tool_rules();
    if rules.execute.is_none() {
        return Err(Withheld::ClientAllowsNone);
    }
    let granted = match grants.and_then(|grants| grants.tools(key.id)) {
        Some(tools) => tools.clone(),
        None if connection.details.allow_on_all_virtual_keys => ToolList::all(),
        None => return Err(Withheld::NotGranted),
    };
    if granted.is_none() {
        return Err(Withheld::GrantedNone);
    }
    let execute = rules.execute.intersection(&granted);
    if execute.is_none() {
        return Err(Withheld::NothingInCommon);
    }
    Ok(ToolRules {
        auto_execute: rules.auto_execute.intersection(&execute),
        execute,
    })
}

/// Whether a key can be granted anything of a connection: one that belongs to a workspace is for that workspace's keys.
pub fn fits(key: &KeyRecord, connection: &Connection) -> bool {
    let reached = connection.workspace;
    key.is_virtual() && reached.is_none_or(|workspace| key.workspace == Some(workspace))
}

/// A key that is granted something of a connection.
#[derive(Clone, Debug)]
pub struct Grantee {
    pub key: KeyId,
    /// Keys of the first days have none.
    pub name: Option<Label>,
    pub tools: ToolList,
}

/// Which keys are granted something of these connections, in the order of the keys' creation: all of them, or those of a workspace. A few reads, however
/// many connections there are.
pub async fn grantees(
    store: &(impl Grantings + ?Sized),
    tenant: TenantId,
    connections: &[ConnectionId],
    reach: Option<WorkspaceId>,
) -> Result<BTreeMap<ConnectionId, Vec<Grantee>>> {
    let grants = store.grants(tenant, connections).await?;
    let keys: BTreeSet<_> = grants.iter().flat_map(Grants::keys).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let found = store.keys_named(tenant, &keys).await?;
    let names: BTreeMap<_, _> = found
        .into_iter()
        .filter(|key| reach.is_none() || key.workspace == reach)
        .map(|key| (key.id, key.name))
        .collect();
    let grantee = |(key, tools): (KeyId, &ToolList)| {
        Some(Grantee {
            key,
            // One that has gone since its connection was read is granted nothing.
            name: names.get(&key)?.clone(),
            tools: tools.clone(),
        })
    };
    Ok(grants
        .iter()
        .map(|grants| {
            (
                grants.connection,
                grants.iter().filter_map(grantee).collect(),
            )
        })
        .collect())
}

/// One text instead of a thousand attributes.
mod packed {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::{KeyId, ToolList};

    pub fn text(keys: &BTreeMap<KeyId, ToolList>) -> serde_json::Result<String> {
        serde_json::to_string(keys)
    }

    pub fn serialize<S: Serializer>(
        keys: &BTreeMap<KeyId, ToolList>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(keys).map_err(ser::Error::custom)?)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<KeyId, ToolList>, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
