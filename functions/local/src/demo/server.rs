//! A small MCP server to register, so that `cargo run` has something that works, and something that stops working with another token.

use std::{future::Future, net::SocketAddr};

use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::server::{self, Dropped, Request, Response};

/// What it wants to see.
pub const TOKEN: &str = "demo-token";

const REVISION: &str = "2026-07-28";
const MAX_BODY: usize = 64 * 1024;

pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()>) {
    server::serve(listener, shutdown, |request: Request, _: SocketAddr| {
        answer(request)
    })
    .await;
}

async fn answer(request: Request) -> Result<Response, Dropped> {
    let expected = format!("Bearer {TOKEN}");
    let sent = request.headers().get(header::AUTHORIZATION);
    if sent.is_none_or(|sent| sent.as_bytes() != expected.as_bytes()) {
        let mut refusal = reply(
            StatusCode::UNAUTHORIZED,
            &json!({ "error": "invalid_token" }),
        );
        let challenge = header::HeaderValue::from_static("Bearer");
        refusal
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        return Ok(refusal);
    }
    let body = server::read_body(request.into_body(), MAX_BODY)
        .await
        .unwrap_or_default();
    let Ok(call) = serde_json::from_slice::<Value>(&body) else {
        return Ok(reply(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "not JSON" }),
        ));
    };
    let (status, outcome) = match call["method"].as_str() {
        Some("server/discover") => (StatusCode::OK, ("result", discovered())),
        Some("tools/list") => (StatusCode::OK, ("result", tools())),
        _ => (
            StatusCode::NOT_FOUND,
            (
                "error",
                json!({ "code": -32601, "message": "Method not found" }),
            ),
        ),
    };
    let (member, value) = outcome;
    let mut envelope = json!({ "jsonrpc": "2.0", "id": call["id"] });
    envelope[member] = value;
    Ok(reply(status, &envelope))
}

fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": [REVISION],
        "capabilities": { "tools": {} },
        "instructions": "A server to try mcp-steward with. It has two tools that nobody needs.",
        "ttlMs": 60_000,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "mcp-steward-demo", "version": env!("CARGO_PKG_VERSION") } },
    })
}

fn tools() -> Value {
    let tool = |name: &str, description: &str| json!({ "name": name, "description": description, "inputSchema": { "type": "object" } });
    json!({
        "resultType": "complete",
        "tools": [tool("flip_coin", "Says heads or tails."), tool("tell_joke", "Tells the one about the two servers.")],
        "ttlMs": 60_000,
        "cacheScope": "public",
    })
}

fn reply(status: StatusCode, body: &Value) -> Response {
    server::answer(status, "application/json", body.to_string())
}
