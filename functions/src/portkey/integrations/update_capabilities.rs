//! `PUT /v1/mcp-integrations/{id}/capabilities`: switch capabilities on or off for the whole organisation, known or not yet.

use shared::{error::Result, integrations::Verb};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, capabilities, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-update-capabilities",
    either!(Update),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let switches = capabilities::switches(call.fields()?)?;

    let connection = named(&app, &call, Verb::Update).await?.connection;
    app.sharing()?
        .switch(&call.author, &connection, &switches)
        .await?;

    success()
}
