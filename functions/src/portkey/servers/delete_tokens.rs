//! `DELETE /v1/mcp-servers/{id}/tokens`: delete the tokens that a user has on a server.

use shared::{
    error::Result,
    right::Right,
    tokens::{Purpose, holder},
};

use super::{named, user_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-delete-tokens",
    &[Right::UPDATE_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (workspace, user) = user_in_query(&call)?;
    let user = holder(&call.caller, user, Purpose::Write)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    app.tokens()?.forget(&call.author, &server, user).await?;

    success()
}
