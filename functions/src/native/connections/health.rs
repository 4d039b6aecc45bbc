//! `GET /api/mcp-connections/{id}/health`: how available and how fast a connection was, check by check.

use serde_json::json;
use shared::{
    error::{Noun, Result},
    history::{self, History},
    right::Right,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
    paging::{Paging, link_next},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-health",
    &[Right::READ_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;
    let mut query = call.query()?;
    let paging = Paging::read(&mut query);
    query.finish(Some(()))?;
    let (signer, listing) = (app.signer()?, format!("health {id}"));
    let before = paging.position(&call, &signer, &listing)?;

    let now = app.clock().now();
    let history = history::read(
        &app.connections()?,
        call.tenant(),
        id,
        before,
        paging.limit,
        now,
    )
    .await?;

    let History {
        uptime,
        latency_ms,
        checks,
        incidents,
        next,
    } = history;
    let body = json!({
        "uptime": { "24h": uptime.day, "7d": uptime.week, "30d": uptime.month },
        "latencyMs": latency_ms,
        "checks": checks,
        "incidents": incidents,
    });
    Ok(link_next(Reply::ok(&body)?, &call, &signer, &listing, next))
}
