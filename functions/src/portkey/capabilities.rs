//! Capabilities on the wire: a page of them, the switches of a body, and what the gateway found and pushes.

use serde_json::{Map, Value, json};
use shared::{
    ParseError,
    capability::{self, Capability, Effective, Kind, Switch},
    error::Result,
    ports::Window,
    slug::Reference,
    tenant::WorkspaceId,
};

use super::{Pages, own_organisation, workspace_id};
use crate::{edge::Call, fields::Fields};

/// What a pushed list may weigh: descriptions and schemas of many tools.
pub const MAX_PUSHED_BYTES: usize = 512 * 1024;

const PAGES: Pages = Pages::from_one(100, 500);

/// Whose capabilities are shown, and so what is told of each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Integration,
    /// Users are shown what they may use, all others also whether the integration allows it.
    Server {
        for_user: bool,
    },
}

/// Which capabilities are wanted.
pub struct Query {
    pub workspace: Option<Reference<WorkspaceId>>,
    kind: Option<Kind>,
    /// Nothing where all of them are wanted, and first of all what is switched off.
    window: Option<Window>,
}

impl Query {
    pub fn read(call: &Call) -> Result<Self> {
        let mut query = call.query()?;
        query.drop_empty();
        own_organisation(&mut query, call);
        let is_paged = ["page", "current_page", "page_size"]
            .iter()
            .any(|name| query.has(name));
        let window = PAGES.read(&mut query);
        let workspace = workspace_id(&mut query);
        let kind = query.text("type");
        // The gateway reads one page and lets be called whatever is not switched off on it.
        let wants_all = call.caller.is_gateway() && !is_paged;
        query.accept(Some(Self {
            workspace,
            kind,
            window: (!wants_all).then_some(window),
        }))
    }

    /// The answer.
    pub fn page(self, known: Vec<Effective>, level: Level) -> Value {
        let counts = counts(&known);
        let mut wanted: Vec<_> = known
            .into_iter()
            .filter(|known| self.kind.is_none_or(|kind| known.capability.kind == kind))
            .collect();
        let total = wanted.len();
        let window = self.window.unwrap_or_else(|| {
            wanted.sort_by_key(|known| known.enabled);
            Window {
                offset: 0,
                limit: total,
            }
        });
        let data: Vec<_> = wanted
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .map(|known| item(known, level))
            .collect();
        json!({
            "object": "list",
            "has_more": window.offset.saturating_add(data.len()) < total,
            "data": data,
            "counts": counts,
            "total": total,
        })
    }
}

/// Of all there are, whatever is asked for.
fn counts(known: &[Effective]) -> Value {
    json!({
        "tools": capability::tally(known, Kind::Tool),
        "prompts": capability::tally(known, Kind::Prompt),
        "resources": capability::tally(known, Kind::Resource),
        "resource_templates": capability::tally(known, Kind::ResourceTemplate),
    })
}

/// What is not known is left out: Portkey's document lets nothing of it be required, and not all of it be null.
fn item(known: Effective, level: Level) -> Map<String, Value> {
    let Effective {
        capability,
        enabled,
        connection_enabled,
        created_at,
        last_updated_at,
    } = known;
    let mut item = capability.members;
    item.insert("name".to_owned(), capability.name.into());
    item.insert("type".to_owned(), capability.kind.word().into());
    item.insert("enabled".to_owned(), enabled.into());
    match level {
        Level::Integration => {
            let moments = [
                ("created_at", created_at),
                ("last_updated_at", last_updated_at),
            ];
            for (name, moment) in moments {
                item.extend(moment.map(|moment| (name.to_owned(), moment.to_string().into())));
            }
        }
        Level::Server { for_user: false } => {
            item.insert("integration_enabled".to_owned(), connection_enabled.into());
        }
        Level::Server { for_user: true } => {}
    }
    item
}

/// Reads which capabilities are to be switched on or off. Whether anybody has discovered them does not matter.
pub fn switches(mut fields: Fields) -> Result<Vec<Switch>> {
    fields.drop_nulls(&[]);
    fields.require(&["capabilities"]);
    let switches = fields.objects("capabilities", |item| {
        item.require(&["name", "type", "enabled"]);
        let (name, kind) = (item.text::<Name>("name"), item.text::<Switchable>("type"));
        let enabled = item.flag("enabled");
        Some(Switch {
            kind: kind?.0,
            name: name?.0,
            enabled: enabled?,
        })
    });
    if switches.as_ref().is_some_and(Vec::is_empty) {
        fields.problem("capabilities", "must have at least one item");
    }
    fields.accept(switches)
}

/// Takes what the gateway found, in the spelling of the API or of MCP.
pub fn pushed(fields: &mut Fields) -> Option<Vec<Capability>> {
    fields.objects("capabilities", |item| {
        item.require(&["name", "type"]);
        let (name, kind) = (item.text::<Name>("name"), item.text("type"));
        Some(Capability::new(kind?, name?.0, &item.rest()))
    })
}

/// What names a capability among those of its kind.
struct Name(String);

impl TryFrom<String> for Name {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if (1..=1024).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(ParseError("must be 1 to 1024 bytes"))
        }
    }
}

/// Resource templates can be seen and not switched.
struct Switchable(Kind);

impl TryFrom<String> for Switchable {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match Kind::try_from(text) {
            Ok(Kind::ResourceTemplate) | Err(_) => {
                Err(ParseError("must be tool, prompt or resource"))
            }
            Ok(kind) => Ok(Self(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::error::{Error, Problem};

    use super::*;

    fn known(kind: Kind, name: &str, enabled: bool) -> Effective {
        Effective {
            capability: Capability::new(kind, name.to_owned(), &Map::new()),
            enabled,
            connection_enabled: true,
            created_at: None,
            last_updated_at: None,
        }
    }

    fn all() -> Vec<Effective> {
        vec![
            known(Kind::Tool, "a", true),
            known(Kind::Tool, "b", false),
            known(Kind::Prompt, "c", true),
            known(Kind::ResourceTemplate, "d", true),
        ]
    }

    fn query(kind: Option<Kind>, window: Option<(usize, usize)>) -> Query {
        Query {
            workspace: None,
            kind,
            window: window.map(|(offset, limit)| Window { offset, limit }),
        }
    }

    fn names(page: &Value) -> Vec<&str> {
        let items = page["data"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item["name"].as_str())
            .collect()
    }

    #[test]
    fn counts_are_of_everything_and_the_total_of_what_is_asked_for() {
        let page = query(Some(Kind::Tool), Some((0, 1))).page(all(), Level::Integration);
        assert_eq!(names(&page), ["a"]);
        assert_eq!(
            (&page["total"], &page["has_more"]),
            (&json!(2), &json!(true))
        );
        assert_eq!(page["counts"]["tools"], json!({ "total": 2, "enabled": 1 }));
        assert_eq!(
            page["counts"]["prompts"],
            json!({ "total": 1, "enabled": 1 })
        );
        assert_eq!(
            page["counts"]["resources"],
            json!({ "total": 0, "enabled": 0 })
        );
        assert_eq!(
            page["counts"]["resource_templates"],
            json!({ "total": 1, "enabled": 1 })
        );
        let beyond = query(None, Some((100, 100))).page(all(), Level::Integration);
        assert_eq!(
            (names(&beyond), &beyond["has_more"]),
            (vec![], &json!(false))
        );
    }

    #[test]
    fn who_reads_one_page_is_told_first_what_is_switched_off() {
        let page = query(None, None).page(all(), Level::Server { for_user: false });
        assert_eq!(names(&page), ["b", "a", "c", "d"]);
        assert_eq!(page["has_more"], false);
        assert_eq!(page["data"][0]["integration_enabled"], true);
    }

    #[test]
    fn users_are_told_what_they_may_use_and_nothing_else() {
        let page = query(None, Some((0, 1))).page(all(), Level::Server { for_user: true });
        assert_eq!(
            page["data"][0],
            json!({ "name": "a", "type": "tool", "enabled": true })
        );
    }

    fn body(value: Value) -> Fields {
        Fields::of_body(value.as_object().cloned().unwrap_or_default())
    }

    fn told(outcome: Result<Vec<Switch>>) -> Vec<String> {
        match outcome {
            Err(Error::Invalid(problems)) => problems
                .into_iter()
                .map(|Problem { field, problem }| format!("{field} {problem}"))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_switch_says_what_of_which_kind_and_whereto() {
        let given = json!({ "capabilities": [{ "name": "x", "type": "prompt", "enabled": false, "more": 1 }] });
        let switch = Switch {
            kind: Kind::Prompt,
            name: "x".to_owned(),
            enabled: false,
        };
        assert_eq!(switches(body(given)).ok(), Some(vec![switch]));
        for (given, problems) in [
            (json!({}), vec!["/capabilities is required"]),
            (
                json!({ "capabilities": null }),
                vec!["/capabilities is required"],
            ),
            (
                json!({ "capabilities": [] }),
                vec!["/capabilities must have at least one item"],
            ),
            (
                json!({ "capabilities": ["x"] }),
                vec!["/capabilities/0 must be an object"],
            ),
            (
                json!({ "capabilities": [{ "name": "", "type": "resource_template" }] }),
                vec![
                    "/capabilities/0/enabled is required",
                    "/capabilities/0/name must be 1 to 1024 bytes",
                    "/capabilities/0/type must be tool, prompt or resource",
                ],
            ),
        ] {
            assert_eq!(told(switches(body(given))), problems);
        }
    }

    #[test]
    fn what_is_pushed_is_kept_in_our_spelling() {
        let mut fields = body(json!({ "capabilities": [
            { "name": "x", "type": "tool", "inputSchema": { "type": "object" }, "_meta": {} },
            { "name": "y", "type": "resource", "uri": "file:///y", "mime_type": "text/plain" },
        ] }));
        let pushed = pushed(&mut fields).unwrap_or_default();
        let members: Vec<_> = pushed
            .into_iter()
            .map(|told| Value::Object(told.members))
            .collect();
        assert_eq!(
            members,
            [
                json!({ "input_schema": { "type": "object" } }),
                json!({ "uri": "file:///y", "mime_type": "text/plain" }),
            ]
        );
    }
}
