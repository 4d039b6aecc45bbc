//! Which generation of MCP a server speaks: what follows from its answer to `server/discover`, and to `initialize`.
//!
//! The rule is the specification's: a result or an error that only 2026-07-28 knows means a modern server. Anything else, short of
//! a refusal or a failure that has nothing to do with the question, means that `initialize` has to be tried. Both functions are pure;
//! statuses that settle a check whatever was asked never get here.

use http::StatusCode;
use shared::verdict::Reason;

use super::wire::{self, Introduction};
use crate::{
    channel::Reply,
    rpc::{RpcError, Said, strings},
};

/// The revision without a handshake that we speak.
pub(crate) const MODERN: &str = "2026-07-28";
/// The revisions with one, newest first. We offer the first.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
pub(crate) const NEWEST_LEGACY: &str = LEGACY[0];

const METHOD_NOT_FOUND: i64 = -32601;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// What to do after `server/discover`.
#[derive(Debug, PartialEq)]
pub(crate) enum AfterDiscover {
    Modern(Introduction),
    /// It refused our version and named it among those it takes.
    AskAgain,
    Initialize,
    /// It is modern, and the check is over.
    Stop(Reason),
}

/// What to do after `initialize`.
#[derive(Debug, PartialEq)]
pub(crate) enum AfterInitialize {
    Legacy(Introduction),
    /// It is legacy, of a revision that we do not know.
    UnknownVersion,
    /// It is not, as far as this answer goes.
    NotLegacy(Reason),
}

/// The meaning of an answer to `server/discover`.
pub(crate) fn after_discover(reply: &Reply, asked_again: bool) -> AfterDiscover {
    match &reply.said {
        Said::Result(result) if reply.status.is_success() => {
            let Some(versions) = result["supportedVersions"].as_array() else {
                return AfterDiscover::Initialize;
            };
            let versions = strings(versions);
            if !versions.iter().any(|version| version == MODERN) {
                return without_common_modern(&versions);
            }
            if !wire::is_complete(result) {
                return AfterDiscover::Stop(Reason::ProtocolError);
            }
            AfterDiscover::Modern(Introduction::modern(MODERN, result))
        }
        Said::Error(RpcError { code, supported }) => match *code {
            UNSUPPORTED_VERSION if !supported.iter().any(|version| version == MODERN) => {
                without_common_modern(supported)
            }
            UNSUPPORTED_VERSION if !asked_again => AfterDiscover::AskAgain,
            UNSUPPORTED_VERSION => AfterDiscover::Stop(Reason::VersionUnsupported),
            HEADER_MISMATCH | MISSING_CAPABILITY => AfterDiscover::Stop(Reason::ProtocolError),
            _ => AfterDiscover::Initialize,
        },
        _ => AfterDiscover::Initialize,
    }
}

/// A server that knows no modern revision that we know may still shake hands.
fn without_common_modern(versions: &[String]) -> AfterDiscover {
    if versions
        .iter()
        .any(|version| LEGACY.contains(&version.as_str()))
    {
        AfterDiscover::Initialize
    } else {
        AfterDiscover::Stop(Reason::VersionUnsupported)
    }
}

/// The meaning of an answer to `initialize`.
pub(crate) fn after_initialize(reply: &Reply) -> AfterInitialize {
    let success = reply.status.is_success();
    match &reply.said {
        Said::Result(result) if success => {
            let Some(version) = result["protocolVersion"].as_str() else {
                return AfterInitialize::NotLegacy(Reason::ProtocolError);
            };
            match LEGACY.iter().find(|known| **known == version) {
                Some(known) if wire::is_complete(result) => {
                    AfterInitialize::Legacy(Introduction::legacy(known, result))
                }
                Some(_) => AfterInitialize::NotLegacy(Reason::ProtocolError),
                None => AfterInitialize::UnknownVersion,
            }
        }
        said => AfterInitialize::NotLegacy(match said {
            Said::Error(error)
                if error.code == UNSUPPORTED_VERSION || !error.supported.is_empty() =>
            {
                Reason::VersionUnsupported
            }
            // JSON-RPC of another kind, or a path of an MCP server where MCP is not.
            Said::Error(error) if error.code == METHOD_NOT_FOUND => Reason::NotMcp,
            _ if is_absent(reply.status) => Reason::NotMcp,
            _ if !success => Reason::HttpError,
            Said::Nothing | Said::Foreign => Reason::NotMcp,
            Said::Result(_) | Said::Error(_) | Said::Broken => Reason::ProtocolError,
        }),
    }
}

/// Statuses of a place where nothing takes our requests.
fn is_absent(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::{Value, json};

    use super::*;

    fn reply(status: u16, said: Said) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            headers: HeaderMap::new(),
            said,
        }
    }

    fn result(result: Value) -> Reply {
        reply(200, Said::Result(result))
    }

    fn error(status: u16, code: i64, supported: &[&str]) -> Reply {
        let supported = supported.iter().map(ToString::to_string).collect();
        reply(status, Said::Error(RpcError { code, supported }))
    }

    /// The answers of real servers that were measured, and the edges of the rule.
    #[test]
    fn what_only_a_modern_server_says_makes_it_modern() {
        let modern = result(json!({"supportedVersions": [MODERN], "capabilities": {}}));
        assert!(matches!(
            after_discover(&modern, false),
            AfterDiscover::Modern(_)
        ));
        let stop = |reply: &Reply| match after_discover(reply, false) {
            AfterDiscover::Stop(reason) => Some(reason),
            _ => None,
        };
        let unsupported = Some(Reason::VersionUnsupported);
        assert_eq!(stop(&error(400, -32022, &["2027-01-01"])), unsupported);
        assert_eq!(stop(&error(400, -32022, &[])), unsupported);
        assert_eq!(
            stop(&result(json!({"supportedVersions": ["2027-01-01"]}))),
            unsupported
        );
        let broken = Some(Reason::ProtocolError);
        assert_eq!(stop(&error(400, -32020, &[])), broken);
        assert_eq!(stop(&error(400, -32021, &[])), broken);
        let waiting = json!({"supportedVersions": [MODERN], "resultType": "input_required"});
        assert_eq!(stop(&result(waiting)), broken);
        let again = error(400, -32022, &[MODERN]);
        assert_eq!(after_discover(&again, false), AfterDiscover::AskAgain);
        assert_eq!(
            after_discover(&again, true),
            AfterDiscover::Stop(Reason::VersionUnsupported)
        );
    }

    #[test]
    fn anything_else_is_asked_for_a_handshake() {
        for legacy in [
            error(400, -32000, &[]),
            error(400, -32600, &[]),
            error(404, -32601, &[]),
            error(200, -32601, &[]),
            error(400, -32022, &["2025-11-25"]),
            result(json!({})),
            result(json!(null)),
            result(json!({"supportedVersions": "2026-07-28"})),
            result(json!({"supportedVersions": ["2025-06-18"]})),
            reply(200, Said::Foreign),
            reply(202, Said::Nothing),
            reply(200, Said::Broken),
            reply(404, Said::Foreign),
            reply(405, Said::Nothing),
            reply(400, Said::Result(json!({"supportedVersions": [MODERN]}))),
        ] {
            assert_eq!(
                after_discover(&legacy, false),
                AfterDiscover::Initialize,
                "{legacy:?}"
            );
        }
    }

    #[test]
    fn a_handshake_settles_the_version_or_says_why_not() {
        for version in LEGACY {
            let good = result(json!({"protocolVersion": version, "capabilities": {}}));
            assert!(
                matches!(after_initialize(&good), AfterInitialize::Legacy(found) if found.version == version)
            );
        }
        for version in [MODERN, "2023-01-01", ""] {
            let unknown = result(json!({ "protocolVersion": version }));
            assert_eq!(after_initialize(&unknown), AfterInitialize::UnknownVersion);
        }
        for (not, reason) in [
            (reply(404, Said::Foreign), Reason::NotMcp),
            (reply(405, Said::Nothing), Reason::NotMcp),
            (error(404, -32000, &[]), Reason::NotMcp),
            (error(200, -32601, &[]), Reason::NotMcp),
            (reply(200, Said::Foreign), Reason::NotMcp),
            (reply(202, Said::Nothing), Reason::NotMcp),
            (reply(400, Said::Foreign), Reason::HttpError),
            (error(400, -32000, &[]), Reason::HttpError),
            (error(400, -32022, &[]), Reason::VersionUnsupported),
            (
                error(200, -32602, &["2023-01-01"]),
                Reason::VersionUnsupported,
            ),
            (error(200, -32603, &[]), Reason::ProtocolError),
            (result(json!({})), Reason::ProtocolError),
            (result(json!({"protocolVersion": 3})), Reason::ProtocolError),
            (reply(200, Said::Broken), Reason::ProtocolError),
        ] {
            assert_eq!(
                after_initialize(&not),
                AfterInitialize::NotLegacy(reason),
                "{not:?}"
            );
        }
    }
}
