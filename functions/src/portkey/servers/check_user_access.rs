//! `GET /v1/mcp-servers/{id}/user-access/check`: whether the caller may use a server now.

use serde_json::json;
use shared::{error::Result, right::Right};

use super::{named, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-check-user-access",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = workspace_in_query(&call)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let allowed = sharing.may_use(&call.caller, &server).await?;

    // The gateway looks for the first, Portkey's client for Python for the second.
    Reply::ok(&json!({
        "allowed": allowed,
        "has_access": allowed,
        "user_id": call.caller.user,
        "mcp_server_id": server.id,
    }))
}
