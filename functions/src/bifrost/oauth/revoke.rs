//! `DELETE /api/oauth/config/{id}`: end an authorization, and forget its tokens.

use serde_json::json;
use shared::{
    error::{Noun, Result},
    right::Right,
};

use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-oauth-revoke",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Authorization)?;

    app.consents()?
        .revoke(&call.author, call.tenant(), id)
        .await?;

    Reply::ok(&json!({ "message": "The authorization has ended, and its tokens are forgotten." }))
}
