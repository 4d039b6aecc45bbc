//! oHallo's vocabulary, our native API: `/api/mcp-connections`, in camel case.

pub mod auth;
pub mod connections;

use serde::Serialize;
use shared::error::{Error, Problem};

use crate::edge::{Reply, Vocabulary};

pub static VOCABULARY: Vocabulary = Vocabulary {
    render,
    request_id_header: "x-request-id",
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    /// A sentence for people.
    error: String,
    /// A word for programs.
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
    /// Why the server did not accept a new credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

#[derive(Serialize)]
struct Detail<'a> {
    field: &'a str,
    problem: &'a str,
}

fn render(error: &Error, request_id: &str) -> Reply {
    let no_address = [Problem::new(
        "/serverUrl",
        "cannot be changed: it runs as a process beside a gateway",
    )];
    let plain_http = [Problem::new("/serverUrl", "must begin with https://")];
    let problems = match error {
        Error::Invalid(problems) => &problems[..],
        Error::PlainHttp => &plain_http,
        Error::NoAddress => &no_address,
        _ => &[],
    };
    let details = problems
        .iter()
        .map(|problem| Detail {
            field: &problem.field,
            problem: &problem.problem,
        })
        .collect();
    let reason = match error {
        Error::NotProven(reason) => Some(*reason),
        _ => None,
    };
    let failure = Failure {
        error: capitalized(&error.to_string()),
        code: error.word(),
        request_id,
        details,
        status_reason: reason.map(shared::verdict::Reason::word),
        remedy: reason.and_then(shared::verdict::Reason::remedy),
    };
    Reply::failure(error, &failure)
}

/// Sentences begin with a capital here; in the log they follow a colon.
fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
