//! Collecting the pages of `tools/list` into a list that ends.

use std::collections::HashSet;

use serde_json::{Map, Value};
use shared::{
    contract::Tool,
    verdict::{Era, Reason},
};

use super::{
    schema,
    wire::{self, MAX_DESCRIPTION_BYTES},
};
use crate::limits::Limits;

/// A cursor is a key into the server's list; nothing that long is one.
const MAX_CURSOR_BYTES: usize = 16 * 1024;

/// The tools so far.
pub(super) struct Listing<'a> {
    limits: &'a Limits,
    era: Era,
    tools: Vec<Tool>,
    /// Pages are no snapshot, so a tool may come twice. Only the first counts, or the contract would seem to change.
    names: HashSet<String>,
    cursors: HashSet<String>,
    pages: usize,
    kept_bytes: usize,
}

impl<'a> Listing<'a> {
    pub(super) fn new(limits: &'a Limits, era: Era) -> Self {
        Self {
            limits,
            era,
            tools: Vec::new(),
            names: HashSet::new(),
            cursors: HashSet::new(),
            pages: 0,
            kept_bytes: 0,
        }
    }

    pub(super) fn into_tools(self) -> Vec<Tool> {
        self.tools
    }

    /// Takes in one result of `tools/list`, and returns the cursor of the next page, if there is one.
    pub(super) fn take_page(&mut self, result: Value) -> Result<Option<String>, Reason> {
        self.pages += 1;
        if !wire::is_complete(&result) {
            return Err(Reason::ProtocolError);
        }
        let Value::Object(mut page) = result else {
            return Err(Reason::ProtocolError);
        };
        let cursor = match page.remove("nextCursor") {
            None | Some(Value::Null) => None,
            Some(Value::String(cursor)) => Some(cursor),
            Some(_) => return Err(Reason::ProtocolError),
        };
        let Some(Value::Array(tools)) = page.remove("tools") else {
            return Err(Reason::ProtocolError);
        };
        for tool in tools {
            self.take(tool)?;
        }
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        if self.pages >= self.limits.pages || cursor.len() > MAX_CURSOR_BYTES {
            return Err(Reason::ResponseTooLarge);
        }
        // The same cursor again would lead around in a circle.
        if !self.cursors.insert(cursor.clone()) {
            return Err(Reason::ProtocolError);
        }
        Ok(Some(cursor))
    }

    fn take(&mut self, tool: Value) -> Result<(), Reason> {
        let Value::Object(mut tool) = tool else {
            return Err(Reason::ProtocolError);
        };
        let input_schema = tool.remove("inputSchema").unwrap_or_default();
        let name = tool.get("name").and_then(wire::name).unwrap_or_default();
        if name.is_empty() || !input_schema.is_object() {
            return Err(Reason::ProtocolError);
        }
        // The annotation is of 2026-07-28 and means nothing to a server of before. A tool that uses it wrongly cannot be called, the
        // others can.
        if self.era == Era::Modern && !schema::headers_are_valid(&input_schema) {
            return Ok(());
        }
        if !self.names.insert(name.clone()) {
            return Ok(());
        }
        let annotations = tool.remove("annotations").filter(Value::is_object);
        self.kept_bytes += weight(&input_schema) + annotations.as_ref().map_or(0, weight);
        if self.tools.len() >= self.limits.tools || self.kept_bytes > self.limits.kept_bytes {
            return Err(Reason::ResponseTooLarge);
        }
        self.tools.push(Tool {
            name,
            title: text(&tool, "title").and_then(wire::name),
            description: text(&tool, "description")
                .and_then(Value::as_str)
                .map(|text| wire::cut(text, MAX_DESCRIPTION_BYTES)),
            input_schema,
            annotations,
        });
        Ok(())
    }
}

fn text<'a>(tool: &'a Map<String, Value>, member: &str) -> Option<&'a Value> {
    tool.get(member).filter(|value| value.is_string())
}

/// About what a value takes in memory. The parser has bounded its depth.
fn weight(value: &Value) -> usize {
    // A map allocates room for eleven members as soon as it has one.
    const MAP: usize = 640;
    size_of::<Value>()
        + match value {
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) if members.is_empty() => 0,
            Value::Object(members) => {
                let held = |(name, member): (&String, &Value)| name.len() + weight(member);
                MAP + members.iter().map(held).sum::<usize>()
            }
            Value::String(text) => text.len(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(name: &str) -> Value {
        json!({"name": name, "inputSchema": {"type": "object"}})
    }

    #[test]
    fn an_empty_cursor_is_a_cursor_and_a_repeated_one_a_circle() {
        let limits = Limits::default();
        let mut listing = Listing::new(&limits, Era::Legacy);
        let page = json!({"tools": [tool("a")], "nextCursor": ""});
        assert_eq!(listing.take_page(page.clone()), Ok(Some(String::new())));
        assert_eq!(listing.take_page(page), Err(Reason::ProtocolError));
    }

    #[test]
    fn a_tool_that_comes_twice_counts_once() {
        let limits = Limits::default();
        let mut listing = Listing::new(&limits, Era::Legacy);
        let first = json!({"tools": [tool("a"), tool("b")], "nextCursor": "x"});
        assert_eq!(listing.take_page(first), Ok(Some("x".to_owned())));
        let second = json!({"tools": [tool("b"), tool("c")], "nextCursor": null});
        assert_eq!(listing.take_page(second), Ok(None));
        let names: Vec<_> = listing.into_tools().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn the_list_ends() {
        let limits = Limits::default();
        let mut listing = Listing::new(&limits, Era::Modern);
        let mut page = 0;
        let end = loop {
            page += 1;
            match listing.take_page(json!({"tools": [], "nextCursor": page.to_string()})) {
                Ok(_) => {}
                Err(reason) => break reason,
            }
        };
        assert_eq!((page, end), (limits.pages, Reason::ResponseTooLarge));

        let many: Vec<_> = (0..=limits.tools).map(|n| tool(&n.to_string())).collect();
        let mut listing = Listing::new(&limits, Era::Modern);
        let all = listing.take_page(json!({ "tools": many }));
        assert_eq!(all, Err(Reason::ResponseTooLarge));

        let mut listing = Listing::new(&limits, Era::Modern);
        let heavy = json!({"name": "a", "inputSchema": {"enum": vec![0; limits.kept_bytes / 32]}});
        let all = listing.take_page(json!({"tools": [heavy]}));
        assert_eq!(all, Err(Reason::ResponseTooLarge));
    }

    #[test]
    fn what_is_no_list_of_tools_breaks_the_protocol() {
        let limits = Limits::default();
        for page in [
            json!({}),
            json!(null),
            json!([]),
            json!("x"),
            json!({"tools": {}}),
            json!({"tools": ["a"]}),
            json!({"tools": [{"name": "a"}]}),
            json!({"tools": [{"name": "a", "inputSchema": "object"}]}),
            json!({"tools": [{"name": "", "inputSchema": {}}]}),
            json!({"tools": [{"name": 1, "inputSchema": {}}]}),
            json!({"tools": [], "nextCursor": 2}),
            json!({"tools": [], "resultType": "input_required"}),
        ] {
            let mut listing = Listing::new(&limits, Era::Modern);
            let end = listing.take_page(page.clone());
            assert_eq!(end, Err(Reason::ProtocolError), "{page}");
        }
    }
}
