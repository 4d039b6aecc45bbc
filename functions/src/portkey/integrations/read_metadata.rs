//! `GET /v1/mcp-integrations/{id}/metadata`: how an integration's server introduces itself, and when that was learned.

use shared::{error::Result, integrations::Verb, ports::Integrations as _};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, metadata},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-read-metadata",
    either!(Read),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let listing = named(&app, &call, Verb::Read).await?;
    let pushed = app
        .store()?
        .pushed(call.tenant(), listing.connection.id)
        .await?;

    Reply::ok(&metadata::metadata(&listing, &pushed))
}
