//! `GET /api/mcp/clients/filterdata`: which values the filters of the list can have, of those that there are.

use std::collections::BTreeSet;

use serde_json::json;
use shared::{error::Result, right::Right, search};

use super::{filter::Wanted, item, state::State};
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-filterdata",
    &[Right::LIST_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    call.query()?.finish(Some(()))?;

    let [mut transports, mut methods, mut states] = [(); 3].map(|()| BTreeSet::new());
    let reached = Wanted::default();
    search::look_through(&app.connections()?, call.tenant(), |listing| {
        if reached.keeps(&call, &listing) {
            transports.insert(listing.connection.details.transport.word());
            methods.insert(item::auth_type(listing.connection.auth.method()));
            states.insert(State::of(&listing).word());
        }
    })
    .await?;

    Reply::ok(&json!({ "connection_types": transports, "auth_types": methods, "states": states }))
}
