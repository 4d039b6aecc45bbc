//! `PUT /api/governance/virtual-keys/{id}`: change what is given of a virtual key, keep the rest. `mcp_configs` that are given are all there are.

use serde_json::json;
use shared::{
    caller::{KeyId, KeyKind},
    directory::virtual_keys::VirtualKeyEdit,
    error::{Noun, Result},
    right::{KeyVerb, Right},
};

use super::{description, drop_shown, shown, tidy, whole, wishes};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-update",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Update)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::ApiKey)?;
    let edit = parse(&call, &id)?;

    let record = app
        .directory()?
        .edit_virtual_key(&call.caller, &call.author, id, edit)
        .await?;
    let key = whole(&app, record).await?;

    Reply::ok(&json!({
        "message": "Virtual key updated successfully",
        "virtual_key": shown(&key, None),
    }))
}

fn parse(call: &Call, id: &KeyId) -> Result<VirtualKeyEdit> {
    let mut fields = call.fields()?;
    tidy(&mut fields);
    drop_shown(&mut fields, id);
    let edit = VirtualKeyEdit {
        name: fields.text("name"),
        description: description(&mut fields),
        active: fields.flag("is_active"),
        grants: wishes(&mut fields),
    };
    fields.finish(Some(edit))
}
