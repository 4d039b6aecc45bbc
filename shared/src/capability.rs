//! Capabilities: the tools, prompts and resources of a server, and which of them may be used.
//!
//! Some are found by checks, others are pushed by the gateway. Each can be switched off for the whole tenant and, on top of that, in one
//! workspace's server. A level can only take away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    connection::ConnectionId,
    contract::Tool,
    error::{Error, Result},
    tenant::TenantId,
    text::ParseError,
    timestamp::Timestamp,
};

/// What one item of the table has room for, with all else in it.
const MAX_STORED_BYTES: usize = 380_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Tool,
    Prompt,
    Resource,
    /// Can be seen and not switched.
    ResourceTemplate,
}

impl Kind {
    pub const ALL: [Self; 4] = [
        Self::Tool,
        Self::Prompt,
        Self::Resource,
        Self::ResourceTemplate,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "resource_template",
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(ParseError(
                "must be tool, prompt, resource or resource_template",
            ))
    }
}

/// Members that a capability may have besides name and kind, by their name here and as MCP spells them.
const MEMBERS: [(&str, &str); 14] = [
    ("title", "title"),
    ("description", "description"),
    ("icons", "icons"),
    ("input_schema", "inputSchema"),
    // Portkey's client for Node has this name for it.
    ("input_schema", "schema"),
    ("output_schema", "outputSchema"),
    ("execution", "execution"),
    ("annotations", "annotations"),
    ("tool_annotations", "toolAnnotations"),
    ("arguments", "arguments"),
    ("uri", "uri"),
    ("uri_template", "uriTemplate"),
    ("mime_type", "mimeType"),
    ("size", "size"),
];

/// Members of a tool that only who calls it has a use for, and checks do not keep.
const UNCHECKED: [&str; 3] = ["icons", "output_schema", "execution"];

/// One thing that a server offers, as it describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub name: String,
    /// In our spelling; what is null is left out.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

impl Capability {
    /// Keeps of `given` the members that a capability may have, in either spelling and of the right type.
    pub fn new(kind: Kind, name: String, given: &Map<String, Value>) -> Self {
        let mut members = Map::new();
        for (ours, theirs) in MEMBERS {
            let value = given.get(ours).or_else(|| given.get(theirs));
            if let Some(value) = value.filter(|value| has_type(ours, value)) {
                // Of a tool, both are called annotations in the end.
                let name = if ours == "tool_annotations" {
                    "annotations"
                } else {
                    ours
                };
                members.insert(name.to_owned(), value.clone());
            }
        }
        Self {
            kind,
            name,
            members,
        }
    }

    /// The same with nothing but what checks do not learn of a tool; nothing where that is all.
    pub fn beyond_checks(mut self) -> Option<Self> {
        self.members.retain(|name, _| is_unchecked(name));
        (!self.members.is_empty()).then_some(self)
    }

    fn title(&self) -> (Kind, &str) {
        (self.kind, &self.name)
    }
}

impl From<Tool> for Capability {
    fn from(tool: Tool) -> Self {
        let mut members = Map::new();
        let texts = [("title", tool.title), ("description", tool.description)];
        for (name, text) in texts {
            members.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        members.insert("input_schema".to_owned(), tool.input_schema);
        members.extend(
            tool.annotations
                .map(|annotations| ("annotations".to_owned(), annotations)),
        );
        Self {
            kind: Kind::Tool,
            name: tool.name,
            members,
        }
    }
}

fn is_unchecked(member: &str) -> bool {
    UNCHECKED.contains(&member)
}

fn has_type(member: &str, value: &Value) -> bool {
    match member {
        "title" | "description" | "uri" | "uri_template" | "mime_type" => value.is_string(),
        "icons" | "arguments" => value.is_array(),
        "size" => value.is_number(),
        _ => value.is_object(),
    }
}

/// What the gateway has told of a connection's server. One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    pub tenant: TenantId,
    pub connection: ConnectionId,
    /// As JSON, because what peers say has numbers of every kind.
    #[serde(with = "as_json")]
    pub capabilities: Vec<PushedCapability>,
    /// How the server introduced itself; empty when nobody told.
    #[serde(with = "as_json")]
    pub metadata: Map<String, Value>,
    /// When the metadata was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced_at: Option<Timestamp>,
    /// When anything was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_at: Option<Timestamp>,
    pub revision: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushedCapability {
    #[serde(flatten)]
    pub capability: Capability,
    pub created_at: Timestamp,
    pub last_updated_at: Timestamp,
}

impl Pushed {
    pub fn nothing(tenant: TenantId, connection: ConnectionId) -> Self {
        Self {
            tenant,
            connection,
            capabilities: Vec::new(),
            metadata: Map::new(),
            introduced_at: None,
            synced_at: None,
            revision: 0,
        }
    }

    /// The same with these capabilities added, or brought up to date where they are there; none is removed. Metadata, where it is told, replaces
    /// what was told before.
    pub fn with(
        &self,
        pushed: Vec<Capability>,
        metadata: Option<Map<String, Value>>,
        now: Timestamp,
    ) -> Result<Self> {
        let mut next = Self {
            synced_at: Some(now),
            revision: self.revision + 1,
            ..self.clone()
        };
        if let Some(metadata) = metadata {
            (next.metadata, next.introduced_at) = (metadata, Some(now));
        }
        for capability in pushed {
            let known = next
                .capabilities
                .iter_mut()
                .find(|known| known.capability.title() == capability.title());
            match known {
                Some(known) if known.capability == capability => {}
                Some(known) => (known.capability, known.last_updated_at) = (capability, now),
                None => next.capabilities.push(PushedCapability {
                    capability,
                    created_at: now,
                    last_updated_at: now,
                }),
            }
        }
        let told = (&next.capabilities, &next.metadata);
        let size = serde_json::to_vec(&told).map_or(usize::MAX, |bytes| bytes.len());
        if size > MAX_STORED_BYTES {
            return Err(Error::invalid(
                "",
                "would make all that is told of this server more than 380 KB",
            ));
        }
        Ok(next)
    }
}

/// What was said about single capabilities at one level: for a connection, or for a server. One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Toggles {
    pub tenant: TenantId,
    /// The connection's or the server's id.
    pub of: Uuid,
    /// By kind and name, also of what nobody has discovered yet.
    #[serde(with = "as_json")]
    pub said: BTreeMap<String, Toggle>,
    pub revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toggle {
    pub enabled: bool,
    pub at: Timestamp,
}

/// One switch to turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    pub kind: Kind,
    pub name: String,
    pub enabled: bool,
}

impl Toggles {
    pub const fn none(tenant: TenantId, of: Uuid) -> Self {
        Self {
            tenant,
            of,
            said: BTreeMap::new(),
            revision: 0,
        }
    }

    pub fn with(&self, switches: &[Switch], at: Timestamp) -> Result<Self> {
        let mut next = Self {
            revision: self.revision + 1,
            ..self.clone()
        };
        for Switch {
            kind,
            name,
            enabled,
        } in switches
        {
            next.said.insert(
                title(*kind, name),
                Toggle {
                    enabled: *enabled,
                    at,
                },
            );
        }
        let size = serde_json::to_vec(&next.said).map_or(usize::MAX, |bytes| bytes.len());
        if size > MAX_STORED_BYTES {
            return Err(Error::invalid(
                "/capabilities",
                "would be more than 380 KB of switches in all",
            ));
        }
        Ok(next)
    }

    pub fn of(&self, kind: Kind, name: &str) -> Option<Toggle> {
        self.said.get(&title(kind, name)).copied()
    }

    fn allow(&self, kind: Kind, name: &str) -> bool {
        self.of(kind, name).is_none_or(|toggle| toggle.enabled)
    }
}

/// A capability with what holds of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    pub capability: Capability,
    /// Whether it may be used, all levels together.
    pub enabled: bool,
    /// Whether the first level alone allows it.
    pub connection_enabled: bool,
    pub created_at: Option<Timestamp>,
    pub last_updated_at: Option<Timestamp>,
}

/// A capability, when it was first told of and when last.
type Known = (Capability, Option<Timestamp>, Option<Timestamp>);

/// Everything that is known of a connection's server, once each, with what holds of it: for the whole tenant, or for one server when its
/// toggles are given. Sorted by kind and name.
pub fn effective(
    tools: Vec<Tool>,
    pushed: Pushed,
    connection: &Toggles,
    server: Option<&Toggles>,
) -> Vec<Effective> {
    let mut known: BTreeMap<(Kind, String), Known> = BTreeMap::new();
    for PushedCapability {
        capability,
        created_at,
        last_updated_at,
    } in pushed.capabilities
    {
        let title = (capability.kind, capability.name.clone());
        known.insert(title, (capability, Some(created_at), Some(last_updated_at)));
    }
    // What a check found itself is newer than what it was told, but for what it does not look at.
    for mut capability in tools.into_iter().map(Capability::from) {
        let title = (capability.kind, capability.name.clone());
        let (mut created_at, mut updated_at) = (None, None);
        if let Some((told, created, updated)) = known.remove(&title) {
            (created_at, updated_at) = (created, updated);
            let told = told.beyond_checks().into_iter();
            capability
                .members
                .extend(told.flat_map(|told| told.members));
        }
        known.insert(title, (capability, created_at, updated_at));
    }
    // A tool that no check finds any more is gone, where nobody told more of it than checks leave out.
    known.retain(|(kind, _), (capability, ..)| {
        let members = &capability.members;
        let is_whole = members.is_empty() || members.keys().any(|name| !is_unchecked(name));
        *kind != Kind::Tool || is_whole
    });
    known
        .into_values()
        .map(|(capability, created_at, updated_at)| {
            let (kind, name) = capability.title();
            let connection_enabled = connection.allow(kind, name);
            let enabled =
                connection_enabled && server.is_none_or(|server| server.allow(kind, name));
            let toggled_at = server
                .unwrap_or(connection)
                .of(kind, name)
                .map(|toggle| toggle.at);
            Effective {
                enabled,
                connection_enabled,
                created_at,
                last_updated_at: updated_at.max(toggled_at),
                capability,
            }
        })
        .collect()
}

/// How many there are of a kind, and how many of them may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub total: usize,
    pub enabled: usize,
}

pub fn tally(of: &[Effective], kind: Kind) -> Tally {
    let of_kind = of.iter().filter(|known| known.capability.kind == kind);
    Tally {
        total: of_kind.clone().count(),
        enabled: of_kind.filter(|known| known.enabled).count(),
    }
}

fn title(kind: Kind, name: &str) -> String {
    format!("{} {name}", kind.word())
}

/// Keeps a value as JSON in a text.
mod as_json {
    use serde::{
        Deserialize as _, Deserializer, Serialize, Serializer, de, de::DeserializeOwned, ser,
    };

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(value).map_err(ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);
    const LATER: Timestamp = NOW.plus_seconds(60);

    fn ids() -> (TenantId, ConnectionId) {
        (
            TenantId::new(Uuid::from_u128(1)),
            ConnectionId::new(Uuid::from_u128(2)),
        )
    }

    fn toggles(said: Option<bool>) -> Toggles {
        let none = Toggles::none(ids().0, Uuid::from_u128(2));
        match said {
            None => none,
            Some(enabled) => none
                .with(
                    &[Switch {
                        kind: Kind::Tool,
                        name: "t".to_owned(),
                        enabled,
                    }],
                    NOW,
                )
                .unwrap(),
        }
    }

    fn tool(name: &str) -> Tool {
        serde_json::from_value(
            json!({ "name": name, "description": "found", "inputSchema": { "type": "object" } }),
        )
        .unwrap()
    }

    fn capability(value: Value) -> Capability {
        Capability::new(
            Kind::Tool,
            value["name"].as_str().unwrap().to_owned(),
            value.as_object().unwrap(),
        )
    }

    /// Every combination of what was said at the two levels and of who knows the capability.
    #[test]
    fn a_level_can_only_take_away() {
        let (tenant, connection) = ids();
        let pushed = Pushed::nothing(tenant, connection)
            .with(vec![capability(json!({ "name": "t" }))], None, NOW)
            .unwrap();
        let nothing = Pushed::nothing(tenant, connection);
        for at_connection in [None, Some(true), Some(false)] {
            for at_server in [None, Some(None), Some(Some(true)), Some(Some(false))] {
                for (tools, told) in [
                    (vec![tool("t")], &nothing),
                    (vec![], &pushed),
                    (vec![tool("t")], &pushed),
                ] {
                    let first = toggles(at_connection);
                    let second = at_server.map(toggles);
                    let known = effective(tools, told.clone(), &first, second.as_ref());
                    let [known] = known.as_slice() else {
                        panic!("{known:?}")
                    };
                    let allowed = at_connection != Some(false);
                    assert_eq!(known.connection_enabled, allowed);
                    assert_eq!(
                        known.enabled,
                        allowed && at_server != Some(Some(false)),
                        "{at_connection:?} {at_server:?}"
                    );
                }
            }
        }
        // Said before anybody knew of it.
        assert_eq!(effective(vec![], nothing, &toggles(Some(false)), None), []);
    }

    #[test]
    fn what_is_pushed_is_added_and_nothing_is_removed() {
        let (tenant, connection) = ids();
        let first = Pushed::nothing(tenant, connection)
            .with(
                vec![
                    capability(json!({ "name": "a" })),
                    capability(json!({ "name": "b" })),
                ],
                None,
                NOW,
            )
            .unwrap();
        let second = first
            .with(
                vec![capability(
                    json!({ "name": "b", "inputSchema": { "type": "object" }, "evil": 1 }),
                )],
                None,
                LATER,
            )
            .unwrap();
        let known = effective(vec![tool("c")], second.clone(), &toggles(None), None);
        let names: Vec<_> = known
            .iter()
            .map(|known| known.capability.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(
            (known[1].created_at, known[1].last_updated_at),
            (Some(NOW), Some(LATER))
        );
        assert_eq!(
            known[1].capability.members,
            *json!({ "input_schema": { "type": "object" } })
                .as_object()
                .unwrap()
        );
        assert_eq!((second.revision, second.synced_at), (2, Some(LATER)));
        let huge =
            capability(json!({ "name": "huge", "description": "x".repeat(MAX_STORED_BYTES) }));
        assert!(matches!(
            second.with(vec![huge], None, LATER),
            Err(Error::Invalid(_))
        ));
        let long = Map::from_iter([(
            "instructions".to_owned(),
            "x".repeat(MAX_STORED_BYTES).into(),
        )]);
        assert!(matches!(
            second.with(Vec::new(), Some(long), LATER),
            Err(Error::Invalid(_))
        ));
    }

    #[test]
    fn members_of_another_type_are_not_kept() {
        let given = json!({ "name": "x", "title": 7, "icons": {}, "size": "1", "inputSchema": [], "mime_type": "text/plain", "annotations": null });
        assert_eq!(
            capability(given).members,
            *json!({ "mime_type": "text/plain" }).as_object().unwrap()
        );
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let (tenant, connection) = ids();
        let pushed = Pushed::nothing(tenant, connection)
            .with(
                vec![capability(json!({ "name": "a", "size": 1.5 }))],
                json!({ "title": "T" }).as_object().cloned(),
                NOW,
            )
            .unwrap();
        let pushed = pushed.with(Vec::new(), None, LATER).unwrap();
        assert_eq!(
            (pushed.introduced_at, pushed.synced_at),
            (Some(NOW), Some(LATER))
        );
        assert_eq!(
            serde_json::from_value::<Pushed>(json!(pushed)).unwrap(),
            pushed
        );
        let said = toggles(Some(false));
        assert_eq!(
            serde_json::from_value::<Toggles>(json!(said)).unwrap(),
            said
        );
        assert_eq!(
            tally(&effective(vec![tool("t")], pushed, &said, None), Kind::Tool),
            Tally {
                total: 2,
                enabled: 1
            }
        );
    }
}
