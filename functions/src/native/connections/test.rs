//! `POST /api/mcp-connections/{id}/test`: check a connection now, and tell how it went step by step.

use serde_json::json;
use shared::{
    error::{Noun, Result},
    right::Right,
    verdict::Reason,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-test",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;

    let report = app.checkup()?.test(call.tenant(), id).await?;

    Reply::ok(&json!({
        "status": report.verdict(),
        "lastHealthCheckAt": report.at,
        "statusReason": report.reason,
        "retryable": report.reason.map(Reason::retryable),
        "remedy": report.reason.and_then(Reason::remedy),
        "latencyMs": report.latency_ms,
        "steps": report.steps,
    }))
}
