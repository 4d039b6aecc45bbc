//! The keys in the headers of a request.

use serde_json::Value;
use shared::caller::ApiKey;

/// The key that says who calls, and another one beside it. Portkey's header goes first; where it is there, and be it with something that is no
/// key, `Authorization` can only say that the gateway sends it.
pub fn keys(event: &Value) -> (Option<ApiKey>, Option<ApiKey>) {
    let authorization = header(event, "authorization").and_then(key);
    match header(event, "x-portkey-api-key") {
        Some(sent) => (key(sent), authorization),
        None => (authorization, None),
    }
}

/// The key in a header, alone or after the word `Bearer`.
fn key(sent: &str) -> Option<ApiKey> {
    match sent.split_once(' ') {
        None => ApiKey::parse(sent),
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => ApiKey::parse(key.trim()),
        Some(_) => None,
    }
}

/// A header that is not empty. API Gateway spells names in small letters; by hand they may come in any.
fn header<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let headers = event.get("headers")?.as_object()?;
    let sent = headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name));
    let value = sent.and_then(|(_, value)| value.as_str())?.trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "mcps_00000000000070008000000000000001_00000000000070008000000000000002_0000000000000000000000000000000000000000000000000000000000000001";
    const OTHER: &str = "mcps_00000000000070008000000000000001_00000000000070008000000000000003_0000000000000000000000000000000000000000000000000000000000000002";

    #[test]
    fn who_calls_stands_in_portkeys_header_or_else_in_authorization() {
        let bearer = |key: &str| format!("bearer  {key}");
        for (headers, who, beside) in [
            (json!({}), None, None),
            (json!({"x-portkey-api-key": ONE}), Some(ONE), None),
            (json!({"X-Portkey-Api-Key": bearer(ONE)}), Some(ONE), None),
            (json!({"authorization": bearer(ONE)}), Some(ONE), None),
            (json!({"authorization": ONE}), Some(ONE), None),
            (
                json!({"x-portkey-api-key": "", "authorization": bearer(ONE)}),
                Some(ONE),
                None,
            ),
            (
                json!({"x-portkey-api-key": ONE, "authorization": OTHER}),
                Some(ONE),
                Some(OTHER),
            ),
            (
                json!({"x-portkey-api-key": ONE, "authorization": bearer(OTHER)}),
                Some(ONE),
                Some(OTHER),
            ),
            (
                json!({"x-portkey-api-key": ONE, "authorization": format!("Basic {OTHER}")}),
                Some(ONE),
                None,
            ),
            // Something else in Portkey's header does not make way for the other one.
            (
                json!({"x-portkey-api-key": "Bearer a-token", "authorization": OTHER}),
                None,
                Some(OTHER),
            ),
            // A header that was sent twice arrives as one.
            (
                json!({"x-portkey-api-key": format!("{ONE},{OTHER}")}),
                None,
                None,
            ),
        ] {
            let (key, other) = keys(&json!({ "headers": headers }));
            assert_eq!(key.as_ref().map(ApiKey::expose), who, "{headers}");
            assert_eq!(other.as_ref().map(ApiKey::expose), beside, "{headers}");
        }
    }
}
