//! `PATCH /api/mcp-connections/{id}`: change what is given, keep the rest. A new origin needs the credential again.

use shared::{
    connection::Connection,
    error::{Noun, Result},
    ports::Connections as _,
    registry::Wanted,
    right::Right,
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    native::{VOCABULARY, auth},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-update",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;
    // A body that is none is told before anything is read.
    call.fields()?;
    let edit = |current: &Connection| parse(call.fields()?, current);
    app.registry()?
        .edit(&call.author, call.tenant(), id, expected, edit)
        .await?;

    let listing = app.connections()?.connection(call.tenant(), id).await?;
    McpConnection::reply(listing, app.clock().now())
}

fn parse(mut fields: Fields, current: &Connection) -> Result<Wanted> {
    let kept = Wanted::like(current);
    let name = fields.text("name").unwrap_or_else(|| kept.name.clone());
    let server_url = fields
        .text("serverUrl")
        .unwrap_or_else(|| kept.server_url.clone());
    let auth = auth::read(&mut fields, Some(current));
    let enabled = fields.flag("enabled").unwrap_or(kept.enabled);
    let check_interval = fields
        .number("checkIntervalSeconds")
        .unwrap_or(kept.check_interval);
    let (auth, secret) = fields.finish(auth)?;
    Ok(Wanted {
        name,
        server_url,
        auth,
        secret: secret.into(),
        enabled,
        check_interval,
        ..kept
    })
}
