//! The bare array of all clients, for those who know no other form.

use shared::{
    error::Result,
    search::{self, Filter},
};

use super::shown;
use crate::{
    app::App,
    edge::{Call, Reply},
    paging::{Paging, link_next},
};

/// All of them, as far as one answer holds them; the rest is behind `Link`.
pub async fn of_all(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    let paging = Paging::whole(&mut query);
    query.finish(Some(()))?;
    let filter = Filter {
        reach: call.caller.workspace,
        ..Filter::default()
    };
    let (signer, name) = (app.signer()?, format!("clients {}", filter.name()));
    let after = paging.position(&call, &signer, &name)?;
    let store = app.connections()?;

    let page = search::find(&store, call.tenant(), &filter, after, paging.limit).await?;
    let clients = shown(&app, &call, &page.items).await?;

    // What did not fit begins the next page.
    let is_cut = clients.len() < page.items.len();
    let next = match page.items[..clients.len()].last() {
        Some(last) if is_cut => Some(last.connection.id),
        _ => page.next,
    };
    Ok(link_next(Reply::ok(&clients)?, &call, &signer, &name, next))
}
