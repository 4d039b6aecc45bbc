//! `DELETE /api/mcp/per-user-headers/credential/{id}`: forget what a user brought.

use shared::{
    error::{Error, Noun, Result},
    right::Right,
    sessions,
};

use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-headers-delete",
    &[Right::UPDATE_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::UPDATE_CONNECTIONS)?;
    let id = call.id(Noun::Session)?;

    let row = app.sessions()?.named(&call.caller, id).await?;
    if row.credential.is_none() {
        return Err(Error::NotFound(Noun::Session));
    }
    app.tokens()?.end_session(&call.author, &row).await?;

    Ok(Reply::no_content())
}
