//! `GET /v1/mcp-servers/{id}/capabilities`: the tools, prompts and resources of a server, and which of them its users may use.

use shared::{caller::KeyKind, error::Result, right::Right};

use super::named;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{
        VOCABULARY,
        capabilities::{Level, Query},
    },
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-list-capabilities",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let query = Query::read(&call)?;
    call.caller.demand_unless_serving(Right::READ_SERVERS)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, query.workspace.as_ref()).await?;
    let known = sharing.server_capabilities(&server).await?;

    let for_user = call.caller.kind == KeyKind::WorkspaceUser;
    Reply::ok(&query.page(known, Level::Server { for_user }))
}
