//! `/api/governance/virtual-keys`: API keys of a workspace that call tools, with what each may use of which MCP client. A key in the clear is in the answers
//! to its creation and to its rotation, and nowhere else.

pub mod create;
pub mod delete;
pub mod list;
pub mod read;
pub mod rotate;
pub mod tools;
pub mod update;

use serde_json::{Value, json};
use shared::{
    Text,
    caller::{KeyId, KeyRecord, MAX_DESCRIPTION},
    directory::virtual_keys::{Granted, Named, VirtualKey, Wish, usable::Usable},
    error::{Noun, Result},
    grants::Withheld,
    right::KeyVerb,
};

use super::clients::granted::tools as tools_of;
use crate::{app::App, edge::Call, fields::Fields};

/// Members that say how a gateway routes and bills, which nothing here does. Clients send them along empty.
const NOT_KEPT: [&str; 9] = [
    "provider_configs",
    "budget",
    "budgets",
    "rate_limit",
    "team_id",
    "customer_id",
    "calendar_aligned",
    "reset_budget_usage",
    "key_ids",
];

/// What is shown of a key, and the key itself to whom it is shown.
fn shown(key: &VirtualKey, value: Option<&str>) -> Value {
    let VirtualKey { record, grants } = key;
    let id = record.id.uuid();
    let mut shown = json!({
        "id": id,
        "name": record.name.as_ref().map_or("", |name| name.as_str()),
        "description": record.description.as_ref().map_or("", |text| text.as_str()),
        "is_active": !record.disabled,
        "mcp_configs": grants.iter().map(|granted| config(record.id, granted)).collect::<Vec<_>>(),
        "created_at": record.created_at,
        "updated_at": record.updated_at.unwrap_or(record.created_at),
    });
    if let Some(value) = value {
        shown["value"] = value.into();
    }
    shown
}

fn config(key: KeyId, granted: &Granted) -> Value {
    json!({
        "virtual_key_id": key.uuid(),
        "mcp_client_id": granted.connection,
        "mcp_client": { "client_id": granted.connection, "name": granted.name },
        "tools_to_execute": granted.tools,
    })
}

fn usable(usable: &Usable) -> Value {
    json!({
        "mcp_client_id": usable.connection,
        "name": usable.name,
        "tools": usable.tools,
        "tools_to_auto_execute": usable.auto,
        "reason": usable.withheld.map(Withheld::word),
    })
}

/// One key with all that it is granted.
async fn whole(app: &App, record: KeyRecord) -> Result<VirtualKey> {
    let directory = app.directory()?;
    let tenant = record.tenant;
    let mut found = directory.with_grants(tenant, vec![record]).await?;
    found
        .pop()
        .ok_or(shared::error::Error::NotFound(Noun::ApiKey))
}

/// The key that a request is about, if the caller may do this with it.
async fn named(app: &App, call: &Call, verb: KeyVerb) -> Result<KeyRecord> {
    let id = call.id(Noun::ApiKey)?;
    app.directory()?.virtual_key(&call.caller, id, verb).await
}

/// Notes what a client wants that is not kept here; what says nothing is let go.
fn tidy(fields: &mut Fields) {
    fields.drop_nulls(&["description"]);
    for name in NOT_KEPT {
        let says_nothing = match fields.value(name) {
            None | Some(Value::Bool(false)) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(members)) => members.is_empty(),
            Some(_) => false,
        };
        if !says_nothing {
            fields.problem(
                name,
                "is not kept here: budgets, limits and providers are the gateway's affair",
            );
        }
    }
}

/// Takes what is shown of a key and cannot be changed, for clients who send back all that they have read.
fn drop_shown(fields: &mut Fields, id: &KeyId) {
    let is_other =
        |given: Value| given.as_str().and_then(|id| id.parse::<KeyId>().ok()) != Some(*id);
    if fields.value("id").is_some_and(is_other) {
        fields.problem("id", "cannot be changed");
    }
    fields.value("created_at");
    fields.value("updated_at");
}

/// Takes a description, which an empty one clears.
fn description(fields: &mut Fields) -> Option<Option<Text<MAX_DESCRIPTION>>> {
    let given = fields.nullable_text::<Text<MAX_DESCRIPTION>>("description")?;
    Some(given.filter(|text| !text.as_str().is_empty()))
}

/// Takes what a key is granted, client by client. What is shown of one may be sent back.
fn wishes(fields: &mut Fields) -> Option<Vec<Wish>> {
    fields.objects("mcp_configs", |config| {
        config.drop_nulls(&[]);
        config.drop_empty();
        config.value("mcp_client");
        config.value("virtual_key_id");
        let (by_id, by_name) = (config.has("mcp_client_id"), config.has("mcp_client_name"));
        if by_id == by_name {
            config.problem(
                "mcp_client_id",
                "or mcp_client_name is required, and one of them is enough",
            );
        }
        let id = config.text("mcp_client_id").map(Named::Id);
        let name = config.text("mcp_client_name").map(Named::Name);
        let tools = tools_of(config);
        for name in config.rest().keys() {
            config.problem(name, "is not known");
        }
        let client = id.or(name);
        client
            .zip(tools)
            .map(|(client, tools)| Wish { client, tools })
    })
}
