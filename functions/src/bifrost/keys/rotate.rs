//! `POST /api/governance/virtual-keys/{id}/rotate`: replace the value of a virtual key. The new one is shown once, the old one ends.

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

/// There is nothing to say.
const MAX_BODY_BYTES: usize = 4096;

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-rotate",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Rotate)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    call.optional_fields(MAX_BODY_BYTES)?.finish(Some(()))?;

    let record = named(&app, &call, KeyVerb::Rotate).await?;
    let (key, _) = app
        .directory()?
        .rotate_key(
            &call.caller,
            &call.author,
            &record,
            None,
            &app.key_pepper()?,
        )
        .await?;
    let rotated = whole(&app, named(&app, &call, KeyVerb::Rotate).await?).await?;

    Reply::ok(&json!({
        "message": "Virtual key rotated successfully",
        "virtual_key": shown(&rotated, Some(key.expose())),
    }))
}
