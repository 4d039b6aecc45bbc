//! `GET /api/mcp-connections/{id}`: one connection, with its health.

use shared::{
    error::{Noun, Result},
    ports::Connections as _,
    right::Right,
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-read",
    &[Right::READ_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;

    let listing = app.connections()?.connection(call.tenant(), id).await?;

    McpConnection::reply(listing, app.clock().now())
}
