//! `POST /v1/mcp-servers/{id}/capabilities/sync`: tell which capabilities the gateway found on a server. Those known already stay.

use serde_json::json;
use shared::{error::Result, integrations::demand_to_tell, right::Right};

use super::{named, workspace_in_body, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, capabilities},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-sync-capabilities",
    &[Right::UPDATE_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let in_query = workspace_in_query(&call)?;
    call.caller.demand_unless_serving(Right::UPDATE_SERVERS)?;
    let mut fields = call.optional_fields(capabilities::MAX_PUSHED_BYTES)?;
    fields.drop_nulls(&[]);
    let in_body = workspace_in_body(&mut fields, &call);
    let found = capabilities::pushed(&mut fields);
    fields.accept(Some(()))?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    let listing = sharing.connection_behind(&server).await?;
    demand_to_tell(&call.caller, &listing.connection)?;
    let found = Some(found.unwrap_or_default());
    let synced_at = sharing
        .keep_pushed(&call.author, &listing, found, None)
        .await?;

    Reply::ok(&json!({ "success": true, "synced_at": synced_at }))
}
