//! `GET /api/governance/virtual-keys`: the virtual keys that the caller reaches, with what each may use of which MCP client.

use serde_json::{Value, json};
use shared::{
    caller::KeyKind,
    error::Result,
    right::{KeyVerb, Right},
};

use super::shown;
use crate::{
    app::App,
    bifrost::{VOCABULARY, clients::filter::window},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-keys-list",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::List)],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    let search = query.text::<String>("search");
    let window = window(&mut query);
    query.finish(Some(()))?;

    let page = app
        .directory()?
        .virtual_keys(&call.caller, search.as_deref(), window)
        .await?;

    let keys: Vec<Value> = page.items.iter().map(|key| shown(key, None)).collect();
    Reply::ok(&json!({
        "count": keys.len(),
        "virtual_keys": keys,
        "total_count": page.total,
        "limit": window.limit,
        "offset": window.offset,
    }))
}
