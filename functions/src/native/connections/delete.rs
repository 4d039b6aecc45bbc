//! `DELETE /api/mcp-connections/{id}`: remove a connection, and its secret with it.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-delete",
    &[Right::DELETE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;

    app.registry()?
        .deregister(&call.author, call.tenant(), id, expected)
        .await?;

    Ok(Reply::no_content())
}
