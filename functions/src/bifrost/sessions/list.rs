//! `GET /api/mcp/sessions`: what users brought and were asked for, newest first. A user sees his own.

use serde_json::{Value, json};
use shared::{error::Result, ports::Slice, right::Right, sessions};

use super::{
    filter::{filter, window},
    shown,
};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-sessions-list",
    &[Right::LIST_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::LIST_CONNECTIONS)?;
    let mut query = call.query()?;
    query.drop_empty();
    let (filter, window) = (filter(&mut query), window(&mut query));
    let (filter, window) = query.finish(Some((filter, window)))?;

    let page = match filter {
        Some(filter) => app.sessions()?.list(&call.caller, &filter, window).await?,
        None => Slice {
            items: Vec::new(),
            total: 0,
            has_more: false,
        },
    };

    let now = app.clock().now();
    let rows = page.items.iter();
    let sessions: Vec<Value> = rows.map(|row| shown(row, &call.caller, now)).collect();
    Reply::ok(&json!({
        "count": sessions.len(),
        "sessions": sessions,
        "total_count": page.total,
        "limit": window.limit,
        "offset": window.offset,
    }))
}
