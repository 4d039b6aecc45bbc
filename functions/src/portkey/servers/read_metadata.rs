//! `GET /v1/mcp-servers/{id}/metadata`: how the server behind an integration introduces itself, and when that was learned.

use shared::{error::Result, right::Right};

use super::{named, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, metadata},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-read-metadata",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = workspace_in_query(&call)?;
    call.caller.demand_unless_serving(Right::READ_SERVERS)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let (listing, pushed) = sharing.introduced(&server).await?;

    Reply::ok(&metadata::metadata(&listing, &pushed))
}
