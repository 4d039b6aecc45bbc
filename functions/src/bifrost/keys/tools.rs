//! `GET /api/governance/virtual-keys/{id}/tools`: what a virtual key may use in effect, client by client, and where that is nothing, why.

use serde_json::{Value, json};
use shared::{
    caller::KeyKind,
    error::Result,
    right::{KeyVerb, Right},
};

use super::{named, usable};
use crate::{
    app::App,
    bifrost::{VOCABULARY, clients::filter::window},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-tools",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Read)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    let window = window(&mut query);
    query.finish(Some(()))?;

    let key = named(&app, &call, KeyVerb::Read).await?;
    let page = app.directory()?.usable(&key, window).await?;

    let clients: Vec<Value> = page.items.iter().map(usable).collect();
    Reply::ok(&json!({
        "virtual_key_id": key.id.uuid(),
        "count": clients.len(),
        "clients": clients,
        "total_count": page.total,
        "limit": window.limit,
        "offset": window.offset,
    }))
}
