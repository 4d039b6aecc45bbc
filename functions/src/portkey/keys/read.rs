//! `GET /v1/api-keys/{id}`: an API key, without its secret.

use shared::{
    error::Result,
    right::{KeyVerb, Right},
};

use super::{ApiKey, any_kind, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

const RIGHTS: [Right; 3] = any_kind(KeyVerb::Read);

pub const FUNCTION: Function = VOCABULARY.endpoint("portkey-keys-read", &RIGHTS, |app, call| {
    Box::pin(handle(app, call))
});

async fn handle(app: App, call: Call) -> Result<Reply> {
    let record = named(&app, &call, KeyVerb::Read).await?;

    Reply::ok(&ApiKey::new(record, app.clock().now()))
}
