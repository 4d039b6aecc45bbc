//! What each misbehaviour writes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Seen, Shared,
    answers::{credential, echo, error_of, fill, legacy, modern, result_of, tool},
    behaviour::Behaviour,
    wire::{Plain, Wire, chunk, chunked_head, event},
};

const SECOND: Duration = Duration::from_secs(1);
const MEGABYTE: usize = 1024 * 1024;

/// Serves one connection. Ends when the client has gone or the script has.
pub(super) async fn serve<S>(stream: S, behaviour: &Behaviour, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream);
    while let Some(seen) = wire.request().await {
        let refused = {
            let mut state = shared.lock();
            state.seen.push(seen.clone());
            state
                .credential
                .as_ref()
                .is_some_and(|(name, value)| seen.header(name) != Some(value.as_str()))
        };
        let done = if refused {
            wire.write(&Plain::new(401, "", "").bytes()).await
        } else {
            play(&mut wire, &seen, behaviour, shared).await
        };
        if done.is_none() {
            break;
        }
    }
}

/// Plays one exchange. Nothing comes back where the connection is over.
async fn play<S>(
    wire: &mut Wire<S>,
    seen: &Seen,
    behaviour: &Behaviour,
    shared: &Shared,
) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is = |method: &str| seen.rpc == method || seen.method == method;
    let good = modern(seen).bytes();
    match behaviour {
        Behaviour::Slow(pause) => {
            tokio::time::sleep(*pause).await;
            wire.write(&good).await
        }
        Behaviour::HangAt(method) if is(method) => hang().await,
        Behaviour::HangInHead => {
            wire.write(b"HTTP/1.1 20").await?;
            hang().await
        }
        Behaviour::HangInBody => {
            wire.write(&good[..good.len() - 10]).await?;
            hang().await
        }
        Behaviour::DripHead => wire.drip(&good, 1, SECOND).await,
        Behaviour::DripBody => {
            let answer = modern(seen);
            let head = answer.head(&format!("Content-Length: {}\r\n", answer.body.len()));
            wire.write(&head).await?;
            wire.drip(&answer.body, 1, SECOND).await
        }
        Behaviour::Comments => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            loop {
                wire.write(&chunk(": still here\n\n")).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Behaviour::CommentFlood => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.flood(&chunk(": here\n".repeat(1000))).await
        }
        Behaviour::CloseAtOnce | Behaviour::HangAtOnce => None,
        Behaviour::CloseAt(method) if is(method) => None,
        Behaviour::CloseInHead => {
            wire.write(b"HTTP/1.1 200 OK\r\nContent-Ty").await?;
            None
        }
        Behaviour::CloseInBody => {
            wire.write(&good[..good.len() - 10]).await?;
            None
        }
        Behaviour::CloseInEvents => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.write(&chunk("id: 1\ndata:\n\n")).await?;
            wire.write(&chunk("")).await
        }
        Behaviour::CloseAfterEach => {
            wire.write(&good).await?;
            None
        }
        Behaviour::Raw(bytes) => {
            wire.write(bytes).await?;
            None
        }
        Behaviour::Http10 => {
            let good = String::from_utf8_lossy(&good).replace("HTTP/1.1", "HTTP/1.0");
            wire.write(good.as_bytes()).await?;
            None
        }
        Behaviour::EarlyHints => {
            wire.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                .await?;
            wire.write(&good).await
        }
        Behaviour::HugeHeader => {
            wire.write(b"HTTP/1.1 200 OK\r\nX-Filler: ").await?;
            wire.flood(&vec![b'a'; MEGABYTE]).await
        }
        Behaviour::ManyHeaders => {
            wire.write(b"HTTP/1.1 200 OK\r\n").await?;
            wire.flood(&b"X-Filler: a\r\n".repeat(1000)).await
        }
        Behaviour::HugeBody => {
            let head = Plain::new(200, "application/json", "");
            wire.write(&head.head("Content-Length: 104857600\r\n"))
                .await?;
            wire.flood(&vec![b' '; MEGABYTE]).await
        }
        Behaviour::EndlessBody => {
            wire.write(&chunked_head(200, "application/json")).await?;
            wire.flood(&chunk(vec![b'['; 64 * 1024])).await
        }
        Behaviour::EndlessEvent => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.flood(&chunk(format!("data: {}\n", "a".repeat(64 * 1024))))
                .await
        }
        Behaviour::GzipBomb => {
            // What makes it a bomb is the header: a client that inflates has already lost.
            let bomb = Plain::new(
                200,
                "application/json",
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03".repeat(100),
            )
            .with("Content-Encoding", "gzip");
            wire.write(&bomb.bytes()).await
        }
        Behaviour::TwoContentLengths => {
            let answer = modern(seen);
            let two = format!(
                "Content-Length: {}\r\nContent-Length: 7\r\n",
                answer.body.len()
            );
            wire.write(&answer.head(&two)).await?;
            wire.write(&answer.body).await
        }
        Behaviour::LengthAndChunks => {
            let answer = modern(seen);
            wire.write(&answer.head("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n"))
                .await?;
            wire.write(&chunk(&answer.body)).await?;
            wire.write(&chunk("")).await
        }
        Behaviour::SaysEvents(text) => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.write(&chunk(fill(text, seen))).await?;
            wire.write(&chunk("")).await
        }
        Behaviour::NeverCloses => {
            let answer: Value = serde_json::from_slice(&modern(seen).body).unwrap_or_default();
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.write(&chunk(event(&answer))).await?;
            hang().await
        }
        Behaviour::Chatty if seen.rpc == "initialize" || seen.rpc == "tools/list" => {
            chat(wire, seen).await
        }
        Behaviour::OldTransport if seen.method == "GET" => {
            wire.write(&chunked_head(200, "text/event-stream")).await?;
            wire.write(&chunk("event: endpoint\ndata: /messages?id=1\n\n"))
                .await?;
            hang().await
        }
        Behaviour::OldTransportSilent if seen.method == "GET" => hang().await,
        other => wire.write(&whole(seen, other, shared).bytes()).await,
    }
}

async fn hang() -> Option<()> {
    std::future::pending().await
}

/// A legacy answer after everything that may come before one.
async fn chat<S>(wire: &mut Wire<S>, seen: &Seen) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = legacy(seen);
    let message: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut stream = String::from(": welcome\n\nid: 0\nretry: 3000\ndata:\n\n");
    let notice = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}});
    // The id is ours on purpose: a request of the server's has ids of its own.
    let request = json!({"jsonrpc": "2.0", "id": seen.body["id"], "method": "roots/list"});
    stream.push_str(&event(&notice));
    stream.push_str(&event(&request).replace('\n', "\r\n"));
    stream.push_str("event: ping\ndata: not json\n\n");
    stream.push_str(&event(&message).replace('\n', "\r"));
    let mut head = Plain::new(200, "text/event-stream; charset=utf-8", "");
    head.headers.extend(
        answer
            .headers
            .into_iter()
            .filter(|(name, _)| name != "Content-Type"),
    );
    wire.write(&head.head("Transfer-Encoding: chunked\r\n"))
        .await?;
    for piece in stream.as_bytes().chunks(7) {
        wire.write(&chunk(piece)).await?;
    }
    wire.write(&chunk("")).await
}

/// The answers that are one response with a length.
fn whole(seen: &Seen, behaviour: &Behaviour, shared: &Shared) -> Plain {
    let is = |method: &str| seen.rpc == method || seen.method == method;
    let listing = |result: &Value| match seen.rpc.as_str() {
        "tools/list" => result_of(seen, result),
        _ => modern(seen),
    };
    match behaviour {
        Behaviour::Redirect(status, to) => Plain::new(*status, "", "").with("Location", to),
        Behaviour::Status(status) => Plain::new(*status, "", ""),
        Behaviour::StatusAt(method, status) if is(method) => Plain::new(*status, "", ""),
        Behaviour::RetryAfter(status, when) => {
            Plain::new(*status, "", "").with("Retry-After", when)
        }
        Behaviour::Html(status) => Plain::new(
            *status,
            "text/html; charset=utf-8",
            "<!doctype html><title>Hello</title>",
        ),
        Behaviour::TwoContentTypes => modern(seen).with("Content-Type", "text/html"),
        Behaviour::TwoSessions if is("initialize") => {
            legacy(seen).with("Mcp-Session-Id", "session-2")
        }
        Behaviour::BadSession if is("initialize") => {
            let mut answer = legacy(seen);
            answer.headers.retain(|(name, _)| name != "Mcp-Session-Id");
            answer.with("Mcp-Session-Id", "two words")
        }
        Behaviour::Says(text) => Plain::new(200, "application/json", fill(text, seen)),
        Behaviour::SaysWith(status, text) => {
            Plain::new(*status, "application/json", fill(text, seen))
        }
        Behaviour::EmptyResults if is("server/discover") => result_of(seen, &json!({})),
        Behaviour::DeepJson => Plain::new(200, "application/json", "[".repeat(500_000)),
        Behaviour::RefusesOnce if shared.lock().seen.len() == 1 => {
            let data = json!({"supported": ["2026-07-28"], "requested": "2026-07-28"});
            error_of(seen, 400, -32022, data)
        }
        Behaviour::FutureOnly => {
            let data = json!({"supported": ["2099-01-01"], "requested": "2026-07-28"});
            error_of(seen, 400, -32022, data)
        }
        Behaviour::Handshakes(version) if is("initialize") => {
            let body = String::from_utf8_lossy(&legacy(seen).body).replace("2025-11-25", version);
            Plain {
                body: body.into_bytes(),
                ..legacy(seen)
            }
        }
        Behaviour::Lists(text) => listing(&serde_json::from_str(text).unwrap_or_default()),
        Behaviour::CursorLoop => listing(&json!({"tools": [], "nextCursor": "again"})),
        Behaviour::EndlessCursors => {
            let page = shared.lock().seen.len().to_string();
            listing(&json!({"tools": [tool(&page)], "nextCursor": page}))
        }
        Behaviour::ManyTools(number) => {
            let tools: Vec<_> = (0..*number).map(|n| tool(&n.to_string())).collect();
            listing(&json!({ "tools": tools }))
        }
        Behaviour::HugeSchema => {
            let schema = json!({"type": "object", "enum": vec![0; 300_000]});
            listing(&json!({"tools": [{"name": "huge", "inputSchema": schema}]}))
        }
        Behaviour::Swarm => listing(&json!({"tools": vec![json!({"a": 0}); 100_000]})),
        Behaviour::NoTools if is("server/discover") => result_of(
            seen,
            &json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0, "cacheScope": "private"}),
        ),
        Behaviour::KeepsSessions if is("DELETE") => Plain::new(405, "", ""),
        Behaviour::Echo => echo(seen),
        Behaviour::EchoRefusal(status) => {
            let auth = credential(seen);
            Plain::new(*status, "text/plain", format!("bad credential {auth}"))
                .with("WWW-Authenticate", &format!("Bearer error=\"{auth}\""))
                .with("X-Debug", &auth)
        }
        Behaviour::EchoError => {
            let auth = credential(seen);
            Plain::json(
                200,
                &json!({"jsonrpc": "2.0", "id": seen.body["id"], "error": {"code": -32603, "message": auth, "data": auth}}),
            )
        }
        Behaviour::OldTransport | Behaviour::OldTransportSilent => {
            Plain::new(404, "text/html", "<pre>Cannot POST /mcp</pre>")
        }
        Behaviour::Legacy
        | Behaviour::HangAt(_)
        | Behaviour::CloseAt(_)
        | Behaviour::StatusAt(..)
        | Behaviour::TwoSessions
        | Behaviour::BadSession
        | Behaviour::EmptyResults
        | Behaviour::Handshakes(_)
        | Behaviour::Chatty
        | Behaviour::KeepsSessions => legacy(seen),
        _ => modern(seen),
    }
}
