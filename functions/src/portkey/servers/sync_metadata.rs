//! `POST /v1/mcp-servers/{id}/metadata/sync`: tell how the server behind an integration introduced itself.

use serde_json::json;
use shared::{error::Result, integrations::demand_to_tell, right::Right};

use super::{named, workspace_in_body, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, metadata},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-sync-metadata",
    &[Right::UPDATE_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

/// Instructions of 64 KiB, and all else.
const MAX_BODY_BYTES: usize = 128 * 1024;

async fn handle(app: App, call: Call) -> Result<Reply> {
    let in_query = workspace_in_query(&call)?;
    call.caller.demand_unless_serving(Right::UPDATE_SERVERS)?;
    let mut fields = call.optional_fields(MAX_BODY_BYTES)?;
    fields.drop_nulls(&[]);
    let in_body = workspace_in_body(&mut fields, &call);
    let told = metadata::pushed(fields.rest());
    fields.accept(Some(()))?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    let listing = sharing.connection_behind(&server).await?;
    demand_to_tell(&call.caller, &listing.connection)?;
    let synced_at = sharing
        .keep_pushed(&call.author, &listing, None, Some(told))
        .await?;

    Reply::ok(&json!({ "success": true, "synced_at": synced_at }))
}
