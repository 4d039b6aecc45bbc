//! Portkey's vocabulary: `/v1/mcp-integrations`, `/v1/mcp-servers`, and what belongs to them, in snake case; all of it under `/v2` as well.
//!
//! Success is always a 200 with a JSON object, an error always names its class. Clients send more members than they have to, and none is
//! refused for that.

pub mod audit;
mod capabilities;
mod health;
pub mod integrations;
pub mod keys;
pub mod members;
mod metadata;
pub mod openapi;
pub mod servers;
mod settings;
mod test_result;
pub mod workspaces;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    ParseError,
    error::{Error, Noun, Result},
    ports::{Slice, Window},
    slug::Reference,
    tenant::{TenantId, WorkspaceId},
};

use crate::{
    edge::{Call, Reply, Vocabulary},
    fields::Fields,
    reply,
};

pub static VOCABULARY: Vocabulary = Vocabulary {
    render,
    request_id_header: "x-portkey-request-id",
};

/// What an error looks like: the documented envelope, and a sentence where the SDKs look for one.
#[derive(Serialize)]
struct Failure<'a> {
    success: bool,
    message: &'a str,
    data: Details<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    message: &'a str,
    error_code: &'static str,
}

fn render(error: &Error, _: &str) -> Reply {
    let message = message(error);
    let (status, error_code) = class(error);
    let data = Details {
        message: &message,
        error_code,
    };
    let failure = Failure {
        success: false,
        message: &message,
        data,
    };
    Reply::failure_with(status, error, &failure)
}

/// The status and the class that Portkey's table has for it.
fn class(error: &Error) -> (u16, &'static str) {
    match error {
        Error::Invalid(_)
        | Error::PlainHttp
        | Error::NoAddress
        | Error::TooLarge(_)
        | Error::UnsupportedMediaType
        | Error::CredentialRequired
        | Error::NoCredential
        | Error::NotProven(_)
        | Error::CheckFailed(_)
        | Error::NotAuthorized(_)
        | Error::KeyReused => (400, "AB01"),
        Error::Forbidden(_) | Error::ForbiddenAll(_) | Error::NotAllowed(_) => (403, "AB03"),
        Error::Unauthenticated => (401, "AB05"),
        Error::Throttled { .. } => (429, "AB06"),
        Error::Taken(_) | Error::InUse(..) | Error::Conflict(_) | Error::Busy | Error::Stale => {
            (409, "AB07")
        }
        Error::NotFound(_) | Error::Expired(_) => (404, "AB08"),
        Error::Unavailable(_) | Error::Internal(_) => (reply::status(error), "AB04"),
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => {
            let mut text = String::new();
            for problem in problems {
                let separator = if text.is_empty() { "" } else { "; " };
                // A pointer into the body reads like a path of names here.
                let field = problem.field.trim_start_matches('/').replace('/', ".");
                let field = if field.is_empty() { "body" } else { &field };
                // Writing to a String cannot fail.
                let _ = write!(text, "{separator}{field} {}", problem.problem);
            }
            text
        }
        Error::NotFound(Noun::Connection) => "integration not found".to_owned(),
        Error::PlainHttp => "url must begin with https://".to_owned(),
        Error::CredentialRequired => {
            "url leads to another origin, so all of configurations must be given again in the same request".to_owned()
        }
        Error::NoCredential => "auth_type none takes no configurations".to_owned(),
        other => other.to_string(),
    }
}

/// How a list is paged: the number of its first page, the size of a page and the largest one.
#[derive(Clone, Copy)]
pub struct Pages {
    first: u32,
    size: u32,
    largest: u32,
}

impl Pages {
    /// Pages are counted from 0, in `current_page`.
    pub const fn from_zero(size: u32, largest: u32) -> Self {
        Self {
            first: 0,
            size,
            largest,
        }
    }

    /// Pages are counted from 1, in `page`; one client calls it `current_page`.
    pub const fn from_one(size: u32, largest: u32) -> Self {
        Self {
            first: 1,
            size,
            largest,
        }
    }

    /// What the query asks for. Portkey's client for Python spells it in camel case where it lists workspaces.
    pub fn read(self, query: &mut Fields) -> Window {
        let named_page = self.first == 1 && query.has("page");
        let page_name = if named_page {
            "page"
        } else {
            spelled(query, ["current_page", "currentPage"])
        };
        let size_name = spelled(query, ["page_size", "pageSize"]);
        let page = query.number::<PageNumber>(page_name);
        let page = page.map_or(self.first, |page| page.0);
        if page < self.first {
            query.problem(page_name, "must be 1 or more");
        }
        let size = query.number::<u32>(size_name).unwrap_or(self.size);
        if !(1..=self.largest).contains(&size) {
            query.problem(size_name, format!("must be between 1 and {}", self.largest));
        }
        Window {
            offset: (page.saturating_sub(self.first) as usize).saturating_mul(size as usize),
            limit: size as usize,
        }
    }
}

/// Which of two spellings a query has; the first where it has neither.
fn spelled(query: &Fields, [usual, other]: [&'static str; 2]) -> &'static str {
    if query.has(other) && !query.has(usual) {
        other
    } else {
        usual
    }
}

/// A page beyond any that a list can have is a slip.
struct PageNumber(u32);

impl TryFrom<u32> for PageNumber {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, ParseError> {
        if number <= 10_000_000 {
            Ok(Self(number))
        } else {
            Err(ParseError("must be at most 10000000"))
        }
    }
}

/// A page of a list, as most of them look.
pub fn page<T: Serialize>(slice: &Slice<T>) -> Value {
    json!({
        "object": "list",
        "data": slice.items,
        "total": slice.total,
        "has_more": slice.has_more,
    })
}

/// Where something has to be removed with all that is in it, nothing is begun after so long; the caller waits for half a minute at most.
const ENOUGH_SECONDS: i64 = 20;

/// The answer of what has nothing to say.
pub fn done() -> Result<Reply> {
    Reply::ok(&json!({}))
}

/// The answer of what has nothing to say but that it went well.
pub fn success() -> Result<Reply> {
    Reply::ok(&json!({ "success": true }))
}

/// Takes the workspace that a request names.
pub fn workspace_id(fields: &mut Fields) -> Option<Reference<WorkspaceId>> {
    fields.text("workspace_id")
}

/// Takes the organisation that a request names, which can only be the caller's own.
pub fn own_organisation(fields: &mut Fields, call: &Call) {
    let named = fields.text::<OrganisationId>("organisation_id");
    if named.is_some_and(|named| named.0 != Some(call.tenant())) {
        fields.problem("organisation_id", "must be the organisation of the API key");
    }
}

struct OrganisationId(Option<TenantId>);

impl From<String> for OrganisationId {
    fn from(text: String) -> Self {
        Self(text.parse().ok())
    }
}
