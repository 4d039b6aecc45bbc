//! Where a client is reached, or how its process is started.

use serde_json::{Map, Value, json};
use shared::{
    ParseError,
    connection::{ServerUrl, Transport},
    error::{Error, Problem},
};

use super::values;
use crate::fields::Fields;

/// What runs beside a gateway has no address, and a process is told how it is started.
pub fn reached(
    fields: &mut Fields,
    transport: Option<Transport>,
) -> (Option<ServerUrl>, Option<Value>) {
    // What is there and cannot be read is told of once.
    let [has_address, has_process] =
        ["connection_string", "stdio_config"].map(|name| fields.has(name));
    let address = values::text(fields, "connection_string");
    let process = fields.object("stdio_config");
    let is_local = transport.is_some_and(Transport::is_local);
    if is_local && address.is_some() {
        fields.problem(
            "connection_string",
            "goes with the connection_types http and sse only",
        );
    }
    if transport != Some(Transport::Stdio) && process.is_some() {
        fields.problem("stdio_config", "goes with connection_type stdio only");
    }
    match (transport, address) {
        (Some(Transport::Stdio), _) => {
            if !has_process {
                fields.problem("stdio_config", "is required for this connection_type");
            }
            let process = process.and_then(|process| started_by(fields, process));
            (ServerUrl::local().ok(), process)
        }
        (Some(Transport::Inprocess), _) => (ServerUrl::local().ok(), None),
        (Some(_), None) => {
            if !has_address {
                fields.problem("connection_string", "is required for this connection_type");
            }
            (None, None)
        }
        (_, Some(address)) => match ServerUrl::try_from(address) {
            Ok(url) => (Some(url), None),
            Err(problem) => {
                fields.problem("connection_string", problem.0);
                (None, None)
            }
        },
        (None, None) => (None, None),
    }
}

/// How a process is started: kept, and never done.
fn started_by(fields: &mut Fields, process: Map<String, Value>) -> Option<Value> {
    let mut inner = Fields::of_body(process);
    inner.drop_nulls(&[]);
    inner.require(&["command"]);
    let command = inner.text::<Word>("command");
    let [args, envs] = ["args", "envs"].map(|name| inner.texts::<Word>(name).unwrap_or_default());
    for (name, words) in [("args", &args), ("envs", &envs)] {
        // What was shown of another client is not what it is started with.
        if words.iter().any(|word| values::is_placeholder(&word.0)) {
            inner.problem(name, "has a placeholder, and nothing is stored for it");
        }
    }
    let read = inner.finish(command);
    match read {
        Ok(command) => {
            let words = |words: Vec<Word>| words.into_iter().map(|word| word.0).collect::<Vec<_>>();
            Some(json!({ "command": command.0, "args": words(args), "envs": words(envs) }))
        }
        Err(Error::Invalid(problems)) => {
            for Problem { field, problem } in problems {
                fields.problem(&format!("stdio_config{field}"), problem);
            }
            None
        }
        Err(_) => None,
    }
}

/// A word of a command line. What a process cannot be given is a slip.
struct Word(String);

impl std::str::FromStr for Word {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > 8192 || text.contains('\0') {
            return Err(ParseError("must be at most 8192 bytes, without NUL"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Word {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        // It is shown, and to people.
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(ParseError(
                "must not be empty, and have no control characters",
            ));
        }
        text.parse()
    }
}
