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
    connection::{Connection, ConnectionId},
    contract::ServerInfo,
    error::Result,
    health::{Health, Status},
    ports::Listing,
    tenant::TenantId,
    timestamp::Timestamp,
    verdict::Reason,
};

use crate::edge::Reply;

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
        let next_check_at = listing.next_check(now);
        let offered = listing.offered().cloned();
        let reason = listing.reason();
        let Listing {
            connection, health, ..
        } = listing;
        let (protocol_version, server_info, instructions, tool_count) = match offered {
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
            status_reason: reason,
            retryable: reason.map(Reason::retryable),
            remedy: reason.and_then(Reason::remedy),
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

    /// A connection as it was when it was made.
    pub fn as_made(connection: Connection) -> Self {
        let now = connection.created_at;
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

    /// The answer that shows a connection, with its version.
    pub fn reply(listing: Listing, now: Timestamp) -> Result<Reply> {
        let version = listing.connection.version;
        Ok(Reply::ok(&Self::new(listing, now))?.with_version(version))
    }
}
