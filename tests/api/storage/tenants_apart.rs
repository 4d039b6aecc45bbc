//! Nothing of one tenant is reached through another.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use shared::{
    connection::{Connection, ConnectionId},
    error::{Error, Noun},
    health::Health,
    ports::{Connections as _, Idempotency, Registrations as _, Results as _},
    tenant::TenantId,
};
use uuid::Uuid;

use super::{Check, NOW, Stores, connection, contract, tool};

/// Two tenants with a connection of the same name, made with the same idempotency key, under ids that look alike: whatever the ids,
/// each sees its own and is told of the other's what it is told of nothing.
#[test]
fn tenants_never_see_each_other() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stores = runtime.block_on(Stores::start());
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    // A single flipped bit is as different as a tenant can hardly be.
    let pairs = (any::<u128>(), 0..128_u32).prop_map(|(one, bit)| (one, one ^ (1 << bit)));
    TestRunner::new(config)
        .run(&(pairs, any::<u128>()), |((one, other), id)| {
            let [one, other] = [one, other].map(|id| TenantId::new(Uuid::from_u128(id)));
            runtime.block_on(apart(
                &stores,
                one,
                other,
                ConnectionId::new(Uuid::from_u128(id)),
            ));
            Ok(())
        })
        .unwrap();
}

async fn apart(stores: &Stores, one: TenantId, other: TenantId, id: ConnectionId) {
    let own = Connection {
        id,
        ..connection(one, 1)
    };
    let twin = Connection {
        id: ConnectionId::new(Uuid::from_u128(id.uuid().as_u128() ^ 1)),
        ..connection(other, 1)
    };
    let record = Idempotency {
        key: "key".to_owned(),
        fingerprint: "print".to_owned(),
        expires_at: NOW.plus_seconds(60),
    };
    for row in [&own, &twin] {
        let added = stores
            .table
            .add(row, Some(&record), None, NOW)
            .await
            .unwrap();
        assert_eq!(added, shared::ports::Added::Stored);
    }
    let offered = contract("secret plans", vec![tool("a", 10)]);
    let check = Check::of(
        &Health::unknown(0),
        NOW,
        Some(shared::verdict::Reason::NotMcp),
    );
    stores
        .table
        .store_result(&check.checked(&own, Some(&offered)))
        .await
        .unwrap();

    let read = stores.table.connection(other, own.id).await;
    assert!(matches!(read, Err(Error::NotFound(Noun::Connection))));
    assert_eq!(stores.table.row(other, own.id).await.unwrap(), None);
    let listed = stores.table.connections(other, None, 100).await.unwrap();
    let seen: Vec<_> = listed
        .items
        .iter()
        .map(|listing| &listing.connection)
        .collect();
    assert_eq!(seen, [&twin]);
    let digest = offered.digest();
    assert_eq!(
        stores.table.tools(other, own.id, &digest).await.unwrap(),
        []
    );
    let (from, to) = (NOW.plus_seconds(-60), NOW.plus_seconds(60));
    let samples = stores
        .table
        .samples(other, own.id, from, to, 10)
        .await
        .unwrap();
    assert_eq!(samples, []);
    assert_eq!(stores.table.incidents(other, own.id, 10).await.unwrap(), []);

    // What is not there is removed already, and that changes nothing of what is.
    let foreign = Connection {
        tenant: other,
        ..own.clone()
    };
    stores.table.remove(&foreign).await.unwrap();
    let replaced = stores
        .table
        .replace(&foreign, &super::next(&foreign), None, NOW)
        .await;
    assert!(matches!(replaced, Err(Error::Stale)));
    let stored = stores
        .table
        .store_result(&check.checked(&foreign, None))
        .await;
    assert!(matches!(stored, Err(Error::Stale)));
    let listing = stores.table.connection(one, own.id).await.unwrap();
    assert_eq!((&listing.connection, listing.health), (&own, check.after));
    assert_eq!(
        stores
            .table
            .tools(one, own.id, &digest)
            .await
            .unwrap()
            .len(),
        1
    );

    for row in [&own, &twin] {
        stores.table.remove(row).await.unwrap();
    }
}
