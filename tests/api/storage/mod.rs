//! The laws of the storage ports, held against the table and the secret store that AWS would run for us.

mod accounts;
mod faults;
mod grants;
mod history;
mod listing;
mod registrations;
mod results;
mod schedule;
mod secrets;
mod tenants_apart;
mod unfinished;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use aws_credential_types::Credentials as AwsCredentials;
use local::{
    dynamodb::DynamoDb, fault::FaultLayer, secrets_manager::SecretsManager, template::Template,
};
use serde_json::json;
use shared::{
    connection::{Connection, ConnectionName},
    contract::{Contract, Tool},
    health::{Health, Observation},
    history::Sample,
    ports::{Added, Checked, Registrations as _, Results as _},
    tenant::TenantId,
    timestamp::Timestamp,
    verdict::{Era, Reason},
};
use shared_aws::{
    client::{Aws, AwsSettings},
    secrets::SecretsManagerStore,
    store::DynamoStore,
};
use tokio::net::TcpListener;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);

fn tenant(n: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(n))
}

/// A connection of the tenant, the n-th, so that ids sort by `n`. It uses no credential, so it is visible from the start.
fn connection(tenant: TenantId, n: u64) -> Connection {
    // The low bits decide the slot and have to be spread like those of a real id.
    let random = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let id = Uuid::from_u64_pair(0x0199_0000_0000_7000 | n << 16, random | 1 << 63);
    serde_json::from_value(json!({
        "tenant": tenant,
        "id": id,
        "name": format!("server {n}"),
        "serverUrl": "https://mcp.example.com/mcp",
        "auth": {"type": "none"},
        "enabled": true,
        "checkInterval": 300,
        "createdAt": NOW,
        "updatedAt": NOW,
        "version": 1,
        "revision": 1,
        "epoch": 0,
    }))
    .unwrap()
}

fn name(text: &str) -> ConnectionName {
    text.to_owned().try_into().unwrap()
}

/// The next write of a row.
fn next(before: &Connection) -> Connection {
    Connection {
        revision: before.revision + 1,
        ..before.clone()
    }
}

fn tool(name: &str, description_bytes: usize) -> Tool {
    Tool {
        name: name.to_owned(),
        title: None,
        description: Some("é".repeat(description_bytes / 2)),
        input_schema: json!({"type": "object", "properties": {"n": {"type": "integer", "maximum": 1e300}}}),
        annotations: None,
    }
}

fn contract(instructions: &str, tools: Vec<Tool>) -> Contract {
    Contract {
        protocol_version: "2026-07-28".to_owned(),
        server_info: None,
        instructions: Some(instructions.to_owned()),
        tools,
    }
}

/// A check of a connection that ended at `at` with this finding.
struct Check {
    before: Health,
    after: Health,
    sample: Sample,
}

impl Check {
    fn of(before: &Health, at: Timestamp, reason: Option<Reason>) -> Self {
        let observed = Observation {
            at,
            reason,
            retry_after_seconds: None,
            latency_ms: 20,
            era: Some(Era::Modern),
        };
        let after = before.after(&observed, 300);
        Self {
            before: before.clone(),
            sample: Sample::of(&observed, &after),
            after,
        }
    }

    fn checked<'a>(
        &'a self,
        connection: &'a Connection,
        contract: Option<&'a Contract>,
    ) -> Checked<'a> {
        Checked {
            connection,
            before: &self.before,
            after: &self.after,
            contract,
            superseded: None,
            sample: &self.sample,
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn aws(dynamodb: Option<String>, secrets_manager: Option<String>) -> Aws {
    Aws::new(AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: AwsCredentials::new("key", "secret", None, None, "tests"),
        dynamodb_endpoint: dynamodb,
        secrets_manager_endpoint: secrets_manager,
        ca_bundle: None,
    })
    .unwrap()
}

/// The table as the template declares it, on an emulator of its own.
struct Stores {
    table: DynamoStore,
    client: aws_sdk_dynamodb::Client,
    /// Through which all requests go.
    faults: Arc<FaultLayer>,
    name: String,
}

impl Stores {
    async fn start() -> Self {
        let template = Template::parse(include_str!("../../../template.yaml"), &BTreeMap::new());
        let tables = template.unwrap().tables;
        let database = DynamoDb::memory().unwrap();
        database.create_tables(&tables).unwrap();
        let (listener, address) = listen().await;
        tokio::spawn(async move { database.serve(listener, std::future::pending()).await });

        let (listener, url) = listen().await;
        let faults = Arc::new(FaultLayer::new(address));
        tokio::spawn(Arc::clone(&faults).serve(listener, std::future::pending()));

        let name = tables[0].name.clone();
        let client = aws(Some(format!("http://{url}")), None).dynamodb();
        Self {
            table: DynamoStore::new(client.clone(), &name),
            client,
            faults,
            name,
        }
    }

    async fn add(&self, new: &Connection) {
        let added = self.table.add(new, None, None, NOW).await.unwrap();
        assert_eq!(added, Added::Stored);
    }

    async fn store(&self, connection: &Connection, check: &Check) {
        let checked = check.checked(connection, None);
        self.table.store_result(&checked).await.unwrap();
    }

    /// The keys of every item there is, sorted.
    async fn keys(&self) -> Vec<String> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.name)
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.unwrap();
            let part = |name: &str| item[name].as_s().unwrap().clone();
            // A count of nothing stays.
            if !part("SK").starts_with("COUNT#") {
                keys.push(format!("{} / {}", part("PK"), part("SK")));
            }
        }
        keys.sort();
        keys
    }
}

/// A secret store, the emulator it is on, and the layer through which all requests go.
async fn secret_store() -> (SecretsManagerStore, Arc<SecretsManager>, Arc<FaultLayer>) {
    let manager = Arc::new(SecretsManager::open(None).unwrap());
    let (listener, address) = listen().await;
    tokio::spawn(Arc::clone(&manager).serve(listener, std::future::pending()));
    let faults = Arc::new(FaultLayer::new(address));
    let (listener, address) = listen().await;
    tokio::spawn(Arc::clone(&faults).serve(listener, std::future::pending()));
    let client = aws(None, Some(format!("http://{address}"))).secrets_manager();
    let store = SecretsManagerStore::new(client, "mcp-steward/test");
    (store, manager, faults)
}

fn of(tenant: TenantId, id: impl std::fmt::Display) -> String {
    format!("{tenant}/{id}")
}
