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
    let capabilities = fields
        .has("capabilities")
        .then(|| capabilities::pushed(&mut fields))
        .flatten();
    let server_info = fields.object("server_info").map(metadata::pushed);
    let (capabilities, server_info) = fields.accept(Some((capabilities, server_info)))?;

    let listing = named(&app, &call, Verb::Update).await?;
    if capabilities.is_none() && server_info.is_none() {
        let report = app
            .checkup()?
            .test(call.tenant(), listing.connection.id)
            .await?;
        let mut told: Value = test_result::of(&report);
        told["synced_at"] = json!(report.at);
        return Reply::ok(&told);
    }
    let synced_at = app
        .sharing()?
        .keep_pushed(&call.author, &listing, capabilities, server_info)
        .await?;

    Reply::ok(&json!({ "success": true, "message": "synced", "synced_at": synced_at }))
}
