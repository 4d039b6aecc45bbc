//! `GET /api/mcp/client/{id}`: one MCP client, as the list shows it.

use shared::{error::Result, right::Right};

use super::{named, shown};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-read",
    &[Right::READ_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let listing = named(&app, &call).await?;
    let version = listing.connection.version;

    let client = shown(&app, &call, &[listing]).await?.pop();

    Ok(Reply::ok(&client)?.with_version(version))
}
