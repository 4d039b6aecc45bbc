//! `DELETE /v1/mcp-integrations/{id}`: remove an integration, and its secret with it. Its servers are archived.

use shared::{error::Result, integrations::Verb};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-delete",
    either!(Delete),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = named(&app, &call, Verb::Delete).await?.connection.id;

    app.registry()?
        .deregister(&call.author, call.tenant(), id, None)
        .await?;

    done()
}
