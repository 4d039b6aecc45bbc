//! `POST /api/mcp-connections`: register an MCP server with its credential. It is checked for the first time within a minute.

use shared::{
    error::Result,
    registry::{Founding, Wanted},
    right::Right,
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    native::{VOCABULARY, auth},
};

const NAME: &str = "native-connections-create";

pub const FUNCTION: Function =
    VOCABULARY.endpoint(NAME, &[Right::CREATE_CONNECTIONS], |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let wanted = parse(call.fields()?)?;
    let now = app.clock().now();
    let signer = app.signer()?;
    let idempotency = call
        .idempotency_key()?
        .map(|key| signer.idempotency(call.tenant(), NAME, key, call.body(), now));

    let by = &call.author;
    let made = app
        .registry()?
        .register(by, call.tenant(), wanted, Founding::default(), idempotency)
        .await?;

    let location = call.path_below(made.id);
    let version = made.version;
    Ok(Reply::created(location, &McpConnection::as_made(made))?.with_version(version))
}

fn parse(mut fields: Fields) -> Result<Wanted> {
    fields.require(&["name", "serverUrl", "authType"]);
    let name = fields.text("name");
    let server_url = fields.text("serverUrl");
    let auth = auth::read(&mut fields, None);
    let enabled = fields.flag("enabled").unwrap_or(true);
    let check_interval = fields.number("checkIntervalSeconds").unwrap_or_default();
    let ((name, server_url), (auth, secret)) = fields.finish(name.zip(server_url).zip(auth))?;
    Ok(Wanted {
        enabled,
        check_interval,
        ..Wanted::new(name, server_url, auth, secret.into())
    })
}
