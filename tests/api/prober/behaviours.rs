//! Every misbehaviour, and the one reason that a check gives for it.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, stream};
use harness::peers::{Behaviour, Peer};
use shared::verdict::Reason::{self, *};
use shared_mcp::Limits;

use super::{assert_lawful, check, outcome, prober, quick};

const BOTH: &str =
    r#"{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":-32603,"message":"no"}}"#;
const OUR_VERSION_REFUSED: &str = r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;
const BAD_ANNOTATIONS: &str = r#"{"tools":[
    {"name":"good","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}}},
    {"name":"empty","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":""}}}},
    {"name":"number","inputSchema":{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}}]}"#;
const REMOTE_SCHEMA: &str = r#"{"tools":[{"name":"remote","inputSchema":{"type":"object","properties":{"a":{"$ref":"http://127.0.0.1:1/schema.json"}}}}]}"#;
const INVALID_UTF8: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"\xff\xfe\"}}";
const HTTP2_SETTINGS: &[u8] =
    b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x01\0\0\x10\0";

/// What a check says of each: so many tools, or a reason.
fn table() -> Vec<(Behaviour, Result<usize, Reason>)> {
    use Behaviour as B;
    vec![
        // Good servers, each in a way that a careless client stumbles over.
        (B::Modern, Ok(1)),
        (B::Legacy, Ok(1)),
        (B::Http10, Ok(1)),
        (B::EarlyHints, Ok(1)),
        (B::CloseAfterEach, Ok(1)),
        (B::LengthAndChunks, Ok(1)),
        (B::EmptyResults, Ok(1)),
        (B::RefusesOnce, Ok(1)),
        (B::NeverCloses, Ok(1)),
        (B::Chatty, Ok(1)),
        (B::KeepsSessions, Ok(1)),
        (B::HangAt("DELETE"), Ok(1)),
        (B::CloseAt("DELETE"), Ok(1)),
        (B::StatusAt("DELETE", 404), Ok(1)),
        (B::Handshakes("2025-06-18"), Ok(1)),
        (B::Handshakes("2025-03-26"), Ok(1)),
        (B::Handshakes("2024-11-05"), Ok(1)),
        (B::NoTools, Ok(0)),
        (B::ManyTools(1000), Ok(1000)),
        (B::Lists(BAD_ANNOTATIONS), Ok(1)),
        (B::Lists(REMOTE_SCHEMA), Ok(1)),
        (B::Echo, Ok(1)),
        // Silence
        (B::HangAtOnce, Err(ResponseTimeout)),
        (B::HangAt("server/discover"), Err(ResponseTimeout)),
        (B::HangAt("initialize"), Err(ResponseTimeout)),
        (B::HangAt("notifications/initialized"), Err(ResponseTimeout)),
        (B::HangAt("tools/list"), Err(ResponseTimeout)),
        (B::HangInHead, Err(ResponseTimeout)),
        (B::HangInBody, Err(ResponseTimeout)),
        (B::DripHead, Err(ResponseTimeout)),
        (B::DripBody, Err(ResponseTimeout)),
        (B::Comments, Err(ResponseTimeout)),
        // Too much
        (B::CommentFlood, Err(ResponseTooLarge)),
        (B::HugeHeader, Err(ResponseTooLarge)),
        (B::ManyHeaders, Err(ResponseTooLarge)),
        (B::HugeBody, Err(ResponseTooLarge)),
        (B::EndlessBody, Err(ResponseTooLarge)),
        (B::EndlessEvent, Err(ResponseTooLarge)),
        (B::EndlessCursors, Err(ResponseTooLarge)),
        (B::ManyTools(1001), Err(ResponseTooLarge)),
        (B::HugeSchema, Err(ResponseTooLarge)),
        (B::Swarm, Err(ResponseTooLarge)),
        // Hanging up
        (B::CloseAtOnce, Err(ProtocolError)),
        (B::CloseAt("server/discover"), Err(ProtocolError)),
        (B::CloseAt("initialize"), Err(ProtocolError)),
        (B::CloseAt("notifications/initialized"), Err(ProtocolError)),
        (B::CloseAt("tools/list"), Err(ProtocolError)),
        (B::CloseInHead, Err(ProtocolError)),
        (B::CloseInBody, Err(ProtocolError)),
        (B::CloseInEvents, Err(ProtocolError)),
        // Statuses
        (
            B::Redirect(301, "https://elsewhere.example/".to_owned()),
            Err(RedirectRefused),
        ),
        (B::Redirect(302, "/other".to_owned()), Err(RedirectRefused)),
        (
            B::Redirect(307, "http://127.0.0.1:1/".to_owned()),
            Err(RedirectRefused),
        ),
        (B::Redirect(308, "mcp/".to_owned()), Err(RedirectRefused)),
        (B::Status(304), Err(RedirectRefused)),
        (B::Status(400), Err(HttpError)),
        (B::Status(401), Err(CredentialRejected)),
        (B::Status(403), Err(CredentialForbidden)),
        (B::Status(404), Err(NotMcp)),
        (B::Status(405), Err(NotMcp)),
        (B::Status(407), Err(HttpError)),
        (B::Status(408), Err(HttpError)),
        (B::Status(415), Err(HttpError)),
        (B::Status(421), Err(HttpError)),
        (B::Status(429), Err(RateLimited)),
        (B::Status(500), Err(HttpError)),
        (B::Status(502), Err(HttpError)),
        (B::Status(503), Err(HttpError)),
        (B::Status(599), Err(HttpError)),
        (B::RetryAfter(503, "7".to_owned()), Err(HttpError)),
        (B::StatusAt("initialize", 401), Err(CredentialRejected)),
        (B::StatusAt("initialize", 500), Err(HttpError)),
        (
            B::StatusAt("notifications/initialized", 400),
            Err(HttpError),
        ),
        (B::StatusAt("tools/list", 403), Err(CredentialForbidden)),
        (B::StatusAt("tools/list", 404), Err(HttpError)),
        (B::StatusAt("tools/list", 429), Err(RateLimited)),
        (B::StatusAt("tools/list", 302), Err(RedirectRefused)),
        (B::StatusAt("tools/list", 204), Err(ProtocolError)),
        (B::EchoRefusal(400), Err(HttpError)),
        (B::EchoRefusal(401), Err(CredentialRejected)),
        (B::EchoRefusal(500), Err(HttpError)),
        (B::EchoError, Err(ProtocolError)),
        // Not MCP
        (B::Status(200), Err(NotMcp)),
        (B::Status(202), Err(NotMcp)),
        (B::Status(204), Err(NotMcp)),
        (B::Html(200), Err(NotMcp)),
        (B::Html(404), Err(NotMcp)),
        (B::Html(405), Err(NotMcp)),
        (B::OldTransportSilent, Err(NotMcp)),
        (B::Says("{}"), Err(NotMcp)),
        (B::Says("[]"), Err(NotMcp)),
        (B::Says("\"hello\""), Err(NotMcp)),
        (B::Says(r#"{"error":"unknown endpoint"}"#), Err(NotMcp)),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32601,"message":"no"}}"#),
            Err(NotMcp),
        ),
        (B::SaysWith(404, r#"{"message":"Not Found"}"#), Err(NotMcp)),
        (
            B::SaysEvents("data: {\"type\":\"welcome\"}\n\n"),
            Err(NotMcp),
        ),
        (B::Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Err(NotMcp)),
        (
            B::Raw(b"\0\x01\x02\x03garbage\xff\xff\r\n\r\n"),
            Err(NotMcp),
        ),
        (B::Raw(HTTP2_SETTINGS), Err(NotMcp)),
        (B::Raw(b"HTTP/1.1 2000 OK\r\n\r\n"), Err(NotMcp)),
        (B::TwoContentLengths, Err(NotMcp)),
        (B::OldTransport, Err(WrongTransport)),
        // MCP gone wrong
        (
            B::Says(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#),
            Err(ProtocolError),
        ),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":"$ID","result":{}}"#),
            Err(ProtocolError),
        ),
        (B::Says(BOTH), Err(ProtocolError)),
        (B::Says(r#"{"jsonrpc":"2.0","id":$ID}"#), Err(ProtocolError)),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":$ID,"result":{"#),
            Err(ProtocolError),
        ),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#),
            Err(ProtocolError),
        ),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32603,"message":"$AUTH"}}"#),
            Err(ProtocolError),
        ),
        (
            B::Says(r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32020,"message":"no"}}"#),
            Err(ProtocolError),
        ),
        (
            B::SaysEvents("data: {\"jsonrpc\": \n\n"),
            Err(ProtocolError),
        ),
        (
            B::SaysEvents("data: {\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}\n\n"),
            Err(ProtocolError),
        ),
        (B::Raw(INVALID_UTF8), Err(ProtocolError)),
        (B::DeepJson, Err(ProtocolError)),
        (B::GzipBomb, Err(ProtocolError)),
        (B::TwoContentTypes, Err(ProtocolError)),
        (B::TwoSessions, Err(ProtocolError)),
        (B::BadSession, Err(ProtocolError)),
        (B::CursorLoop, Err(ProtocolError)),
        (B::Lists("{}"), Err(ProtocolError)),
        (B::Lists("[]"), Err(ProtocolError)),
        (B::Lists("null"), Err(ProtocolError)),
        (B::Lists(r#"{"tools":[1]}"#), Err(ProtocolError)),
        (
            B::Lists(r#"{"tools":[],"nextCursor":1}"#),
            Err(ProtocolError),
        ),
        (
            B::Lists(r#"{"tools":[],"resultType":"input_required"}"#),
            Err(ProtocolError),
        ),
        // Versions
        (B::FutureOnly, Err(VersionUnsupported)),
        (
            B::SaysWith(400, OUR_VERSION_REFUSED),
            Err(VersionUnsupported),
        ),
        (B::Handshakes("2023-01-01"), Err(VersionUnsupported)),
        (B::Handshakes("2099-01-01"), Err(VersionUnsupported)),
    ]
}

/// Each behaviour gets its reason, in time, with one failing step at most and without a word of the token.
#[tokio::test]
async fn every_behaviour_has_its_reason() {
    let table = table();
    assert!(table.len() >= 100);
    let (silent, others): (Vec<_>, Vec<_>) = table
        .into_iter()
        .partition(|(_, expected)| *expected == Err(ResponseTimeout));
    // The silent ones cost nothing but time. The others keep this thread busy, on both sides of the wire, so that a clock that was
    // looked at meanwhile would measure us.
    let mut wrong = try_all(silent, 32).await;
    wrong.extend(try_all(others, 4).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tries some of the table, so many at a time, and tells what is not as it should be.
async fn try_all(table: Vec<(Behaviour, Result<usize, Reason>)>, at_a_time: usize) -> Vec<String> {
    let limits = quick();
    let prober = prober(limits);
    stream::iter(table)
        .map(|(behaviour, expected)| {
            let prober = &prober;
            async move {
                let what = format!("{behaviour:?}");
                let tried = AssertUnwindSafe(async {
                    let peer = Peer::hostile(behaviour).start().await;
                    let since = Instant::now();
                    let finding = check(prober, &peer, None).await;
                    assert_lawful(&finding, &limits, since, &what);
                    (outcome(&finding), finding.steps)
                });
                match tried.catch_unwind().await {
                    Ok((found, _)) if found == expected => None,
                    Ok((found, steps)) => Some(format!(
                        "{what}: {found:?} instead of {expected:?}, {steps:?}"
                    )),
                    Err(_) => Some(format!("{what}: see above")),
                }
            }
        })
        .buffer_unordered(at_a_time)
        .filter_map(|wrong| async { wrong })
        .collect()
        .await
}

/// The real deadline, once for each way of making us wait.
#[tokio::test]
async fn ten_seconds_are_ten_seconds() {
    let limits = Limits::default();
    let prober = prober(limits);
    let behaviours = [
        Behaviour::HangAtOnce,
        Behaviour::HangAt("tools/list"),
        Behaviour::DripHead,
        Behaviour::DripBody,
        Behaviour::Comments,
    ];
    let checks = behaviours.into_iter().map(|behaviour| async {
        let what = format!("{behaviour:?}");
        let peer = Peer::hostile(behaviour).start().await;
        let since = Instant::now();
        let finding = check(&prober, &peer, None).await;
        assert_lawful(&finding, &limits, since, &what);
        assert_eq!(outcome(&finding), Err(ResponseTimeout), "{what}");
        assert!(since.elapsed() >= Duration::from_secs(9), "{what}");
    });
    futures::future::join_all(checks).await;
}
