//! A request, described to a function or an authorizer in payload format 2.0.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use hyper::body::Bytes;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;
use url::{Url, form_urlencoded};

use crate::ambient;
use crate::template::{ACCOUNT, REGION};

const API: &str = "local";
const COMMON_LOG: &[FormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// They belong to one connection and end at API Gateway.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// What a client asked, taken apart.
pub struct Asked {
    pub method: Method,
    /// Percent-decoded: API Gateway decodes the path before anything else, even though it calls it raw.
    pub path: String,
    pub route_key: String,
    pub path_parameters: BTreeMap<String, String>,
    query: String,
    protocol: String,
    /// Under small letters, repeated ones joined with commas.
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
    host: String,
    peer: IpAddr,
    body: Bytes,
    id: String,
    at: OffsetDateTime,
}

impl Asked {
    /// `None` when the request is not one that API Gateway would hand on to anybody.
    pub fn new(head: &Parts, body: Bytes, peer: SocketAddr, port: u16) -> Option<Self> {
        let host = head.headers.get(header::HOST)?.to_str().ok()?;
        let host = domain_name(host)?;
        let peer = peer.ip().to_canonical();
        let id = ambient::id().simple().to_string();
        let at = OffsetDateTime::from(ambient::now());
        let mut asked = Self {
            method: head.method.clone(),
            path: decoded_path(head.uri.path())?,
            route_key: String::new(),
            path_parameters: BTreeMap::new(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            protocol: format!("{:?}", head.version),
            headers: joined_headers(&head.headers),
            cookies: cookies(&head.headers),
            host,
            peer,
            body,
            id,
            at,
        };
        asked.add_proxy_headers(port);
        Some(asked)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The decoded values of a query parameter, joined with commas.
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        self.query_parameters().remove(name)
    }

    /// The event for the function behind the route.
    pub fn event(&self, authorizer_context: Json) -> Json {
        let mut event = self.common();
        if !authorizer_context.is_null() {
            event["requestContext"]["authorizer"] = json!({ "lambda": authorizer_context });
        }
        event["isBase64Encoded"] = json!(false);
        if !self.body.is_empty() {
            let text = std::str::from_utf8(&self.body)
                .ok()
                .filter(|_| self.is_text());
            match text {
                Some(text) => event["body"] = json!(text),
                None => {
                    event["body"] = json!(STANDARD.encode(&self.body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }

    /// The event for the authorizer before the route. It gets no body.
    pub fn authorizer_event(&self, identity: &[String]) -> Json {
        let mut event = self.common();
        let route = format!("$default/{}{}", self.method, self.path);
        event["type"] = json!("REQUEST");
        event["routeArn"] = json!(format!(
            "arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{route}"
        ));
        event["identitySource"] = json!(identity);
        event
    }

    fn common(&self) -> Json {
        let mut event = Map::new();
        event.insert("version".to_owned(), json!("2.0"));
        event.insert("routeKey".to_owned(), json!(self.route_key));
        event.insert("rawPath".to_owned(), json!(self.path));
        event.insert("rawQueryString".to_owned(), json!(self.query));
        if !self.cookies.is_empty() {
            event.insert("cookies".to_owned(), json!(self.cookies));
        }
        event.insert("headers".to_owned(), json!(self.headers));
        let query = self.query_parameters();
        if !query.is_empty() {
            event.insert("queryStringParameters".to_owned(), json!(query));
        }
        if !self.path_parameters.is_empty() {
            event.insert("pathParameters".to_owned(), json!(self.path_parameters));
        }
        let prefix = self.host.split('.').next().unwrap_or_default();
        let at = self.at - OffsetDateTime::from(UNIX_EPOCH);
        let context = json!({
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": self.host,
            "domainPrefix": prefix,
            "http": {
                "method": self.method.as_str(),
                "path": self.path,
                "protocol": self.protocol,
                "sourceIp": self.peer.to_string(),
                "userAgent": self.header("user-agent").unwrap_or_default(),
            },
            "requestId": self.id,
            "routeKey": self.route_key,
            "stage": "$default",
            // The format has nothing that could fail for a year of four digits.
            "time": self.at.format(COMMON_LOG).unwrap_or_default(),
            "timeEpoch": i64::try_from(at.whole_milliseconds()).unwrap_or_default(),
        });
        event.insert("requestContext".to_owned(), context);
        Json::Object(event)
    }

    fn query_parameters(&self) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::<String, String>::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            append(&mut parameters, name.into_owned(), &value);
        }
        parameters
    }

    fn add_proxy_headers(&mut self, port: u16) {
        append(
            &mut self.headers,
            "x-forwarded-for".to_owned(),
            &self.peer.to_string(),
        );
        self.headers
            .insert("x-forwarded-port".to_owned(), port.to_string());
        self.headers
            .insert("x-forwarded-proto".to_owned(), "http".to_owned());
        self.headers
            .insert("content-length".to_owned(), self.body.len().to_string());
        let seconds = self.at.unix_timestamp();
        let trace = ambient::id().simple().to_string();
        self.headers.insert(
            "x-amzn-trace-id".to_owned(),
            format!("Root=1-{seconds:08x}-{}", &trace[..24]),
        );
    }

    /// The few types that API Gateway hands on as they are; the rest, and a body without a type, goes as base64.
    fn is_text(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        essence.starts_with("text/")
            || [
                "application/json",
                "application/xml",
                "application/javascript",
            ]
            .contains(&essence.as_str())
    }
}

/// The host without its port. `None` for what is no host at all: API Gateway answers under its own domain names only, so a
/// function never sees another, and `lambda_http` panics over some.
fn domain_name(host: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if !host.chars().all(plain) {
        return None;
    }
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    url.host_str().map(str::to_owned)
}

/// `None` for what is not percent-encoded UTF-8. An encoded question mark ends the path: API Gateway decodes first and
/// looks for the query afterwards.
fn decoded_path(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
        rest = after;
    }
    let path = String::from_utf8(bytes).ok()?;
    Some(match path.split_once('?') {
        Some((path, _)) => path.to_owned(),
        None => path,
    })
}

fn joined_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for (name, value) in headers {
        let name = name.as_str();
        // Cookies have a place of their own in the event.
        if name != "cookie" && !HOP_BY_HOP.contains(&name) {
            append(
                &mut joined,
                name.to_owned(),
                &String::from_utf8_lossy(value.as_bytes()),
            );
        }
    }
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .collect()
}

fn append(map: &mut BTreeMap<String, String>, name: String, value: &str) {
    map.entry(name)
        .and_modify(|known| {
            known.push(',');
            known.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_ends_at_an_encoded_question_mark() {
        for (raw, decoded) in [
            ("/a", Some("/a")),
            ("/a%20b/%C3%A4", Some("/a b/\u{e4}")),
            ("/a%2fb", Some("/a/b")),
            ("/a%252fb", Some("/a%2fb")),
            ("/a%3Fb", Some("/a")),
            ("/a+b", Some("/a+b")),
            ("/%", None),
            ("/%4", None),
            ("/%+1", None),
            ("/%zz", None),
            ("/%ff", None),
        ] {
            assert_eq!(decoded_path(raw).as_deref(), decoded, "{raw}");
        }
    }
}
