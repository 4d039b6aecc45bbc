//! `GET /api/governance/virtual-keys/{id}`: a virtual key, without its value.

use serde_json::json;
use shared::{
    caller::KeyKind,
    error::Result,
    right::{KeyVerb, Right},
};

use super::{named, shown, whole};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-read",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Read)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let record = named(&app, &call, KeyVerb::Read).await?;
    let key = whole(&app, record).await?;

    Reply::ok(&json!({ "virtual_key": shown(&key, None) }))
}
