//! Authorizations: consent to one token for a whole client, from the link that somebody opens to the token in use.
//!
//! What Bifrost calls an OAuth configuration is one flow here: its status speaks of this attempt, and of no earlier one.

pub mod callback;
pub mod complete;
pub mod reauthorize;
pub mod revoke;
pub mod start;
pub mod status;

use serde_json::{Value, json};
use shared::{
    error::{Error, Result},
    oauth::{consents::Begun, flow::Flow},
    timestamp::Timestamp,
};

use crate::{
    edge::{Reply, Vocabulary},
    reply,
};

/// How it is said to whoever consents, with a browser.
pub static PAGES: Vocabulary = Vocabulary {
    render: |error, _| page(reply::status(error), &sentence(error)),
    request_id_header: "x-request-id",
};

/// That somebody has to consent now, and how it goes on from there. `origin` is where this API is reached.
pub fn pending(begun: &Begun, origin: &str) -> Value {
    let Flow {
        id,
        connection,
        until,
        ..
    } = &begun.flow;
    let complete_url = format!("{origin}/api/mcp/client/{id}/complete-oauth");
    let status_url = format!("{origin}/api/oauth/config/{id}/status");
    json!({
        "status": "pending_oauth",
        "message": "Open authorize_url and consent; then complete the authorization.",
        "mcp_client_id": connection,
        "oauth_config_id": id,
        "authorize_url": begun.authorize_url,
        "expires_at": until,
        "complete_url": complete_url,
        "status_url": status_url,
        "next_steps": [
            "Open authorize_url in a browser and consent.",
            "Ask status_url until status is authorized.",
            "POST to complete_url.",
        ],
    })
}

fn shown(flow: &Flow, now: Timestamp) -> Value {
    let mut shown = json!({
        "id": flow.id,
        "mcp_client_id": flow.connection,
        "status": flow.status(now).word(),
        "created_at": flow.created_at,
        "expires_at": flow.until,
    });
    if let Some(trouble) = flow.trouble {
        shown["failure"] = json!({ "code": trouble.word(), "message": trouble.sentence() });
    }
    if let Some(at) = flow.token_expires_at {
        shown["token_expires_at"] = json!(at);
    }
    if !flow.token_scopes.is_empty() {
        shown["token_scopes"] = json!(flow.token_scopes);
    }
    shown
}

fn sentence(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => {
            let sentences = problems
                .iter()
                .map(|problem| format!("{} {}", problem.field, problem.problem));
            sentences.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// A page with one sentence. It loads nothing, is shown in no frame, and tells nobody where it was.
fn page(status: u16, sentence: &str) -> Reply {
    let sentence = sentence
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>mcp-steward</title>\n<p>{sentence}</p>\n</html>\n"
    );
    Reply {
        status,
        headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
        body: Some(html.into_bytes()),
    }
    .with(
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'".to_owned(),
    )
    .with("referrer-policy", "no-referrer".to_owned())
}

/// Where this API is reached. A request that does not say so came from no gateway.
pub fn origin(origin: Option<String>) -> Result<String> {
    origin.ok_or_else(|| Error::internal("the request does not say where it was sent to"))
}
