//! Holds answers against the API's own descriptions: `functions/src/openapi.json` of the native API, `functions/src/portkey/openapi.json` of
//! Portkey's, `functions/src/bifrost/openapi.json` of Bifrost's.
//!
//! A reader of that document may count on what it says, so an answer differs from it as soon as it has a status, a header or a
//! member that is not described, lacks one that is promised, or has a value out of bounds.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use http::HeaderMap;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../functions/src/openapi.json");
const PORTKEY: &str = include_str!("../../functions/src/portkey/openapi.json");
const BIFROST: &str = include_str!("../../functions/src/bifrost/openapi.json");

/// The methods that a path may have an operation for, as the document spells them.
pub const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// What HTTP or the gateway adds to every answer, and no operation promises. The gateway names a type for an empty body, too.
const OF_THE_TRANSPORT: [&str; 7] = [
    "apigw-requestid",
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// The description of the API, ready to be held against answers.
#[derive(Clone, Copy)]
pub struct Contract(&'static Description);

struct Description {
    document: Value,
    portkey: Value,
    bifrost: Value,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: String,
    /// By status.
    responses: BTreeMap<String, Response>,
}

struct Response {
    /// By name in small letters.
    headers: BTreeMap<String, Header>,
    /// Nothing where the answer has no body.
    body: Option<Schema>,
    /// It may be a page for people.
    page: bool,
}

struct Header {
    is_required: bool,
    schema: Schema,
}

/// A schema that is compiled when it is asked for: most tests see few of the answers there are.
struct Schema {
    source: Value,
    /// They come with it, so that its references lead somewhere. All schemas of a document share them.
    components: Arc<Value>,
    validator: OnceLock<Validator>,
}

impl Contract {
    /// The one contract, read once however often it is loaded.
    pub fn load() -> Self {
        static DESCRIPTION: OnceLock<Description> = OnceLock::new();
        Self(DESCRIPTION.get_or_init(|| {
            let [document, portkey, bifrost] = [DOCUMENT, PORTKEY, BIFROST]
                .map(|text| serde_json::from_str::<Value>(text).expect("openapi.json is JSON"));
            let of = [&document, &portkey, &bifrost].map(operations);
            Description {
                operations: of.into_iter().flatten().collect(),
                document,
                portkey,
                bifrost,
            }
        }))
    }

    /// The description of Portkey's API.
    pub fn portkey(&self) -> &'static Value {
        &self.0.portkey
    }

    /// The description of Bifrost's API.
    pub fn bifrost(&self) -> &'static Value {
        &self.0.bifrost
    }

    pub fn document(&self) -> &'static Value {
        &self.0.document
    }

    /// A validator for the schema that `pointer` points at in the document, such as `/components/schemas/McpConnection`. Members
    /// that the schema does not name are let through only if the schema says so.
    pub fn schema(&self, pointer: &str) -> Validator {
        Answers::of(self.document())
            .schema(&json!({ "$ref": format!("#{pointer}") }))
            .compile()
    }

    /// Panics when the answer to a request is not as described, and says where they differ.
    pub fn check(&self, method: &str, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
        let differences = self.differences(method, path, status, headers, body);
        assert!(
            differences.is_empty(),
            "the answer to {method} {path} is not what functions/src/openapi.json says:\n  {}\nThe answer: {status} {headers:?}\n{}\nIf the \
             answer is right, describe it there; else mend the function.",
            differences.join("\n  "),
            String::from_utf8_lossy(body),
        );
    }

    fn differences(
        &self,
        method: &str,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Vec<String> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        // What is spelled out wins over a parameter.
        let operation = self
            .0
            .operations
            .iter()
            .filter(|operation| operation.method == method && operation.covers(path))
            .min_by_key(|operation| operation.path.matches('{').count());
        let Some(operation) = operation else {
            return unknown_route(status, body);
        };
        match operation.responses.get(&status.to_string()) {
            Some(response) => response.differences(headers, body),
            None => {
                let known: Vec<_> = operation.responses.keys().map(String::as_str).collect();
                vec![format!(
                    "the status {status} is not one of those described: {}",
                    known.join(", ")
                )]
            }
        }
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let answers = Answers::of(document);
    let mut operations = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in
            members(item).filter(|(method, _)| METHODS.contains(&method.as_str()))
        {
            for server in document["servers"].as_array().into_iter().flatten() {
                let prefix = server["url"].as_str().unwrap_or_default();
                let responses = members(&operation["responses"]);
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: format!("{}{path}", prefix.trim_end_matches('/')),
                    responses: responses
                        .map(|(status, response)| (status.clone(), answers.response(response)))
                        .collect(),
                });
            }
        }
    }
    operations
}

impl Operation {
    fn covers(&self, path: &str) -> bool {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (self.path.split('/').collect(), path.split('/').collect());
        ours.len() == theirs.len()
            && ours.iter().zip(&theirs).all(|(ours, theirs)| {
                if ours.starts_with('{') {
                    !theirs.is_empty()
                } else {
                    ours == theirs
                }
            })
    }
}

impl Response {
    fn differences(&self, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, header) in &self.headers {
            match headers.get(name) {
                Some(value) => found.extend(header.difference(name, value)),
                None if header.is_required => found.push(format!("the header {name} is missing")),
                None => {}
            }
        }
        for name in headers.keys().map(http::HeaderName::as_str) {
            if !self.headers.contains_key(name) && !OF_THE_TRANSPORT.contains(&name) {
                found.push(format!("the header {name} is not described"));
            }
            if headers.get_all(name).iter().count() > 1 {
                found.push(format!("the header {name} is there more than once"));
            }
        }
        let content_type = headers
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        if self.page && content_type == Some("text/html; charset=utf-8") {
            return found;
        }
        match &self.body {
            None if !body.is_empty() => {
                found.push("there is a body and none is described".to_owned())
            }
            None => {}
            Some(schema) => {
                if content_type != Some("application/json") {
                    found.push(format!(
                        "the content type is {content_type:?} and not application/json"
                    ));
                }
                found.extend(body_differences(schema.validator(), body));
            }
        }
        found
    }
}

impl Header {
    fn difference(&self, name: &str, value: &http::HeaderValue) -> Option<String> {
        let Ok(text) = value.to_str() else {
            return Some(format!("the header {name} is not text"));
        };
        let value = match (&self.schema.source["type"], text.parse::<u64>()) {
            (Value::String(kind), Ok(number)) if kind == "integer" => json!(number),
            _ => json!(text),
        };
        self.schema
            .validator()
            .iter_errors(&value)
            .next()
            .map(|error| format!("the header {name}: {error}"))
    }
}

/// Everything in the document that answers are made of.
struct Answers {
    components: Arc<Value>,
}

impl Answers {
    /// The document lets clients tolerate members that are new. Here no member may be there that it does not name.
    fn of(document: &Value) -> Self {
        let mut components = document["components"].clone();
        components["schemas"]
            .as_object_mut()
            .expect("openapi.json has schemas")
            .values_mut()
            .for_each(close);
        Self {
            components: Arc::new(components),
        }
    }

    fn response(&self, response: &Value) -> Response {
        let response = self.resolve(response);
        let headers = members(&response["headers"])
            .map(|(name, header)| (name.to_lowercase(), self.header(header)))
            .collect();
        let body = response["content"].get("application/json").map(|content| {
            let mut schema = content["schema"].clone();
            close(&mut schema);
            self.schema(&schema)
        });
        let page = response["content"].get("text/html").is_some();
        Response {
            headers,
            body,
            page,
        }
    }

    fn header(&self, header: &Value) -> Header {
        let header = self.resolve(header);
        Header {
            is_required: header["required"] == true,
            schema: self.schema(&header["schema"]),
        }
    }

    /// Follows a reference into the components.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else {
            return value;
        };
        let pointer = reference
            .strip_prefix("#/components")
            .unwrap_or_else(|| panic!("{reference} is no reference into the components"));
        self.components
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    fn schema(&self, schema: &Value) -> Schema {
        Schema {
            source: schema.clone(),
            components: Arc::clone(&self.components),
            validator: OnceLock::new(),
        }
    }
}

impl Schema {
    fn validator(&self) -> &Validator {
        self.validator.get_or_init(|| self.compile())
    }

    fn compile(&self) -> Validator {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true);
        let mut source = self.source.clone();
        source["components"] = json!({ "schemas": self.components["schemas"] });
        options
            .build(&source)
            .unwrap_or_else(|error| panic!("openapi.json has a schema that is none: {error}"))
    }
}

/// Forbids the members that an object's schema does not name, in it and in all that it is made of.
///
/// What stands beside a `$ref`, or in `allOf` or `if`, only adds to a schema that is closed itself.
fn close(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    for name in ["anyOf", "oneOf"] {
        keywords
            .get_mut(name)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .for_each(close);
    }
    keywords.get_mut("items").into_iter().for_each(close);
    keywords
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|properties| properties.values_mut())
        .for_each(close);
    if keywords.contains_key("properties") && !keywords.contains_key("$ref") {
        keywords
            .entry("additionalProperties")
            .or_insert(false.into());
    }
}

fn body_differences(validator: &Validator, body: &[u8]) -> Vec<String> {
    match serde_json::from_slice::<Value>(body) {
        Ok(body) => {
            let errors = validator.iter_errors(&body);
            errors
                .map(|error| {
                    format!(
                        "the body at {:?}: {error} (by {})",
                        error.instance_path().to_string(),
                        error.schema_path()
                    )
                })
                .collect()
        }
        Err(error) => vec![format!("the body is not JSON: {error}")],
    }
}

/// To a route that there is not the gateway answers, always in the same words.
fn unknown_route(status: u16, body: &[u8]) -> Vec<String> {
    let is_gateways = status == 404
        && serde_json::from_slice::<Value>(body)
            .is_ok_and(|body| body == json!({"message": "Not Found"}));
    if is_gateways {
        Vec::new()
    } else {
        vec!["no such operation is described, so it must be the gateway's 404".to_owned()]
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const PATH: &str = "/api/mcp-connections/0195cd1f-7c00-7b3e-8a51-0f6a3c9d2e41";
    const OURS: [(&str, &str); 3] = [
        ("x-request-id", "r"),
        ("cache-control", "no-store"),
        ("content-type", "application/json"),
    ];

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn example(name: &str) -> Value {
        Contract::load().document()["components"]["examples"][name]["value"].clone()
    }

    fn told(
        method: &str,
        path: &str,
        status: u16,
        of: &[(&'static str, &'static str)],
        body: &Value,
    ) -> String {
        let body = if body.is_null() {
            Vec::new()
        } else {
            serde_json::to_vec(body).unwrap()
        };
        Contract::load()
            .differences(method, path, status, &headers(of), &body)
            .join("\n")
    }

    /// What differs when `example`, changed a little, is the answer to reading a connection.
    fn told_of(example_name: &str, change: impl Fn(&mut Value)) -> String {
        let mut body = example(example_name);
        change(&mut body);
        let with_etag: Vec<_> = OURS.into_iter().chain([("etag", "\"3\"")]).collect();
        told("GET", PATH, 200, &with_etag, &body)
    }

    #[test]
    fn the_examples_are_what_they_are_examples_of() {
        for name in ["Unchecked", "Working", "Failing"] {
            assert_eq!(told_of(name, |_| {}), "");
        }
        assert_eq!(
            told(
                "GET",
                "/api/mcp-connections?limit=1",
                200,
                &OURS,
                &example("ListOfOne")
            ),
            ""
        );
    }

    #[test]
    fn a_body_that_differs_is_told_with_its_place() {
        type Change = fn(&mut Value);
        let changes: [(&str, Change); 8] = [
            ("secret", |body| body["secret"] = json!("x")),
            ("/serverInfo", |body| {
                body["serverInfo"]["icon"] = json!("x")
            }),
            ("toolCount", |body| {
                drop(body.as_object_mut().unwrap().remove("toolCount"))
            }),
            ("/status", |body| body["status"] = json!("well")),
            ("/createdAt", |body| {
                body["createdAt"] = json!("2026-03-25T12:00:00Z")
            }),
            ("/id", |body| body["id"] = json!("7")),
            ("/retryable", |body| body["retryable"] = json!(true)),
            ("headerName", |body| body["authType"] = json!("api_key")),
        ];
        for (place, change) in changes {
            assert!(
                told_of("Working", change).contains(place),
                "{place}: {}",
                told_of("Working", change)
            );
        }
    }

    #[test]
    fn headers_and_statuses_are_held_to_the_description() {
        let body = example("Working");
        assert!(told("GET", PATH, 200, &OURS, &body).contains("the header etag is missing"));
        let with_all: Vec<_> = OURS
            .into_iter()
            .chain([("etag", "3"), ("x-debug", "1")])
            .collect();
        let both = told("GET", PATH, 200, &with_all, &body);
        assert!(
            both.contains("the header etag:")
                && both.contains("the header x-debug is not described"),
            "{both}"
        );
        assert!(told("GET", PATH, 418, &OURS, &body).contains("418 is not one of those described"));
        assert!(told("DELETE", PATH, 204, &OURS[..2], &body).contains("there is a body"));
        assert_eq!(told("DELETE", PATH, 204, &OURS[..2], &Value::Null), "");
    }

    #[test]
    fn an_error_has_the_code_of_its_status_and_nothing_of_another() {
        let not_found =
            json!({"error": "Connection not found", "code": "not_found", "requestId": "r"});
        assert_eq!(told("GET", PATH, 404, &OURS, &not_found), "");
        assert_eq!(
            told(
                "GET",
                PATH,
                404,
                &OURS[2..],
                &json!({"message": "Not Found"})
            ),
            ""
        );
        for change in [
            json!({"code": "forbidden"}),
            json!({"details": [{"field": "/x", "problem": "is"}]}),
            json!({"message": "Not Found"}),
        ] {
            let mut other = not_found.clone();
            other
                .as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            assert_ne!(told("GET", PATH, 404, &OURS, &other), "", "{other}");
        }
    }

    #[test]
    fn what_is_no_route_is_the_gateways_to_answer() {
        assert_eq!(
            told("GET", "/", 404, &[], &json!({"message": "Not Found"})),
            ""
        );
        assert_eq!(
            told("PUT", PATH, 404, &[], &json!({"message": "Not Found"})),
            ""
        );
        assert_ne!(told("GET", "/", 200, &[], &json!({})), "");
        assert_ne!(
            told("GET", "/api/mcp-connections/", 200, &OURS, &json!([])),
            ""
        );
    }
}
