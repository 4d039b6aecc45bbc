//! `GET /api/mcp-connections`: the tenant's connections, and which of them work.

use shared::{
    error::Result,
    right::Right,
    search::{self, Filter},
};

use super::McpConnection;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
    paging::{Paging, link_next},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-list",
    &[Right::LIST_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    let filter = Filter {
        status: query.text("status"),
        search: query.text("search"),
        reach: call.caller.workspace,
    };
    let paging = Paging::read(&mut query);
    query.finish(Some(()))?;
    let signer = app.signer()?;
    let after = paging.position(&call, &signer, &filter.name())?;

    let page = search::find(
        &app.connections()?,
        call.tenant(),
        &filter,
        after,
        paging.limit,
    )
    .await?;

    let now = app.clock().now();
    let items: Vec<_> = page
        .items
        .into_iter()
        .map(|listing| McpConnection::new(listing, now))
        .collect();
    Ok(link_next(
        Reply::ok(&items)?,
        &call,
        &signer,
        &filter.name(),
        page.next,
    ))
}
