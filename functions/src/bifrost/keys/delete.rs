//! `DELETE /api/governance/virtual-keys/{id}`: revoke a virtual key. What it was granted goes with it.

use serde_json::json;
use shared::{
    caller::KeyKind,
    error::Result,
    right::{KeyVerb, Right},
};

use super::named;
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-delete",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Delete)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let record = named(&app, &call, KeyVerb::Delete).await?;

    app.directory()?.revoke_key(&call.author, &record).await?;

    Reply::ok(&json!({ "message": "Virtual key deleted successfully" }))
}
