//! Invoked by the operator with IAM: makes a tenant, its default workspace and its first organisation key, which is shown once.
//!
//! `{"name": "Acme"}`; with `"keys": ["organisation-service", "workspace-service", "workspace-user", "system"]` it makes a key of each kind
//! named. That of the gateway is `system`.

use serde_json::{Map, Value, json};
use shared::{caller::KeyKind, error::Result};

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    fields::Fields,
};

pub const FUNCTION: Function = Function {
    name: "create-tenant",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let (name, kinds) = parse(event.fields()?)?;

    let created = app.tenant_creator()?.create(name, &kinds).await?;

    let keys: Map<_, _> = created
        .keys
        .iter()
        .map(|(kind, key)| (kind.word().to_owned(), key.expose().into()))
        .collect();
    Ok(json!({
        "tenantId": created.tenant,
        "workspaceId": created.workspace,
        "userId": created.user,
        "keys": keys,
    }))
}

fn parse(mut fields: Fields) -> Result<(shared::tenant::TenantName, Vec<KeyKind>)> {
    fields.require(&["name"]);
    let name = fields.text("name");
    let kinds = fields
        .texts::<KeyKind>("keys")
        .unwrap_or_else(|| vec![KeyKind::OrganisationService]);
    fields.finish(name.map(|name| (name, kinds)))
}
