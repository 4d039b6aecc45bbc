//! `PUT /api/mcp-connections/{id}/credential`: replace the credential, if the server accepts the new one. Else the old one stays.

use shared::{
    caller::Right,
    error::{Noun, Result},
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::auth,
};

pub const FUNCTION: Function = super::function(
    "native-connections-rotate",
    Right::UpdateConnections,
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let expected = call.if_match()?;
    let mut fields = call.fields()?;
    let secret = auth::read_credential(&mut fields);
    let secret = fields.finish(secret)?;

    let listing = app
        .rotation()?
        .rotate(call.tenant(), id, expected, &secret)
        .await?;

    let version = listing.connection.version;
    Ok(Reply::ok(&McpConnection::new(listing, app.clock().now()))?.with_version(version))
}
