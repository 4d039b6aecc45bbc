//! Tenants and their keys.

use serde_json::json;
use shared::{
    caller::{KeyId, KeyRecord},
    error::{Error, Noun},
    ports::{Keys as _, Tenants as _},
    tenant::{NewTenant, TenantId, TenantName},
    timestamp::Timestamp,
};
use uuid::Uuid;

use super::{NOW, Stores, tenant};

fn key_id(n: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(n))
}

fn key(tenant: TenantId, n: u128, expires_at: Option<Timestamp>) -> KeyRecord {
    serde_json::from_value(json!({
        "tenant": tenant,
        "id": key_id(n),
        "hash": format!("{n:064x}"),
        "kind": "workspace-user",
        "workspace": Uuid::from_u128(8),
        "user": Uuid::from_u128(9),
        "scopes": ["organisation_mcp_integrations.read", "mcp_servers.list"],
        "expiresAt": expires_at,
        "createdAt": NOW,
    }))
    .unwrap()
}

fn new_tenant(tenant: TenantId, name: &str, keys: Vec<KeyRecord>) -> NewTenant {
    NewTenant {
        tenant,
        name: TenantName::try_from(name.to_owned()).unwrap(),
        workspace: serde_json::from_value(json!({
            "tenant": tenant, "id": Uuid::from_u128(8), "name": "Default", "slug": "ws-default",
            "isDefault": true, "createdAt": NOW, "updatedAt": NOW, "revision": 1,
        }))
        .unwrap(),
        member: serde_json::from_value(json!({
            "tenant": tenant, "workspace": Uuid::from_u128(8), "user": Uuid::from_u128(9), "seat": Uuid::from_u128(9),
            "role": "admin", "createdAt": NOW, "updatedAt": NOW, "revision": 1,
        }))
        .unwrap(),
        keys,
        created_at: NOW,
    }
}

pub(super) fn acme() -> NewTenant {
    new_tenant(tenant(1), "Acme", vec![key(tenant(1), 1, None)])
}

#[tokio::test]
async fn the_keys_of_a_new_tenant_are_on_record() {
    let stores = Stores::start().await;
    let keys = vec![
        key(tenant(1), 1, None),
        key(tenant(1), 2, Some(NOW.plus_seconds(60))),
    ];

    stores
        .table
        .create_tenant(&new_tenant(tenant(1), "Acme", keys.clone()))
        .await
        .unwrap();

    for record in keys {
        let found = stores.table.key(tenant(1), record.id).await.unwrap();
        assert_eq!(json!(found), json!(record));
        let foreign = stores.table.key(tenant(2), record.id).await.unwrap();
        assert!(foreign.is_none());
    }
    assert!(
        stores
            .table
            .key(tenant(1), key_id(3))
            .await
            .unwrap()
            .is_none()
    );
}

/// An expired key is refused as expired, which needs its record: the table must not drop it.
#[tokio::test]
async fn the_table_never_drops_an_expired_key() {
    let stores = Stores::start().await;
    let new = new_tenant(tenant(1), "Acme", vec![key(tenant(1), 1, Some(NOW))]);
    stores.table.create_tenant(&new).await.unwrap();

    let items = stores
        .client
        .scan()
        .table_name(&stores.name)
        .send()
        .await
        .unwrap();

    for item in items.items() {
        assert!(!item.contains_key("expiresAt"), "{item:?}");
    }
}

#[tokio::test]
async fn a_tenant_is_created_once() {
    let stores = Stores::start().await;
    let new = acme();
    stores.table.create_tenant(&new).await.unwrap();
    let keys = stores.keys().await;

    stores.table.create_tenant(&new).await.unwrap();
    let other = new_tenant(tenant(1), "Evil", vec![key(tenant(1), 2, None)]);
    let refused = stores.table.create_tenant(&other).await;

    assert!(matches!(refused, Err(Error::Taken(Noun::Tenant))));
    assert_eq!(stores.keys().await, keys);
}
