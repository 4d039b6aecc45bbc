//! Invoked by the operator with IAM: revokes a key that was made for a tenant's gateway.
//!
//! `{"tenantId": "…", "keyId": "…"}`, as `create-system-key` gave it.

use serde_json::{Value, json};
use shared::{caller::KeyId, error::Result, tenant::TenantId};

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    fields::Fields,
};

pub const FUNCTION: Function = Function {
    name: "revoke-system-key",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let (tenant, key) = parse(event.fields()?)?;

    app.directory()?.revoke_system_key(tenant, key).await?;

    Ok(json!({}))
}

fn parse(mut fields: Fields) -> Result<(TenantId, KeyId)> {
    fields.require(&["tenantId", "keyId"]);
    let tenant = fields.text("tenantId");
    let key = fields.text("keyId");
    fields.finish(tenant.zip(key))
}
