//! `GET /v1/mcp-servers/{id}`: one server. The gateway is told how to reach it as well, secrets included.

use serde_json::json;
use shared::{disclosure::Disclosure, error::Result, right::Right};

use super::{Rendering, integration_details, named, workspace_in_query};
use crate::{
    app::{App, Store},
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, health},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-read",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = workspace_in_query(&call)?;
    call.caller.demand_unless_serving(Right::READ_SERVERS)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let published = sharing.published(server).await?;

    let (server, listing) = (&published.server, published.listing.as_ref());
    let mut shown = Rendering::new(&app, &call).server(server, listing.is_some());
    shown.insert("health".to_owned(), json!(listing.map(health::of)));
    if call.caller.is_gateway() {
        let details = match published.usable() {
            None => None,
            Some(listing) => {
                let configuration = disclosure(&app)?
                    .configuration(&call.caller, &call.author, server, &listing.connection)
                    .await?;
                Some(integration_details(listing, configuration))
            }
        };
        shown.insert("mcp_integration_details".to_owned(), json!(details));
        shown.insert("workspace_id".to_owned(), json!(server.workspace));
    }
    Reply::ok(&shown)
}

fn disclosure(app: &App) -> Result<Disclosure<Store>> {
    Ok(Disclosure {
        store: app.store()?,
        credentials: app.credentials()?,
        clock: app.clock(),
        ids: app.ids(),
    })
}
