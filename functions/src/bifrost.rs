//! Bifrost's vocabulary: `/api/mcp/clients` and its siblings, in snake case.
//!
//! A client is what the native API calls a connection. What Bifrost ignores without a word is refused here by name; what it left out of its answers because it
//! was empty is always there.

pub mod clients;
pub mod headers;
pub mod keys;
pub mod oauth;
pub mod openapi;
pub mod sessions;
pub mod tls;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    error::{Error, Noun, Problem},
    verdict::Reason,
};

use crate::edge::{Reply, Vocabulary};
use crate::reply;

pub static VOCABULARY: Vocabulary = Vocabulary {
    render,
    request_id_header: "x-request-id",
};

/// What an error looks like: the documented envelope, with the word for programs and the field filled in that Bifrost leaves out.
#[derive(Serialize)]
struct Failure {
    is_bifrost_error: bool,
    status_code: u16,
    error: Details,
    extra_fields: Value,
}

#[derive(Serialize)]
struct Details {
    message: String,
    /// A word for programs, twice: where newer clients look for it and where older ones do.
    r#type: &'static str,
    code: &'static str,
    /// The first field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
}

fn render(error: &Error, request_id: &str) -> Reply {
    let problems = problems(error);
    let shown: Vec<_> = problems
        .iter()
        .map(|problem| json!({ "field": name(&problem.field), "problem": problem.problem }))
        .collect();
    let mut extra = json!({ "request_id": request_id });
    if !shown.is_empty() {
        extra["problems"] = shown.into();
    }
    if let Error::NotAuthorized(trouble) = error {
        extra["reason"] = trouble.word().into();
    }
    if let Error::NotProven(reason) | Error::CheckFailed(reason) = error {
        extra["reason"] = reason.word().into();
        extra["remedy"] = remedy(*reason).into();
    }
    let failure = Failure {
        is_bifrost_error: false,
        status_code: reply::status(error),
        error: Details {
            message: message(error, &problems),
            r#type: error.word(),
            code: error.word(),
            param: problems.first().map(|problem| name(&problem.field)),
        },
        extra_fields: extra,
    };
    Reply::failure(error, &failure)
}

fn problems(error: &Error) -> Vec<Problem> {
    match error {
        Error::Invalid(problems) => problems.clone(),
        Error::PlainHttp => vec![Problem::new(
            "/connection_string",
            "must begin with https://",
        )],
        Error::NoAddress => vec![Problem::new("/connection_type", "cannot be changed")],
        _ => Vec::new(),
    }
}

/// A pointer into the body reads like a path of names here.
fn name(field: &str) -> String {
    field.trim_start_matches('/').replace('/', ".")
}

fn message(error: &Error, problems: &[Problem]) -> String {
    if !problems.is_empty() {
        let sentences = problems.iter().map(|problem| {
            let field = name(&problem.field);
            let field = if field.is_empty() { "body" } else { &field };
            format!("{field} {}", problem.problem)
        });
        return sentences.collect::<Vec<_>>().join("; ");
    }
    match error {
        Error::NotFound(Noun::Connection) => "MCP client not found".to_owned(),
        Error::NotFound(Noun::ApiKey) => "virtual key not found".to_owned(),
        Error::Taken(Noun::ConnectionName) => "an MCP client of this name exists".to_owned(),
        Error::CredentialRequired => {
            "headers must be given again in the same request: those that are stored are sent to nobody whom they were not given for".to_owned()
        }
        Error::NotProven(reason) => format!(
            "the server did not accept it ({}), and nothing was stored",
            reason.word()
        ),
        Error::CheckFailed(reason) => remedy(*reason)
            .unwrap_or_else(|| "the server asks us to come back later".to_owned()),
        other => other.to_string(),
    }
}

/// What is to be done, in the words of this vocabulary; nothing where waiting is all there is to do.
pub fn remedy(reason: Reason) -> Option<String> {
    reason.remedy_naming("connection_string", "auth_type")
}
