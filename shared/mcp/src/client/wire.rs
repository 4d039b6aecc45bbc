//! The few shapes of MCP that a check meets, read leniently: what is optional and malformed is as good as absent.

use serde_json::{Value, json};
use shared::{
    contract::{MAX_INSTRUCTIONS_BYTES, ServerInfo},
    verdict::Era,
};

use super::era;

/// A title is for people. Nobody reads more of it than this many characters.
const MAX_NAME_CHARS: usize = 1024;
pub(super) const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;

/// What a server says of itself, in either generation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Introduction {
    pub(crate) era: Era,
    pub(crate) version: &'static str,
    pub(crate) server_info: Option<ServerInfo>,
    pub(crate) instructions: Option<String>,
    pub(crate) has_tools: bool,
    /// What it says that it has, as it says it.
    pub(crate) capabilities: Value,
}

impl Introduction {
    /// From a discover result.
    pub(super) fn modern(version: &'static str, result: &Value) -> Self {
        let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
        Self::new(Era::Modern, version, result, info)
    }

    /// From an initialize result.
    pub(super) fn legacy(version: &'static str, result: &Value) -> Self {
        Self::new(Era::Legacy, version, result, &result["serverInfo"])
    }

    fn new(era: Era, version: &'static str, result: &Value, info: &Value) -> Self {
        Self {
            era,
            version,
            server_info: server_info(info),
            instructions: result["instructions"]
                .as_str()
                .map(|text| cut(text, MAX_INSTRUCTIONS_BYTES)),
            has_tools: result["capabilities"]["tools"].is_object(),
            capabilities: result["capabilities"].clone(),
        }
    }
}

fn server_info(info: &Value) -> Option<ServerInfo> {
    Some(ServerInfo {
        name: name(&info["name"])?,
        version: name(&info["version"]).unwrap_or_default(),
        title: name(&info["title"]),
    })
}

/// A short text for people.
pub(super) fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    Some(text.chars().take(MAX_NAME_CHARS).collect())
}

/// The beginning of a text, whole characters only.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

/// Who we are.
pub(super) fn client_info() -> Value {
    json!({"name": "mcp-steward", "version": env!("CARGO_PKG_VERSION")})
}

/// What every modern request carries.
pub(super) fn request_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": era::MODERN,
        "io.modelcontextprotocol/clientInfo": client_info(),
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// Whether a result is one that is finished. Results of legacy servers do not say, and are.
pub(super) fn is_complete(result: &Value) -> bool {
    matches!(result.get("resultType"), None | Some(Value::Null))
        || result["resultType"] == "complete"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_optional_may_be_anything() {
        let plain = Introduction {
            era: Era::Modern,
            version: era::MODERN,
            server_info: None,
            instructions: None,
            has_tools: false,
            capabilities: Value::Null,
        };
        for result in [
            json!({}),
            json!({"_meta": 1, "instructions": [], "capabilities": "x"}),
            json!({"capabilities": {"tools": null}, "_meta": {"io.modelcontextprotocol/serverInfo": {}}}),
        ] {
            let found = Introduction {
                capabilities: Value::Null,
                ..Introduction::modern(era::MODERN, &result)
            };
            assert_eq!(found, plain);
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let result = json!({
            "instructions": "é".repeat(MAX_INSTRUCTIONS_BYTES),
            "serverInfo": {"name": "é".repeat(5000), "version": "1"},
        });
        let found = Introduction::legacy(era::NEWEST_LEGACY, &result);
        assert_eq!(
            found.instructions.map(|text| text.len()),
            Some(MAX_INSTRUCTIONS_BYTES)
        );
        let chars = found.server_info.map(|info| info.name.chars().count());
        assert_eq!(chars, Some(MAX_NAME_CHARS));
        assert_eq!(cut("aé", 2), "a");
    }
}
