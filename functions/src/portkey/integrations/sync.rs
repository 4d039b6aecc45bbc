//! `POST /v1/mcp-integrations/{id}/sync`: learn an integration's capabilities anew, from its server or from what the caller found.

use serde_json::{Value, json};
use shared::{error::Result, integrations::Verb};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, capabilities, metadata, test_result},
};

pub const FUNCTION: Function =
    VOCABULARY.endpoint("portkey-integrations-sync", either!(Update), |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut fields = call.optional_fields(capabilities::MAX_PUSHED_BYTES)?;
    fields.drop_nulls(&[]);
    let has_capabilities = fields.has("capabilities");
    let told = has_capabilities.then(|| capabilities::pushed(&mut fields));
    let server_info = fields.object("server_info").map(metadata::pushed);
    let (told, server_info) = fields.accept(Some((told.flatten(), server_info)))?;

    let listing = named(&app, &call, Verb::Update).await?;
    let (sharing, by) = (app.sharing()?, &call.author);
    if told.is_none() && server_info.is_none() {
        let id = listing.connection.id;
        let (report, others) = app.checkup()?.explore(call.tenant(), id).await?;
        if !others.is_empty() {
            let listing = &report.listing;
            sharing.keep_pushed(by, listing, Some(others), None).await?;
        }
        let mut result: Value = test_result::of(&report);
        result["synced_at"] = json!(report.at);
        return Reply::ok(&result);
    }
    let synced_at = sharing.keep_pushed(by, &listing, told, server_info).await?;

    Reply::ok(&json!({ "success": true, "message": "synced", "synced_at": synced_at }))
}
