//! `GET /v1/mcp-servers/{id}/tokens`: the tokens that a user has on a server, for the gateway alone.

use shared::{
    error::Result,
    right::Right,
    tokens::{Purpose, holder},
};

use super::{named, user_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-read-tokens",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (workspace, user) = user_in_query(&call)?;
    let user = holder(&call.caller, user, Purpose::Read)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let connection = sharing.connection_behind(&server).await?.connection;
    let grant = app
        .tokens()?
        .reveal(&call.author, &server, &connection, user)
        .await?;

    Reply::ok(&grant.reveal_tokens())
}
