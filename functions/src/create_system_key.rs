//! Invoked by the operator with IAM: makes a key for a tenant's gateway, which is shown once.
//!
//! `{"tenantId": "…"}`. Whoever holds this key is shown the secrets of what the gateway serves.

use serde_json::{Value, json};
use shared::{error::Result, tenant::TenantId};

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    fields::Fields,
};

pub const FUNCTION: Function = Function {
    name: "create-system-key",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let tenant = parse(event.fields()?)?;

    let key = app.system_keys()?.make(tenant).await?;

    Ok(json!({ "keyId": key.id, "key": key.expose() }))
}

fn parse(mut fields: Fields) -> Result<TenantId> {
    fields.require(&["tenantId"]);
    let tenant = fields.text("tenantId");
    fields.finish(tenant)
}
