//! JSON-RPC 2.0: what we ask, and what an answer says. Judges form only; what a result means is the client's business.

use serde_json::{Value, json};

/// What a server said to one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Result(Value),
    Error(RpcError),
    /// There was nothing to read.
    Nothing,
    /// Something that is no JSON-RPC.
    Foreign,
    /// Something that sets out to be an answer and breaks the rules for one.
    Broken,
}

/// An error of JSON-RPC, without its message: that is the peer's text, and some echo credentials in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    /// The revisions that the server names in an error about versions.
    pub(crate) supported: Vec<String>,
}

/// One message, seen from a request that waits for its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Answer(Said),
    /// A notification or a request of the server's. Allowed before the answer, and of no interest to us.
    Other,
}

/// The body of a request.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        .to_string()
        .into_bytes()
}

/// The body of a notification.
pub(crate) fn notification(method: &str) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "method": method})
        .to_string()
        .into_bytes()
}

/// Whether a text is JSON that would take far more memory than it takes bytes. Each object costs some 640 of them, however little is
/// in it; honest ones have twenty bytes of text at least, so a megabyte does not hold this many.
pub(crate) fn is_excessive(json: &[u8]) -> bool {
    const MAX_OBJECTS: usize = 50_000;
    json.iter().filter(|byte| **byte == b'{').count() > MAX_OBJECTS
}

/// Judges a whole body. It must hold the answer; a batch, as the revision 2025-03-26 allows it, must have it among its messages.
pub(crate) fn judge_body(body: &[u8], id: u64) -> Said {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Said::Nothing;
    }
    // The parser refuses nesting deeper than 128, so nothing that walks a value later can run out of stack.
    match serde_json::from_slice(body) {
        Err(_) => Said::Broken,
        Ok(Value::Array(messages)) if !messages.is_empty() => messages
            .into_iter()
            .find_map(|message| match judge(message, id) {
                Message::Answer(said) => Some(said),
                Message::Other => None,
            })
            .unwrap_or(Said::Broken),
        Ok(message) => match judge(message, id) {
            Message::Answer(said) => said,
            Message::Other => Said::Broken,
        },
    }
}

/// Judges the data of one event.
pub(crate) fn judge_event(data: &[u8], id: u64) -> Message {
    match serde_json::from_slice(data) {
        Err(_) => Message::Answer(Said::Broken),
        Ok(message) => judge(message, id),
    }
}

fn judge(message: Value, id: u64) -> Message {
    let Value::Object(mut message) = message else {
        return Message::Answer(Said::Foreign);
    };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Message::Answer(Said::Foreign);
    }
    if message.contains_key("method") {
        return Message::Other;
    }
    // Some libraries write the member that does not apply as null.
    let error = message.remove("error").filter(|error| !error.is_null());
    let result = message.remove("result");
    Message::Answer(match (result, error) {
        // An error may come without our id: a server that could not read the request does not know it.
        (None | Some(Value::Null), Some(error)) => judge_error(&error),
        (Some(result), None) if message.get("id").and_then(Value::as_u64) == Some(id) => {
            Said::Result(result)
        }
        _ => Said::Broken,
    })
}

fn judge_error(error: &Value) -> Said {
    let Some(code) = error.get("code").and_then(Value::as_i64) else {
        return Said::Broken;
    };
    let supported = error
        .pointer("/data/supported")
        .and_then(Value::as_array)
        .map(|versions| strings(versions))
        .unwrap_or_default();
    Said::Error(RpcError { code, supported })
}

/// The strings among some values, few enough and short enough to be names of revisions.
pub(crate) fn strings(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .take(32)
        .filter_map(Value::as_str)
        .filter(|text| text.len() <= 64)
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(body: &str) -> Said {
        judge_body(body.as_bytes(), 7)
    }

    #[test]
    fn an_answer_has_our_id_and_one_of_result_and_error() {
        let result = Said::Result(json!({"a": 1}));
        assert_eq!(said(r#"{"jsonrpc":"2.0","id":7,"result":{"a":1}}"#), result);
        assert_eq!(
            said(r#"{"jsonrpc":"2.0","id":7,"result":{"a":1},"error":null,"more":[]}"#),
            result
        );
        for broken in [
            r#"{"jsonrpc":"2.0","id":8,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":"7","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":7}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"message":"no code"}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":"text"}"#,
            r#"{"jsonrpc":"2.0","method":"ping","id":7}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{}"#,
            "[{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]",
        ] {
            assert_eq!(said(broken), Said::Broken, "{broken}");
        }
    }

    #[test]
    fn an_error_needs_no_id() {
        for id in ["7", "null", "\"server-error\"", "3"] {
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32600,"message":"x"}}}}"#);
            let expected = RpcError {
                code: -32600,
                supported: Vec::new(),
            };
            assert_eq!(said(&body), Said::Error(expected), "{id}");
        }
        let expected = RpcError {
            code: -32022,
            supported: vec!["2026-07-28".to_owned()],
        };
        assert_eq!(
            said(
                r#"{"jsonrpc":"2.0","error":{"code":-32022,"data":{"supported":["2026-07-28",1]}}}"#
            ),
            Said::Error(expected)
        );
    }

    #[test]
    fn what_is_no_json_rpc_is_foreign() {
        for foreign in [
            "{}",
            "[]",
            "1",
            "null",
            "\"x\"",
            r#"{"id":7,"result":{}}"#,
            r#"{"jsonrpc":"1.0","id":7,"result":{}}"#,
        ] {
            assert_eq!(said(foreign), Said::Foreign, "{foreign}");
        }
        assert_eq!(said(" \n"), Said::Nothing);
    }

    #[test]
    fn a_batch_may_hold_the_answer() {
        let batch = r#"[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":7,"result":1}]"#;
        assert_eq!(said(batch), Said::Result(json!(1)));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":7,"result":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(said(&deep), Said::Broken);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            judge_body(&bytes, 7);
            judge_event(&bytes, 7);
        }
    }
}
