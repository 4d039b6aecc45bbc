//! `DELETE /v1/mcp-servers/{id}`: take a server out of its workspace, and its users' tokens with it. The integration stays.

use shared::{error::Result, right::Right};

use super::{named, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-delete",
    &[Right::DELETE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = workspace_in_query(&call)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    sharing.close(&call.author, &server, &app.tokens()?).await?;

    done()
}
