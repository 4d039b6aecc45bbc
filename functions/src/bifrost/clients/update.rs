//! `PUT /api/mcp/client/{id}`: change what is given of an MCP client, keep the rest. `<REDACTED>` keeps the secret that is stored.

use shared::{
    connection::Connection,
    credential::Secret,
    error::{Noun, Result},
    registry::Knowing,
    right::Right,
};

use super::{body, granted, success};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-update",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;
    // Only who gives headers may mean some of those that are stored.
    let knowing = match call.fields()?.has("headers") {
        true => Knowing::Credential,
        false => Knowing::Row,
    };
    let granted = granted::read(&call)?;

    let edit =
        |row: &Connection, stored: Option<&Secret>| body::update(call.fields()?, row, stored);
    let changed = app
        .registry()?
        .edit_granting(
            &call.author,
            call.tenant(),
            id,
            expected,
            knowing,
            edit,
            granted.as_deref(),
        )
        .await?;

    Ok(success("MCP client updated")?.with_version(changed.version))
}
