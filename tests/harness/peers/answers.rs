//! What servers answer that are as they should be, and the pieces that the others are made of.

use serde_json::{Value, json};

use super::{Seen, wire::Plain};

/// A modern server as it should be.
pub(super) fn modern(seen: &Seen) -> Plain {
    match seen.rpc.as_str() {
        "server/discover" => result_of(
            seen,
            &json!({
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "instructions": "Use with care.",
                "ttlMs": 0,
                "cacheScope": "private",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "1"}},
            }),
        ),
        "tools/list" => result_of(
            seen,
            &json!({"resultType": "complete", "tools": [tool("only")], "ttlMs": 0, "cacheScope": "private"}),
        ),
        _ => error_of(seen, 404, -32601, Value::Null),
    }
}

/// A legacy server as it should be.
pub(super) fn legacy(seen: &Seen) -> Plain {
    match (seen.method.as_str(), seen.rpc.as_str()) {
        ("DELETE", _) => Plain::new(200, "", ""),
        ("GET", _) => Plain::new(405, "", ""),
        (_, "initialize") => result_of(
            seen,
            &json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "scripted", "version": "1"},
                "instructions": "Use with care.",
            }),
        )
        .with("Mcp-Session-Id", "session-1"),
        (_, "notifications/initialized") => Plain::new(202, "", ""),
        (_, "tools/list") if seen.header("mcp-session-id") == Some("session-1") => {
            result_of(seen, &json!({"tools": [tool("only")]}))
        }
        _ => Plain::json(
            400,
            &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "Bad Request: Server not initialized"}}),
        ),
    }
}

/// A good modern server with the credential in every text.
pub(super) fn echo(seen: &Seen) -> Plain {
    let auth = credential(seen);
    let result = match seen.rpc.as_str() {
        "server/discover" => json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "instructions": format!("You sent {auth}."),
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": auth, "version": auth, "title": auth}},
        }),
        _ => json!({"tools": [{
            "name": auth,
            "title": auth,
            "description": auth,
            "inputSchema": {"type": "object", "properties": {auth.clone(): {"default": auth}}},
            "annotations": {"title": auth},
        }]}),
    };
    result_of(seen, &result).with("X-Echo", &auth)
}

pub(super) fn credential(seen: &Seen) -> String {
    let sent = seen.header("authorization").or(seen.header("x-key"));
    sent.unwrap_or_default().to_owned()
}

pub(super) fn tool(name: &str) -> Value {
    json!({"name": name, "description": "Does something.", "inputSchema": {"type": "object"}})
}

pub(super) fn result_of(seen: &Seen, result: &Value) -> Plain {
    Plain::json(
        200,
        &json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": result}),
    )
}

pub(super) fn error_of(seen: &Seen, status: u16, code: i64, data: Value) -> Plain {
    Plain::json(
        status,
        &json!({"jsonrpc": "2.0", "id": seen.body["id"], "error": {"code": code, "message": "No.", "data": data}}),
    )
}

pub(super) fn fill(text: &str, seen: &Seen) -> String {
    text.replace("$ID", &seen.body["id"].to_string())
        .replace("$AUTH", &credential(seen))
}
