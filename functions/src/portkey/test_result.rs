//! What came of a check that somebody asked for: the members that Portkey's document and its clients have for it, and our own in `details`.

use serde_json::{Value, json};
use shared::{
    checkup::Report,
    server::Server,
    verdict::{Class, Reason, Step, StepName},
};

/// The answer to a test.
pub fn of(report: &Report) -> Value {
    let connection = &report.listing.connection;
    let introduced = report
        .listing
        .offered()
        .and_then(|contract| contract.server_info.as_ref())
        .map(|info| info.name.as_str());
    let error = report.reason.filter(|reason| is_failure(*reason));
    let message = report.reason.map_or_else(
        || "The server answers, and speaks MCP.".to_owned(),
        sentence,
    );
    // What could not begin took no time.
    let has_begun = !report.steps.is_empty();
    json!({
        "success": error.is_none(),
        "status_code": status_code(&report.steps),
        "response_time_ms": has_begun.then_some(report.latency_ms),
        "url": connection.server_url,
        "server_name": introduced.unwrap_or(connection.name.as_str()),
        "error": error.map(sentence),
        "message": message,
        "details": details(&report.steps, report.reason),
    })
}

/// The same for a server that there is nothing to reach behind.
pub fn unreachable(server: &Server) -> Value {
    let sentence =
        "The integration of this server is gone, or not enabled for its workspace any more.";
    json!({
        "success": false,
        "status_code": null,
        "response_time_ms": null,
        "url": null,
        "server_name": server.name,
        "error": sentence,
        "message": sentence,
        "details": details(&[], None),
    })
}

/// A reason as a sentence that says what to do, in the words of this vocabulary.
pub fn sentence(reason: Reason) -> String {
    remedy(reason).unwrap_or_else(|| {
        match reason {
            Reason::RateLimited => "The server asks us to come back later.",
            _ => "The check could not be done; try again later.",
        }
        .to_owned()
    })
}

/// What is to be done, in the words of this vocabulary; nothing where waiting is all there is to do.
pub fn remedy(reason: Reason) -> Option<String> {
    reason.remedy_naming("url", "auth_type")
}

const fn is_failure(reason: Reason) -> bool {
    !matches!(reason.class(), Class::Remark)
}

fn details(steps: &[Step], reason: Option<Reason>) -> Value {
    let steps: Vec<_> = steps
        .iter()
        .map(|step| {
            json!({
                "step": step.step,
                "duration_ms": step.duration_ms,
                "reason": step.reason,
                "http_status": step.http_status,
            })
        })
        .collect();
    json!({ "steps": steps, "reason": reason, "remedy": reason.and_then(remedy) })
}

/// The last status that says something of the server; how it takes a goodbye does not.
fn status_code(steps: &[Step]) -> Option<u16> {
    steps
        .iter()
        .rev()
        .filter(|step| step.step != StepName::EndSession)
        .find_map(|step| step.http_status)
}
