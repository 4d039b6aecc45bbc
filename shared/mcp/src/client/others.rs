//! What a server offers besides tools: prompts, resources and resource templates.
//!
//! A check is about tools, and whether a server works does not hang on these. So whatever goes wrong with one of these lists ends that
//! list, and nothing else.

use serde_json::{Value, json};
use shared::capability::{Capability, Kind};

use super::wire;
use crate::limits::Limits;

/// A list that a server may have.
pub(super) struct List {
    pub(super) method: &'static str,
    kind: Kind,
    /// The member of a result that holds the items.
    member: &'static str,
    /// The capability under which a server says that it has it.
    capability: &'static str,
}

pub(super) const LISTS: [List; 3] = [
    List {
        method: "prompts/list",
        kind: Kind::Prompt,
        member: "prompts",
        capability: "prompts",
    },
    List {
        method: "resources/list",
        kind: Kind::Resource,
        member: "resources",
        capability: "resources",
    },
    List {
        method: "resources/templates/list",
        kind: Kind::ResourceTemplate,
        member: "resourceTemplates",
        capability: "resources",
    },
];

impl List {
    /// Whether a server says that it has this list, by the capabilities in its introduction.
    pub(super) fn is_offered(&self, capabilities: &Value) -> bool {
        capabilities[self.capability].is_object()
    }

    /// Takes in one result, and returns the parameters that ask for the next page, if there is one.
    pub(super) fn take_page(
        &self,
        mut result: Value,
        found: &mut Vec<Capability>,
        limits: &Limits,
    ) -> Option<Value> {
        if !wire::is_complete(&result) {
            return None;
        }
        let Value::Array(items) = result[self.member].take() else {
            return None;
        };
        for item in items {
            let Value::Object(members) = item else {
                continue;
            };
            let name = members.get("name").and_then(wire::name);
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                continue;
            };
            if found.len() >= limits.tools {
                return None;
            }
            found.push(Capability::new(self.kind, name, &members));
        }
        let cursor = result["nextCursor"].as_str()?;
        Some(json!({ "cursor": cursor }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_leniently_and_lists_end() {
        let limits = Limits::default();
        let [prompts, _, templates] = &LISTS;
        let mut found = Vec::new();
        let page = json!({ "prompts": [{ "name": "a", "arguments": [] }, { "name": "" }, 7], "nextCursor": "x" });
        let next = prompts.take_page(page, &mut found, &limits);
        assert_eq!(next, Some(json!({ "cursor": "x" })));
        let page = json!({ "resourceTemplates": [{ "name": "b", "uriTemplate": "file:///{x}" }] });
        assert_eq!(templates.take_page(page, &mut found, &limits), None);
        let known: Vec<_> = found
            .iter()
            .map(|known| (known.kind, known.name.as_str()))
            .collect();
        assert_eq!(known, [(Kind::Prompt, "a"), (Kind::ResourceTemplate, "b")]);
        assert_eq!(found[1].members["uri_template"], "file:///{x}");
        for nothing in [
            json!(null),
            json!({}),
            json!({ "prompts": {} }),
            json!({ "prompts": [], "resultType": "input_required" }),
        ] {
            assert_eq!(prompts.take_page(nothing, &mut found, &limits), None);
        }
        let many: Vec<_> = (0..2 * limits.tools)
            .map(|n| json!({ "name": n.to_string() }))
            .collect();
        let endless = json!({ "prompts": many, "nextCursor": "x" });
        assert_eq!(prompts.take_page(endless, &mut found, &limits), None);
        assert_eq!(found.len(), limits.tools);
    }
}
