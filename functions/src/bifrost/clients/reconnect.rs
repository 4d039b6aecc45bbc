//! `POST /api/mcp/client/{id}/reconnect`: check an MCP client now, with its credential. That it does not work is an error that says why.

use shared::{error::Result, right::Right};

use super::{checked, success};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-reconnect",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    checked(&app, &call).await?;

    success("the server answers, and speaks MCP")
}
