//! `GET /api/oauth/config/{id}/status`: how an authorization stands.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use super::shown;
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-oauth-status",
    &[Right::READ_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Authorization)?;

    let flow = app.consents()?.flow(call.tenant(), id).await?;

    Reply::ok(&shown(&flow, app.clock().now()))
}
