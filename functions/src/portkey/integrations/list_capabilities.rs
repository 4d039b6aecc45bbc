//! `GET /v1/mcp-integrations/{id}/capabilities`: the tools, prompts and resources of an integration, and which the organisation lets be used.

use shared::{error::Result, integrations::Verb};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{
        VOCABULARY,
        capabilities::{Level, Query},
    },
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-list-capabilities",
    either!(Read),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let query = Query::read(&call)?;

    let listing = named(&app, &call, Verb::Read).await?;
    let known = app.sharing()?.capabilities(&listing).await?;

    Reply::ok(&query.page(known, Level::Integration))
}
