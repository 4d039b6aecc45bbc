//! `POST /api/mcp/client/{id}/refresh-tools`: ask an MCP client's server for its tools now.

use serde_json::json;
use shared::{error::Result, right::Right};

use super::checked;
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-refresh-tools",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let listing = checked(&app, &call).await?.listing;

    let tools = listing.offered().map_or(0, |contract| contract.tool_count);
    let body = json!({ "status": "success", "message": "tools refreshed", "tool_count": tools });
    Reply::ok(&body)
}
