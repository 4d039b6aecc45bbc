//! The read model of `/api/mcp-connections`. Its ten original fields never change name, type or meaning; there is no credential in it.

pub mod create;
pub mod delete;
pub mod health;
pub mod list;
pub mod read;
pub mod rotate;
pub mod test;
pub mod tools;
pub mod update;

use serde::Serialize;
use shared::{
    caller::Right,
    connection::{Connection, ConnectionId},
    contract::ServerInfo,
    health::{Health, Next, Status},
    ports::Listing,
    tenant::TenantId,
    timestamp::Timestamp,
    verdict::Reason,
    wheel::Slot,
};

use crate::edge::{Function, Handler, Kind};

pub(super) const fn function(name: &'static str, right: Right, handler: Handler) -> Function {
    Function {
        name,
        kind: Kind::Endpoint {
            vocabulary: &super::VOCABULARY,
            right,
            handler,
        },
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpConnection {
    id: ConnectionId,
    tenant_id: TenantId,
    name: String,
    server_url: String,
    auth_type: &'static str,
    status: Status,
    instructions: Option<String>,
    last_health_check_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,

    #[serde(skip_serializing_if = "Option::is_none")]
    header_name: Option<String>,
    status_reason: Option<Reason>,
    retryable: Option<bool>,
    remedy: Option<&'static str>,
    latency_ms: Option<u64>,
    consecutive_failures: u32,
    first_failed_at: Option<Timestamp>,
    last_succeeded_at: Option<Timestamp>,
    next_check_at: Option<Timestamp>,
    protocol_version: Option<String>,
    server_info: Option<ServerInfo>,
    tool_count: Option<usize>,
    has_credential: bool,
    credential_updated_at: Option<Timestamp>,
    enabled: bool,
    check_interval_seconds: u32,
}

impl McpConnection {
    pub fn new(listing: Listing, now: Timestamp) -> Self {
        let next_check_at = next_check(&listing.connection, &listing.health, now);
        let Listing {
            connection,
            health,
            contract,
        } = listing;
        let (protocol_version, server_info, instructions, tool_count) = match contract {
            Some(contract) => (
                Some(contract.protocol_version),
                contract.server_info,
                contract.instructions,
                Some(contract.tool_count),
            ),
            None => (None, None, None, None),
        };
        Self {
            id: connection.id,
            tenant_id: connection.tenant,
            name: connection.name.as_str().to_owned(),
            server_url: connection.server_url.to_string(),
            auth_type: connection.auth.word(),
            status: health.status,
            instructions,
            last_health_check_at: health.last_check_at,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
            header_name: connection.auth.header_name().map(str::to_owned),
            status_reason: health.reason,
            retryable: health.reason.map(Reason::retryable),
            remedy: health.reason.and_then(Reason::remedy),
            latency_ms: health.latency_ms,
            consecutive_failures: health.consecutive_failures,
            first_failed_at: health.first_failed_at,
            last_succeeded_at: health.last_succeeded_at,
            next_check_at,
            protocol_version,
            server_info,
            tool_count,
            has_credential: connection.credential.is_some(),
            credential_updated_at: connection
                .credential
                .map(|credential| credential.updated_at),
            enabled: connection.enabled,
            check_interval_seconds: connection.check_interval.seconds(),
        }
    }

    /// A connection that nothing is known of yet.
    pub fn unchecked(connection: Connection, now: Timestamp) -> Self {
        let health = Health::unknown(connection.epoch);
        Self::new(
            Listing {
                connection,
                health,
                contract: None,
            },
            now,
        )
    }
}

/// When the connection will be checked next; nothing while it is disabled.
fn next_check(connection: &Connection, health: &Health, now: Timestamp) -> Option<Timestamp> {
    let slot = Slot::of(connection.id, connection.schedule()?);
    let next_tick = Timestamp::from_minute(now.minute() + 1);
    let is_new = health.answered.is_none() && health.next == Next::Turn;
    let is_moved = health.answered < connection.placed_at
        && health.last_check_at < connection.placed_at;
    Some(match health.next {
        // What is new to its place on the wheel is checked at once, which means at the next tick.
        _ if is_new || is_moved => next_tick,
        Next::Turn => slot.next_due(now),
        Next::Confirm(at) if at <= now => next_tick,
        Next::Confirm(at) => at,
        Next::NotBefore(at) => slot.next_due(at.max(now)),
    })
}
