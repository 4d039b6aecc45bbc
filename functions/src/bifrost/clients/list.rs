//! `GET /api/mcp/clients`: the tenant's MCP clients, as a bare array or, where the query asks for a part of them, in an envelope that counts them.

use serde_json::json;
use shared::{error::Result, right::Right};

use super::{
    array,
    filter::{Wanted, window},
    shown,
};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-list",
    &[Right::LIST_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    if query.is_empty() || query.has("cursor") {
        return array::of_all(app, call).await;
    }
    let (wanted, window) = (Wanted::read(&mut query), window(&mut query));
    let (wanted, window) = query.finish(Some((wanted, window)))?;

    let page = wanted.find(&app, &call, window).await?;
    let clients = shown(&app, &call, &page.items).await?;

    // What did not fit begins the next page.
    let is_cut = clients.len() < page.items.len();
    Reply::ok(&json!({
        "count": clients.len(),
        "limit": if is_cut { clients.len() } else { window.limit },
        "clients": clients,
        "total_count": page.total,
        "offset": window.offset,
    }))
}
