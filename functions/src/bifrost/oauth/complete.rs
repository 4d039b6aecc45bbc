//! `POST /api/mcp/client/{id}/complete-oauth`: check a client with the tokens it was just given. The id is that of the authorization.

use serde_json::json;
use shared::{
    error::{Noun, Result},
    right::Right,
    verdict::Reason,
};

use crate::{
    app::App,
    bifrost::{VOCABULARY, remedy},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-oauth-complete",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Authorization)?;

    let consents = app.consents()?;
    let flow = consents.authorized(call.tenant(), id).await?;
    let report = app.checkup()?.test(call.tenant(), flow.connection).await?;
    consents.complete(&flow).await?;

    let contract = report.listing.contract.as_ref();
    let message = match report.reason {
        None => "The client is authorized, and its server works.".to_owned(),
        Some(reason) => format!(
            "The client is authorized. {}",
            remedy(reason).unwrap_or_else(|| "It is checked again soon.".to_owned())
        ),
    };
    Reply::ok(&json!({
        "status": "success",
        "message": message,
        "mcp_client_id": flow.connection,
        "tools_count": contract.map_or(0, |contract| contract.tool_count),
        "reason": report.reason.map(Reason::word),
    }))
}
