//! `POST /api/mcp/client/{id}/reauthorize`: ask for consent again. What is in use stays until there is something better.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use super::{origin, pending};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-oauth-reauthorize",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let origin = origin(call.origin())?;

    let begun = app
        .consents()?
        .begin_again(&app.signer()?, &call.author, call.tenant(), id, &origin)
        .await?;

    Reply::ok(&pending(&begun, &origin))
}
