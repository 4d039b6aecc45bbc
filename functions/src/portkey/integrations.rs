//! The wire types of `/v1/mcp-integrations`. What is in `configurations` is never given back, only its names.

pub mod create;
pub mod delete;
pub mod list;
pub mod list_capabilities;
pub mod list_workspaces;
pub mod read;
pub mod read_metadata;
pub mod sync;
pub mod test;
pub mod update;
pub mod update_capabilities;
pub mod update_workspaces;

use serde_json::{Map, Value, json};
use shared::{
    Document,
    access::WorkspaceAccess,
    configuration,
    connection::{Connection, ConnectionName},
    error::Result,
    integrations::Verb,
    ports::Listing,
    reconfiguration::{Draft, Edit},
    slug::Reference,
    tenant::WorkspaceId,
};

use super::{health, metadata};
use crate::fields::Fields;

/// A row of the list, and most of what is shown of a single one.
pub fn integration(listing: &Listing) -> Map<String, Value> {
    let connection = &listing.connection;
    let row = json!({
        "id": connection.id,
        "object": "mcp-integration",
        "organisation_id": connection.tenant,
        "workspace_id": connection.workspace,
        "type": if connection.workspace.is_some() { "workspace" } else { "organisation" },
        "name": connection.name,
        "slug": connection.slug_text(),
        "description": connection.details.description,
        "owner_id": connection.owner.clone().unwrap_or_default(),
        "status": "active",
        "url": connection.server_url,
        "transport": connection.details.transport,
        "auth_type": connection.auth.method().simplified(),
        "configurations": configurations(connection),
        "secret_mappings": connection.details.secret_mappings.as_ref().map_or_else(|| json!([]), |mappings| mappings.0.clone()),
        "created_at": connection.created_at,
        "last_updated_at": connection.updated_at,
        "metadata": metadata::summary(listing),
        "health": health::of(listing),
    });
    match row {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The names of what is stored. A credential that another vocabulary stored has a shape as well.
fn configurations(connection: &Connection) -> Value {
    let shape = connection.details.shape.clone();
    let has_credential = connection.credential.is_some();
    let derived = has_credential.then(|| configuration::shape_of(&connection.auth));
    shape.or(derived).map_or_else(|| json!({}), |shape| shape.0)
}

/// Whether all workspaces may use it of which nothing else is said; null where nobody said.
pub fn global_access(connection: &Connection) -> Value {
    connection
        .global_access
        .map_or(Value::Null, |enabled| json!({ "enabled": enabled }))
}

/// What is said of one workspace.
fn workspace_access(said: &WorkspaceAccess) -> Value {
    json!({
        "id": said.workspace,
        "enabled": said.enabled,
        "status": "active",
        "created_at": said.created_at,
        "last_updated_at": said.updated_at,
    })
}

/// Reads what a new integration is to be.
pub fn draft(fields: &mut Fields) -> Option<Draft> {
    fields.require(&["name", "url", "auth_type", "transport"]);
    let name = fields.text::<ConnectionName>("name");
    let url = fields.text("url");
    let method = fields.text("auth_type");
    let transport = fields.text("transport");
    let description = fields.text("description");
    let configuration = fields.object("configurations");
    let secret_mappings = secret_mappings(fields);
    Some(Draft {
        name: name?,
        url: url?,
        method: method?,
        transport: transport?,
        description,
        configuration,
        secret_mappings,
    })
}

/// Reads a change of an integration.
pub fn edit(fields: &mut Fields) -> Edit {
    let edit = Edit {
        name: fields.text("name"),
        url: fields.text("url"),
        method: fields.text("auth_type"),
        transport: fields.text("transport"),
        description: fields.nullable_text("description"),
        configuration: fields.object("configurations"),
        secret_mappings: secret_mappings(fields),
        trust: None,
    };
    let changes_nothing = matches!(
        &edit,
        Edit {
            name: None,
            url: None,
            method: None,
            transport: None,
            description: None,
            configuration: None,
            secret_mappings: None,
            trust: None,
        }
    );
    if changes_nothing {
        fields.problem("", "must have at least one of name, description, configurations, url, auth_type, transport and secret_mappings");
    }
    edit
}

/// Where the gateway finds further secrets: references to them.
fn secret_mappings(fields: &mut Fields) -> Option<Document> {
    let mappings = fields.objects("secret_mappings", mapping)?;
    let targets: Vec<_> = mappings
        .iter()
        .map(|mapping| mapping["target_field"].clone())
        .collect();
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].contains(target) {
            fields.problem(
                &format!("secret_mappings/{index}/target_field"),
                "is given twice",
            );
        }
    }
    Some(Document(Value::Array(mappings)))
}

fn mapping(fields: &mut Fields) -> Option<Value> {
    fields.drop_nulls(&[]);
    fields.require(&["target_field", "secret_reference_id"]);
    let target = fields.text::<String>("target_field");
    if target.as_ref().is_some_and(|target| {
        target
            .strip_prefix("configurations.")
            .is_none_or(str::is_empty)
    }) {
        fields.problem("target_field", "must be configurations.<field>");
    }
    let reference = fields.text::<String>("secret_reference_id");
    let key = fields.text::<String>("secret_key");
    let format = fields.text::<String>("value_format");
    if format
        .as_ref()
        .is_some_and(|format| !["json", "string"].contains(&format.as_str()))
    {
        fields.problem("value_format", "must be json or string");
    }
    Some(
        json!({ "target_field": target?, "secret_reference_id": reference?, "secret_key": key, "value_format": format }),
    )
}

/// Of which workspaces it is said whether they may use an integration, what holds for the others, and whether what was said before is forgotten.
type Access = (Vec<(Reference<WorkspaceId>, bool)>, Option<bool>, bool);

/// Reads which workspaces may use an integration.
fn access(mut fields: Fields) -> Result<Access> {
    fields.drop_nulls(&[]);
    fields.require(&["workspaces"]);
    let said = fields.objects("workspaces", |item| {
        item.require(&["id", "enabled"]);
        item.text("id").zip(item.flag("enabled"))
    });
    let global = fields
        .object("global_workspace_access")
        .map(|global| global.get("enabled").and_then(Value::as_bool));
    if global == Some(None) {
        fields.problem("global_workspace_access/enabled", "must be true or false");
    }
    let replaces = fields.flag("override_existing_workspace_access");
    let replaces = replaces.unwrap_or(false);
    fields.accept(said.map(|said| (said, global.flatten(), replaces)))
}

/// The rights of which one is needed: which, depends on whose the integration is.
macro_rules! either {
    ($verb:ident) => {
        &[
            shared::integrations::right_to(shared::integrations::Verb::$verb, false),
            shared::integrations::right_to(shared::integrations::Verb::$verb, true),
        ]
    };
}
pub(crate) use either;

/// The integration in the path, if the caller may do this with it.
pub async fn named(app: &crate::app::App, call: &crate::edge::Call, verb: Verb) -> Result<Listing> {
    let named = call.id(shared::error::Noun::Connection)?;
    app.sharing()?.find(&call.caller, &named, verb).await
}
