//! `POST /api/mcp/sessions/{id}/reauth`: ask a user again for what he brought. It stays in use until there is something better.

use shared::{
    error::{Noun, Result},
    right::Right,
    sessions,
};

use super::begun;
use crate::{
    app::App,
    bifrost::{VOCABULARY, oauth::origin},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-sessions-reauth",
    &[Right::UPDATE_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::UPDATE_CONNECTIONS)?;
    let origin = origin(call.origin())?;
    let id = call.id(Noun::Session)?;

    let sessions = app.sessions()?;
    let row = sessions.begun(&call.caller, id).await?;
    let session = sessions.whole(row).await?;
    let row = sessions.renew(&call.author, &session).await?;

    Reply::ok(&begun(&row, &origin))
}
