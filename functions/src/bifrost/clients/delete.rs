//! `DELETE /api/mcp/client/{id}`: remove an MCP client, and its secrets with it.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use super::success;
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-delete",
    &[Right::DELETE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;

    app.registry()?
        .deregister(&call.author, call.tenant(), id, expected)
        .await?;

    success("MCP client removed")
}
