//! What a function returned, turned into an HTTP response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value as Json;

use super::MAX_PAYLOAD;
use crate::server::{self, Response};

/// They describe the connection to the client, which is API Gateway's business.
const OWN_HEADERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// `None` when it cannot be a response, which is the function's fault.
pub fn convert(returned: &Json) -> Option<Response> {
    if returned.to_string().len() > MAX_PAYLOAD {
        return None;
    }
    let Some(status) = returned.get("statusCode") else {
        // API Gateway takes anything without a status for the body of a success.
        let body = returned
            .as_str()
            .map_or_else(|| returned.to_string(), str::to_owned);
        return Some(server::answer(StatusCode::OK, "application/json", body));
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    if status.is_informational() || status.as_u16() > 599 {
        return None;
    }

    let mut response = http::Response::new(Full::new(body(returned)?));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set_headers(headers, returned.get("headers"))?;
    set_headers(headers, returned.get("multiValueHeaders"))?;
    for cookie in returned
        .get("cookies")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        headers.append(
            header::SET_COOKIE,
            HeaderValue::from_str(cookie.as_str()?).ok()?,
        );
    }
    for own in &OWN_HEADERS {
        headers.remove(own);
    }
    if !headers.contains_key(header::CONTENT_TYPE)
        && returned.get("body").is_some_and(|body| !body.is_null())
    {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain;charset=UTF-8"),
        );
    }
    Some(response)
}

fn body(returned: &Json) -> Option<Bytes> {
    let encoded = match returned.get("isBase64Encoded") {
        None | Some(Json::Null) => false,
        Some(flag) => flag.as_bool()?,
    };
    match returned.get("body") {
        None | Some(Json::Null) => Some(Bytes::new()),
        Some(Json::String(text)) if encoded => Some(STANDARD.decode(text).ok()?.into()),
        Some(Json::String(text)) => Some(text.clone().into()),
        Some(_) => None,
    }
}

/// Sets each header of a map from names to values or to lists of values; a list replaces what was there before.
fn set_headers(headers: &mut HeaderMap, given: Option<&Json>) -> Option<()> {
    let given = match given {
        None | Some(Json::Null) => return Some(()),
        Some(given) => given.as_object()?,
    };
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let values = match value {
            Json::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        headers.remove(&name);
        for value in values {
            let value = match value {
                Json::String(text) => HeaderValue::from_str(text).ok()?,
                Json::Number(_) | Json::Bool(_) => {
                    HeaderValue::from_str(&value.to_string()).ok()?
                }
                _ => return None,
            };
            headers.append(&name, value);
        }
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_a_response_is_none() {
        for returned in [
            json!({ "statusCode": "fine" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 101 }),
            json!({ "statusCode": 70_000 }),
            json!({ "statusCode": null }),
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "body": "", "isBase64Encoded": "yes" }),
            json!({ "statusCode": 200, "headers": [] }),
            json!({ "statusCode": 200, "headers": { "a b": "c" } }),
            json!({ "statusCode": 200, "headers": { "a": "b\r\nc: d" } }),
            json!({ "statusCode": 200, "headers": { "a": null } }),
            json!({ "statusCode": 200, "cookies": [1] }),
            json!({ "statusCode": 200, "body": "x".repeat(MAX_PAYLOAD) }),
        ] {
            let text = returned.to_string();
            assert!(
                convert(&returned).is_none(),
                "{}",
                &text[..text.len().min(80)]
            );
        }
    }

    #[test]
    fn headers_of_both_kinds_and_cookies_arrive() {
        let response = convert(&json!({
            "statusCode": 201,
            "headers": { "A": "1", "b": 2, "Content-Length": "999", "Transfer-Encoding": "chunked" },
            "multiValueHeaders": { "a": ["1", "2"] },
            "cookies": ["x=1", "y=2; Secure"],
        }));
        let response = response.unwrap();
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(k, v)| format!("{k}: {}", v.to_str().unwrap()))
            .collect();
        headers.sort();
        assert_eq!(response.status(), 201);
        assert_eq!(
            headers,
            [
                "a: 1",
                "a: 2",
                "b: 2",
                "set-cookie: x=1",
                "set-cookie: y=2; Secure"
            ]
        );
    }

    #[test]
    fn a_body_without_a_type_is_plain_text_and_an_answer_without_a_status_is_json() {
        let plain = convert(&json!({ "statusCode": "200", "body": "a" })).unwrap();
        assert_eq!(plain.headers()["content-type"], "text/plain;charset=UTF-8");
        let bare = convert(&json!({ "a": 1 })).unwrap();
        assert_eq!(
            (bare.status(), &bare.headers()["content-type"]),
            (
                StatusCode::OK,
                &HeaderValue::from_static("application/json")
            )
        );
    }
}
