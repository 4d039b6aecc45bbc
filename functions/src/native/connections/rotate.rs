//! `PUT /api/mcp-connections/{id}/credential`: replace the credential, if the server accepts the new one. Else the old one stays.

use shared::{
    connection::Connection,
    error::{Noun, Result},
    right::Right,
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::{VOCABULARY, auth},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-rotate",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;
    call.fields()?;

    let choose = |current: &Connection| auth::read_credential(call.fields()?, current);
    let listing = app
        .rotation()?
        .rotate(&call.author, call.tenant(), id, expected, choose)
        .await?;

    McpConnection::reply(listing, app.clock().now())
}
