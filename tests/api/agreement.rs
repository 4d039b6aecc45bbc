//! Five places speak of an endpoint: its file, its binary, the function table, template.yaml and the API's description. They agree,
//! or one of these tests says which of them was forgotten and what to write there.

use std::{collections::BTreeSet, fs, path::Path};

use functions::{FUNCTIONS, edge::Kind};
use local::{stack::TEMPLATE, template::Template};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn template() -> Template {
    Template::parse(TEMPLATE, &Default::default()).unwrap()
}

fn names() -> BTreeSet<String> {
    FUNCTIONS
        .iter()
        .map(|function| function.name.to_owned())
        .collect()
}

/// `native-connections-list` is `NativeConnectionsList` in the template.
fn logical_id(name: &str) -> String {
    name.split('-')
        .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
        .collect()
}

/// `native-connections-list` is `native::connections::list` in the code: vocabulary, noun, verb. What speaks no vocabulary is a module of its
/// name.
fn module(name: &str) -> String {
    let words: Vec<&str> = name.splitn(3, '-').collect();
    match words[..] {
        [vocabulary @ ("native" | "portkey" | "bifrost"), noun, verb] => {
            format!("{vocabulary}::{noun}::{}", verb.replace('-', "_"))
        }
        _ => name.replace('-', "_"),
    }
}

fn source(name: &str) -> String {
    let file = root()
        .join("functions/src")
        .join(module(name).replace("::", "/"))
        .with_extension("rs");
    fs::read_to_string(&file).unwrap_or_else(|_| {
        panic!(
            "{name} stands in FUNCTIONS; its code belongs into {}",
            file.display()
        )
    })
}

#[test]
fn every_function_has_its_binary() {
    let files = fs::read_dir(root().join("functions/src/bin")).unwrap();
    let binaries: BTreeSet<String> = files
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    if let Some(name) = names().difference(&binaries).next() {
        panic!(
            "write functions/src/bin/{name}.rs:\nfn main() -> std::process::ExitCode {{\n    functions::run(functions::{}::FUNCTION)\n}}",
            module(name)
        );
    }
    if let Some(name) = binaries.difference(&names()).next() {
        panic!("functions/src/bin/{name}.rs has no line in FUNCTIONS of functions/src/lib.rs");
    }
    for name in names() {
        let text = fs::read_to_string(root().join(format!("functions/src/bin/{name}.rs"))).unwrap();
        let call = format!("functions::run(functions::{}::FUNCTION)", module(&name));
        assert!(
            text.contains(&call),
            "functions/src/bin/{name}.rs runs something else than {call}"
        );
    }
}

#[test]
fn every_function_is_in_the_template_under_its_name() {
    let template = template();
    let described: BTreeSet<String> = template
        .functions
        .iter()
        .map(|function| function.binary.clone())
        .collect();
    if let Some(name) = names().difference(&described).next() {
        panic!(
            "template.yaml has no function with CodeUri target/lambda/{name}/; its id is {}",
            logical_id(name)
        );
    }
    if let Some(name) = described.difference(&names()).next() {
        panic!(
            "template.yaml names {name}, which has no line in FUNCTIONS of functions/src/lib.rs"
        );
    }
    for function in &template.functions {
        assert_eq!(
            function.id,
            logical_id(&function.binary),
            "the id of {} in template.yaml",
            function.binary
        );
    }
}

/// The first line of an endpoint's file is its request line, as the template has it.
#[test]
fn every_endpoint_file_opens_with_its_route() {
    for function in template().functions {
        let source = source(&function.binary);
        let opening = source.lines().next().unwrap_or_default();
        for route in &function.routes {
            // What Portkey's clients call under /v1, its gateway calls under /v2.
            let path = route.path.replacen("/v2/", "/v1/", 1);
            let expected = format!("//! `{} {path}`: ", route.method);
            assert!(
                opening.starts_with(&expected),
                "{} opens with\n  {opening}\nand not with\n  {expected}…",
                function.binary
            );
        }
    }
}

/// Portkey's API is the same under both of its versions.
#[test]
fn every_route_of_portkeys_stands_under_both_versions() {
    let mut count = 0;
    for function in template().functions {
        let paths: BTreeSet<_> = function
            .routes
            .iter()
            .map(|route| (route.method.clone(), route.path.clone()))
            .collect();
        for (method, path) in &paths {
            if let Some(rest) = path.strip_prefix("/v1/") {
                count += 1;
                let twin = (method.clone(), format!("/v2/{rest}"));
                assert!(paths.contains(&twin), "{} lacks {twin:?}", function.id);
            }
        }
    }
    assert!(count >= 33, "Portkey has more than {count} operations");
}

/// What needs a caller has an authorizer in front, and what has a route is an endpoint.
#[test]
fn every_route_has_the_authorizer_its_function_needs() {
    for described in template().functions {
        let function = FUNCTIONS
            .iter()
            .find(|function| function.name == described.binary)
            .unwrap();
        let routes = &described.routes;
        match function.kind {
            Kind::Endpoint { .. } => {
                assert!(!routes.is_empty(), "{} has no route", described.binary);
                let guarded = routes.iter().all(|route| route.authorizer.is_some());
                assert!(
                    guarded,
                    "{} has a route without authorizer: nobody could call it",
                    described.binary
                );
            }
            Kind::Open { .. } => {
                assert!(!routes.is_empty(), "{} has no route", described.binary);
                let open = routes.iter().all(|route| route.authorizer.is_none());
                assert!(
                    open,
                    "{} is for everybody, so its routes say `Authorizer: NONE`",
                    described.binary
                );
            }
            Kind::Event { .. } => assert!(
                routes.is_empty(),
                "{} handles events and cannot answer a request",
                described.binary
            ),
        }
    }
}

/// Whoever dials knows what the operator allows, or he would judge a server otherwise than the others do.
#[test]
fn whoever_dials_knows_what_the_operator_allows() {
    const VARIABLE: &str = "STEWARD_ALLOW_INSECURE_TLS";
    let mut count = 0;
    for function in template().functions {
        let source = source(&function.binary);
        let dials = [".checkup()", ".rotation()", ".scheduler()", " checked(&app"]
            .iter()
            .any(|made| source.contains(made));
        count += usize::from(dials);
        let knows = function.environment.contains_key(VARIABLE);
        // What Bifrost's clients write may ask for it.
        let writes = ["bifrost-clients-create", "bifrost-clients-update"];
        let writes = writes.contains(&&*function.binary);
        assert_eq!(
            knows,
            dials || writes,
            "whether {} has {VARIABLE}",
            function.id
        );
    }
    assert!(count >= 6, "the calls that dial have other names by now");
}

/// One Lambda can be invoked by hand as well: there is an event for each, in a file of its name.
#[test]
fn every_function_has_an_event_to_try_it_with() {
    for name in names() {
        let file = root().join(format!("tests/events/{name}.json"));
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("write {}", file.display()));
        serde_json::from_str::<serde_json::Value>(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// An endpoint is parse, do, answer; what is longer has a rule in it that belongs into the domain.
#[test]
fn endpoint_files_are_short() {
    for name in names() {
        let lines = source(&name).lines().count();
        assert!(
            lines <= 60,
            "{name} has {lines} lines; 60 are enough for parse, do, answer"
        );
    }
}
