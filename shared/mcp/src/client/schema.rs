//! The `x-mcp-header` annotation in a tool's schema: which parameters a caller must repeat as headers.
//!
//! The specification wants a tool with a wrong annotation left out of the list. Nothing here follows a `$ref`, on the network or off it.

use std::collections::HashSet;

use serde_json::{Map, Value};

const ANNOTATION: &str = "x-mcp-header";

/// Keywords whose value is data and not a schema: what looks like an annotation in there is none.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];
/// Keywords whose value is a map of schemas by a name that the tool chose.
const MAPS: [&str; 5] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "$defs",
    "definitions",
];

/// Whether every annotation in a tool's input schema is one that a caller can act on.
pub(super) fn headers_are_valid(schema: &Value) -> bool {
    let mut names = HashSet::new();
    // The root is no parameter, so an annotation on it is as wrong as one below a branch.
    schema
        .as_object()
        .is_none_or(|root| !root.contains_key(ANNOTATION) && inside(root, true, &mut names))
}

/// Judges what is inside a schema. `reachable` says that only `properties` led here.
fn inside(schema: &Map<String, Value>, reachable: bool, names: &mut HashSet<String>) -> bool {
    schema.iter().all(|(keyword, value)| {
        let keyword = keyword.as_str();
        if keyword == ANNOTATION || DATA.contains(&keyword) {
            return true;
        }
        match value {
            Value::Object(members) if MAPS.contains(&keyword) => {
                let reachable = reachable && keyword == "properties";
                members
                    .values()
                    .all(|schema| valid(schema, reachable, names))
            }
            Value::Object(_) => valid(value, false, names),
            Value::Array(schemas) => schemas.iter().all(|schema| valid(schema, false, names)),
            _ => true,
        }
    })
}

fn valid(schema: &Value, reachable: bool, names: &mut HashSet<String>) -> bool {
    let Value::Object(schema) = schema else {
        return true;
    };
    let annotated = match schema.get(ANNOTATION) {
        None => true,
        Some(_) if !reachable => false,
        Some(Value::String(name)) => {
            let primitive = schema
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|kind| matches!(kind, "string" | "integer" | "boolean"));
            primitive && is_token(name) && names.insert(name.to_ascii_lowercase())
        }
        Some(_) => false,
    };
    annotated && inside(schema, reachable, names)
}

/// Whether a text is a token in the sense of HTTP.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameter(annotation: Value, kind: Value) -> Value {
        json!({"type": "object", "properties": {"p": {"type": kind, "x-mcp-header": annotation}}})
    }

    #[test]
    fn primitive_parameters_may_be_headers() {
        for good in [
            json!({}),
            parameter(json!("Region"), json!("string")),
            parameter(json!("Region"), json!("integer")),
            parameter(json!("Region"), json!("boolean")),
            json!({"properties": {"a": {"type": "object", "properties": {"b": {"type": "string", "x-mcp-header": "B"}}}}}),
            // A parameter that happens to have this name, and data that happens to look like a schema.
            json!({"properties": {"x-mcp-header": {"type": "string"}}}),
            json!({"properties": {"a": {"default": {"x-mcp-header": ""}, "enum": [{"x-mcp-header": 1}]}}}),
        ] {
            assert!(headers_are_valid(&good), "{good}");
        }
    }

    #[test]
    fn nothing_else_may() {
        for bad in [
            parameter(json!(""), json!("string")),
            parameter(json!("a b"), json!("string")),
            parameter(json!("a:b"), json!("string")),
            parameter(json!("a\r\nb"), json!("string")),
            parameter(json!("é"), json!("string")),
            parameter(json!(1), json!("string")),
            parameter(json!(null), json!("string")),
            parameter(json!("Region"), json!("number")),
            parameter(json!("Region"), json!("object")),
            parameter(json!("Region"), json!(["string", "null"])),
            parameter(json!("Region"), json!(null)),
            json!({"x-mcp-header": "Root", "type": "string"}),
            json!({"properties": {
                "a": {"type": "string", "x-mcp-header": "Same"},
                "b": {"type": "string", "x-mcp-header": "sAME"},
            }}),
            json!({"properties": {"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}}}),
            json!({"anyOf": [{"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}]}),
            json!({"$defs": {"a": {"type": "string", "x-mcp-header": "A"}}}),
            json!({"if": {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}}),
        ] {
            assert!(!headers_are_valid(&bad), "{bad}");
        }
    }
}
