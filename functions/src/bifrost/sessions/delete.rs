//! `DELETE /api/mcp/sessions/{id}`: forget what a user brought, or that he was asked. Nobody outside is told.

use shared::{
    error::{Noun, Result},
    right::Right,
    sessions,
};

use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-sessions-delete",
    &[Right::UPDATE_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::UPDATE_CONNECTIONS)?;
    let id = call.id(Noun::Session)?;

    let row = app.sessions()?.named(&call.caller, id).await?;
    app.tokens()?.end_session(&call.author, &row).await?;

    Ok(Reply::no_content())
}
