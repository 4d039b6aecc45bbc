//! What is shown of a client: each documented field in its documented type, and no secret in any.

use serde_json::{Map, Value, json};
use shared::{
    configuration::{self, HEADERS, STDIO},
    connection::{Connection, Method},
    contract::Tool,
    gateway::{SyncMinutes, ToolTimeout},
    grants::Grantee,
    ports::Listing,
    timestamp::Timestamp,
};

use super::{
    state::{self, State},
    values::REDACTED,
};
use crate::bifrost::{remedy, tls};

/// What Bifrost calls a way of authentication.
pub const fn auth_type(method: Method) -> &'static str {
    match method {
        Method::None => "none",
        Method::Headers => "headers",
        Method::Oauth | Method::OauthClientCredentials => "oauth",
        Method::OauthAuto => "per_user_oauth",
        Method::PerUserHeaders => "per_user_headers",
    }
}

/// A client with its tools.
pub fn client(listing: &Listing, tools: &[Tool], grantees: &[Grantee], now: Timestamp) -> Value {
    let state = State::of(listing);
    let health = &listing.health;
    json!({
        "config": config(&listing.connection),
        "tools": tools.iter().map(tool).collect::<Vec<_>>(),
        "state": state,
        "vk_configs": grantees.iter().map(granted).collect::<Vec<_>>(),
        "health_state": state.health_word(state::needs_reauth(listing)),
        "state_reason": state::reason(listing, tools.len()),
        "remedy": listing.reason().and_then(remedy),
        "last_failure": last_failure(listing),
        "last_checked_at": health.last_check_at,
        "next_check_at": listing.next_check(now),
    })
}

/// What a virtual key is granted of it.
fn granted(grantee: &Grantee) -> Value {
    json!({
        "virtual_key_id": grantee.key.uuid(),
        "virtual_key_name": grantee.name.as_ref().map_or("", |name| name.as_str()),
        "tools_to_execute": grantee.tools,
    })
}

/// How a client is configured. Lists and switches are always there: that nothing is allowed is not the same as that nobody knows.
pub fn config(row: &Connection) -> Value {
    let (details, gateway, rules) = (&row.details, &row.details.gateway, row.tool_rules());
    let mut config = json!({
        "client_id": row.id,
        "name": row.name,
        "is_code_mode_client": gateway.code_mode.unwrap_or(false),
        "connection_type": details.transport.word(),
        "connection_string": if row.server_url.is_local() { String::new() } else { row.server_url.to_string() },
        "auth_type": auth_type(row.auth.method()),
        "oauth_config_id": shape(row).get("oauth").and_then(|held| held.get("config_id")).cloned().unwrap_or_else(|| json!("")),
        "headers": headers(row),
        "tls_config": tls::shown(&details.trust),
        "per_user_header_keys": gateway.per_user_header_keys,
        "allowed_extra_headers": gateway.allowed_extra_headers,
        "tools_to_execute": rules.execute,
        "tools_to_auto_execute": rules.auto_execute,
        "is_ping_available": gateway.ping.unwrap_or(true),
        "tool_sync_interval": gateway.tool_sync_minutes.map_or(0, SyncMinutes::nanoseconds),
        "tool_pricing": gateway.tool_pricing.as_ref().map_or_else(|| json!({}), |prices| prices.0.clone()),
        "allow_on_all_virtual_keys": details.allow_on_all_virtual_keys,
        "disabled": !row.enabled,
        "needs_session_stickiness": gateway.session_stickiness.unwrap_or(false),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    });
    if let Some(seconds) = gateway.tool_timeout_seconds.map(ToolTimeout::seconds) {
        config["tool_execution_timeout"] = format!("{seconds}s").into();
    }
    if let Some(process) = shape(row).get(STDIO) {
        config["stdio_config"] = redacted(process);
    }
    config
}

/// The names of the headers that are sent.
fn headers(row: &Connection) -> Value {
    shape(row).get(HEADERS).map_or_else(|| json!({}), redacted)
}

fn shape(row: &Connection) -> Map<String, Value> {
    let derived = || configuration::shape_of(&row.auth);
    let shape = row.details.shape.clone();
    let shape = shape.or_else(|| row.credential.as_ref().map(|_| derived()));
    match shape.map(|shape| shape.0) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// A shape with this vocabulary's placeholder.
fn redacted(shape: &Value) -> Value {
    match shape {
        Value::String(text) if text == configuration::MASK => REDACTED.into(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), redacted(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(redacted).collect(),
        other => other.clone(),
    }
}

fn tool(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description.as_deref().unwrap_or_default(),
        "parameters": tool.input_schema,
        "strict": false,
    })
}

/// What went wrong in the present run of failures; null while nothing does.
fn last_failure(listing: &Listing) -> Value {
    let health = &listing.health;
    let failure = health
        .reason
        .and_then(|reason| Some((reason, state::stage(reason)?)));
    failure.map_or(Value::Null, |(reason, stage)| {
        let sentence = remedy(reason);
        json!({
            "stage": stage,
            "message": format!("{}: {}", reason.word(), sentence.unwrap_or_default()),
            "at": health.last_check_at,
            "since": health.first_failed_at.or(health.last_check_at),
        })
    })
}
