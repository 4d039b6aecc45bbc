//! `POST /api/governance/virtual-keys`: make a virtual key, with what it may use of which MCP client. It is shown once.

use serde_json::json;
use shared::{
    caller::KeyKind,
    directory::virtual_keys::NewVirtualKey,
    error::Result,
    right::{KeyVerb, Right},
};

use super::{description, shown, tidy, whole, wishes};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-create",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Create)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let wanted = parse(&call)?;

    let (key, record) = app
        .directory()?
        .make_virtual_key(&call.caller, &call.author, wanted, &app.key_pepper()?)
        .await?;
    let made = whole(&app, record).await?;

    Reply::ok(&json!({
        "message": "Virtual key created successfully",
        "virtual_key": shown(&made, Some(key.expose())),
    }))
}

fn parse(call: &Call) -> Result<NewVirtualKey> {
    let mut fields = call.fields()?;
    tidy(&mut fields);
    fields.require(&["name"]);
    let name = fields.text("name");
    let description = description(&mut fields).flatten();
    let active = fields.flag("is_active").unwrap_or(true);
    let grants = wishes(&mut fields).unwrap_or_default();
    fields.finish(name.map(|name| NewVirtualKey {
        name,
        description,
        active,
        grants,
    }))
}
