//! The description of the API says what the code does, and all of it.

use std::collections::{BTreeMap, BTreeSet};

use functions::edge::Kind;
use harness::contract::{Contract, METHODS};
use local::template::Template;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::{
    connection::{CheckInterval, ConnectionName, HeaderName, ServerUrl},
    credential::Secret,
    error::{Error, Noun},
    health::Status,
    oauth::Trouble,
    right::Right,
    verdict::Reason,
};

fn document() -> &'static Value {
    Contract::load().document()
}

/// The descriptions of all vocabularies.
fn documents() -> [&'static Value; 3] {
    let contract = Contract::load();
    [document(), contract.portkey(), contract.bifrost()]
}

/// Every operation as (path, method, what the document says of it, the parameters of its path).
fn operations(
    document: &'static Value,
) -> Vec<(&'static str, &'static str, &'static Value, &'static Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push((path.as_str(), method, operation, &item["parameters"]));
            }
        }
    }
    all
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|word| word.as_str().unwrap())
        .collect()
}

fn resolve(document: &'static Value, value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Calls `visit` with every object in `value` and its place, and with nothing in an example: that is data, not description.
fn walk(value: &'static Value, place: &str, visit: &mut dyn FnMut(&str, &'static Value)) {
    match value {
        Value::Object(members) => {
            visit(place, value);
            for (name, member) in members
                .iter()
                .filter(|(name, _)| !["example", "examples"].contains(&name.as_str()))
            {
                walk(member, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, item)| walk(item, &format!("{place}/{n}"), visit)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    documents().into_iter().for_each(references_of);
}

fn references_of(document: &'static Value) {
    let text = document.to_string();
    walk(document, "", &mut |place, value| {
        if let Some(reference) = value["$ref"].as_str() {
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| document.pointer(pointer));
            assert!(
                target.is_some(),
                "{place} refers to {reference}, which does not exist"
            );
        }
    });
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components
            .as_object()
            .unwrap()
            .keys()
            .filter(|_| kind != "securitySchemes")
        {
            assert!(
                text.contains(&format!("\"#/components/{kind}/{name}\"")),
                "nothing uses the component {kind}/{name}"
            );
        }
    }
}

#[test]
fn every_operation_is_described_in_full() {
    documents().into_iter().for_each(operations_of);
}

fn operations_of(document: &'static Value) {
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let tags: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation, shared) in operations(document) {
        let at = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{at}: the operationId is not unique"
        );
        for member in ["summary", "description"] {
            assert!(
                operation[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{at} has no {member}"
            );
        }
        assert!(
            !words(&operation["tags"]).is_empty()
                && words(&operation["tags"])
                    .iter()
                    .all(|tag| tags.contains(tag)),
            "{at}: tags"
        );

        let parameters = [shared, &operation["parameters"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| resolve(document, parameter));
        let in_path: BTreeSet<_> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| {
                assert_eq!(
                    parameter["required"], true,
                    "{at}: a parameter of the path is required"
                );
                format!("{{{}}}", parameter["name"].as_str().unwrap())
            })
            .collect();
        let in_template: BTreeSet<_> = path
            .split('/')
            .filter(|part| part.starts_with('{'))
            .map(str::to_owned)
            .collect();
        assert_eq!(in_path, in_template, "{at}: the parameters of the path");

        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                (200..600).contains(&status.parse::<u16>().unwrap()),
                "{at}: {status} is no status"
            );
            assert!(
                resolve(document, response)["description"].is_string(),
                "{at}: {status} has no description"
            );
        }
    }
    walk(document, "", &mut |place, value| {
        if let Some(id) = value.get("operationId").and_then(Value::as_str) {
            assert!(
                ids.contains(id),
                "{place} links to {id}, which does not exist"
            );
        }
    });
}

/// The examples are shown to people and generated into clients, so they are held to the schemas they stand beside.
#[test]
fn every_example_is_valid() {
    let seen: usize = documents().into_iter().map(examples_of).sum();
    assert!(seen >= 20, "only {seen} examples were found");
}

fn examples_of(document: &'static Value) -> usize {
    let mut seen = 0;
    walk(document, "", &mut |place, value| {
        let (Some(schema), Some(examples)) = (
            value.get("schema"),
            value.get("examples").and_then(Value::as_object),
        ) else {
            return;
        };
        let mut root = schema.clone();
        root["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&root)
            .unwrap();
        for (name, example) in examples {
            let example = match example["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
                None => example,
            };
            seen += 1;
            if let Err(error) = validator.validate(&example["value"]) {
                panic!("{place}: the example {name} is not valid: {error}");
            }
        }
    });
    seen
}

#[test]
fn the_paths_are_the_routes_of_the_template() {
    let template = Template::parse(include_str!("../../template.yaml"), &BTreeMap::new()).unwrap();
    let rights: BTreeMap<_, _> = functions::FUNCTIONS
        .iter()
        .filter_map(|function| match function.kind {
            Kind::Endpoint { rights, .. } => Some((function.name, rights)),
            Kind::Open { .. } | Kind::Event { .. } => None,
        })
        .collect();

    let mut routes = BTreeMap::new();
    for function in &template.functions {
        for route in &function.routes {
            let rights = rights.get(function.binary.as_str());
            let scopes: Option<BTreeSet<_>> =
                rights.map(|rights| rights.iter().map(ToString::to_string).collect());
            assert_eq!(
                route.authorizer.is_some(),
                scopes.is_some(),
                "{}: a key is asked for where a right is",
                function.id
            );
            routes.insert((route.method.clone(), route.path.clone()), scopes);
        }
    }

    let mut described = BTreeMap::new();
    for document in documents() {
        for (path, method, operation, _) in operations(document) {
            let security = operation.get("security").unwrap_or(&document["security"]);
            let schemes = security.as_array().into_iter().flatten();
            let named = schemes.flat_map(|scheme| scheme.as_object().unwrap().values());
            let scopes: BTreeSet<_> = named.flat_map(words).map(str::to_owned).collect();
            for scope in &scopes {
                assert!(
                    operation["description"].as_str().unwrap().contains(scope),
                    "{method} {path} does not tell people its scope {scope}"
                );
            }
            let is_open = security.as_array().is_some_and(Vec::is_empty);
            for server in document["servers"].as_array().unwrap() {
                let prefix = server["url"].as_str().unwrap().trim_end_matches('/');
                let scopes = (!is_open).then(|| scopes.clone());
                described.insert((method.to_uppercase(), format!("{prefix}{path}")), scopes);
            }
        }
    }
    for (route, scopes) in &routes {
        assert_eq!(
            described.get(route),
            Some(scopes),
            "{route:?}: left the description, right the code"
        );
    }
    for route in described.keys() {
        assert!(
            routes.contains_key(route),
            "{route:?} is described and not in template.yaml"
        );
    }
}

#[test]
fn the_lists_are_those_of_the_code() {
    let schemas = &document()["components"]["schemas"];
    assert_eq!(
        words(&schemas["StatusReason"]["enum"]),
        Reason::ALL.map(Reason::word)
    );
    assert_eq!(
        words(&schemas["Status"]["enum"]),
        [Status::Unknown, Status::Active, Status::Error].map(Status::word)
    );
    let table = schemas["StatusReason"]["description"].as_str().unwrap();
    for reason in Reason::ALL {
        assert!(
            table.contains(&format!("| `{}` |", reason.word())),
            "{} is not explained",
            reason.word()
        );
    }
    // Two errors share a word where they differ for us and not for the caller.
    let codes: BTreeSet<_> = every_error().iter().map(Error::word).collect();
    let described = words(&schemas["ErrorCode"]["enum"]);
    assert_eq!(described.len(), codes.len(), "a word is there twice");
    assert_eq!(described.into_iter().collect::<BTreeSet<_>>(), codes);
}

/// One of each. The match has no wildcard: a new variant does not compile until it is in the list.
fn every_error() -> [Error; 25] {
    let all = [
        Error::invalid("", ""),
        Error::Unauthenticated,
        Error::Forbidden(Right::LIST_CONNECTIONS),
        Error::NotFound(Noun::Connection),
        Error::Taken(Noun::ConnectionName),
        Error::CredentialRequired,
        Error::NoCredential,
        Error::Stale,
        Error::Busy,
        Error::KeyReused,
        Error::NotProven(Reason::CredentialRejected),
        Error::TooLarge(64),
        Error::UnsupportedMediaType,
        Error::Throttled {
            retry_after_seconds: 1,
        },
        Error::Unavailable("".into()),
        Error::internal(""),
        Error::PlainHttp,
        Error::ForbiddenAll(&Right::SERVERS),
        Error::NotAllowed(""),
        Error::InUse(Noun::Workspace, ""),
        Error::NoAddress,
        Error::CheckFailed(Reason::NotMcp),
        Error::Conflict(""),
        Error::Expired(Noun::Authorization),
        Error::NotAuthorized(Trouble::Denied),
    ];
    for (n, error) in all.iter().enumerate() {
        let place = match error {
            Error::Invalid(_) => 0,
            Error::Unauthenticated => 1,
            Error::Forbidden(_) => 2,
            Error::NotFound(_) => 3,
            Error::Taken(_) => 4,
            Error::CredentialRequired => 5,
            Error::NoCredential => 6,
            Error::Stale => 7,
            Error::Busy => 8,
            Error::KeyReused => 9,
            Error::NotProven(_) => 10,
            Error::TooLarge(_) => 11,
            Error::UnsupportedMediaType => 12,
            Error::Throttled { .. } => 13,
            Error::Unavailable(_) => 14,
            Error::Internal(_) => 15,
            Error::PlainHttp => 16,
            Error::ForbiddenAll(_) => 17,
            Error::NotAllowed(_) => 18,
            Error::InUse(..) => 19,
            Error::NoAddress => 20,
            Error::CheckFailed(_) => 21,
            Error::Conflict(_) => 22,
            Error::Expired(_) => 23,
            Error::NotAuthorized(_) => 24,
        };
        assert_eq!(n, place);
    }
    all
}

/// Every member of the read model that the document names is there, and no other: the contract refuses a member that is
/// not described, and here the described ones are counted.
#[test]
fn the_read_model_has_the_described_members_and_no_secret() {
    let schema = &document()["components"]["schemas"]["McpConnection"];
    let described: BTreeSet<_> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut required: BTreeSet<_> = words(&schema["required"]).into_iter().collect();
    required.insert("headerName");
    assert_eq!(
        described, required,
        "all members but headerName are always there"
    );
    for secret in ["bearerToken", "apiKey", "credential"] {
        assert!(!described.contains(secret));
    }
}

/// What a client may send and what the server takes are the same, character by character.
fn agree(schema: &str, samples: &[&str], accepts: impl Fn(String) -> bool) {
    let validator = Contract::load().schema(&format!("/components/schemas/{schema}"));
    for sample in samples {
        let (described, accepted) = (
            validator.is_valid(&json!(sample)),
            accepts((*sample).to_owned()),
        );
        assert_eq!(
            described, accepted,
            "{schema} {sample:?}: described {described}, accepted {accepted}"
        );
    }
}

#[test]
fn bounds_are_those_of_the_code() {
    let long = |n| "x".repeat(n);
    let wide = "é".repeat(255);
    let names = [
        "",
        "a",
        " ",
        " a",
        "a ",
        "a b",
        "\u{a0}a",
        "a\u{3000}",
        "\u{feff}a",
        "a\tb",
        "a\u{7f}",
        "a\u{85}b",
        "a\n",
        "ä\u{200b}",
        &wide,
        &long(255),
        &long(256),
    ];
    agree("ConnectionName", &names, |text| {
        ConnectionName::try_from(text).is_ok()
    });

    let tokens = ["", "a", "a b", "é", "a\n", "!~", &long(8192), &long(8193)];
    agree("BearerToken", &tokens, |text| Secret::parse(text).is_ok());
    agree("ApiKey", &tokens, |text| Secret::parse(text).is_ok());

    let headers = [
        "",
        "x-api-key",
        "X-Api-Key",
        "Authorization",
        "a b",
        "a:",
        "Host",
        "hosts",
        "TE",
        "te-x",
        "Mcp-Session-Id",
        "mcp",
        "X-Forwarded-For",
        "x-forwarded",
        "user-agent",
        "last-event-ID",
        "é",
        "a\n",
        "!#$%&'*+-.^_`|~",
        &long(128),
        &long(129),
    ];
    agree("HeaderName", &headers, |text| {
        HeaderName::try_from(text).is_ok()
    });

    let path = |n: usize| format!("https://h/{}", "x".repeat(n - "https://h/".len()));
    let urls = [
        "",
        "https://",
        "https://mcp.example.com",
        "https://mcp.example.com/mcp?a=b",
        "https://[2001:db8::1]:8443/mcp",
        "http://h/",
        "ftp://h/",
        "https://u@h/",
        "https://u:p@h/",
        "https://h/#f",
        "https://h/ b",
        "https://h/\n",
        " https://h/",
        "mcp.example.com",
        "/mcp",
        "https://h?x",
        "https://h/@u",
        &path(2048),
        &path(2049),
    ];
    let is_accepted = |text| ServerUrl::try_from(text).is_ok_and(|url: ServerUrl| url.is_https());
    agree("ServerUrl", &urls, is_accepted);

    let interval = Contract::load().schema("/components/schemas/CheckIntervalSeconds");
    for seconds in [0, 59, 60, 61, 300, 3599, 3600, 3601, u32::MAX] {
        assert_eq!(
            interval.is_valid(&json!(seconds)),
            CheckInterval::try_from(seconds).is_ok(),
            "{seconds}"
        );
    }
    let default = &document()["components"]["schemas"]["CheckIntervalSeconds"]["default"];
    assert_eq!(default, CheckInterval::default().seconds());
}

proptest! {
    #[test]
    fn names_and_headers_agree_on_anything(name in "\\PC{0,3}[\\s\\pC]{0,1}\\PC{0,3}", header in "[ -~]{0,20}") {
        agree("ConnectionName", &[&name], |text| ConnectionName::try_from(text).is_ok());
        agree("HeaderName", &[&header], |text| HeaderName::try_from(text).is_ok());
    }
}
