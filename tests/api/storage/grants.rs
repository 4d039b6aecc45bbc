//! What keys are granted of connections, written with the row of either.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use harness::clock::TurnedClock;
use serde_json::json;
use shared::{
    audit::Author,
    caller::{KeyId, KeyKind, KeyRecord},
    connection::{Connection, Work},
    error::{Error, Result},
    grants::{Granting, Grants, GrantsChange, grantees},
    ports::{
        Grantings as _, Ids, Keys as _, Registrations as _, Rows as _, Tenants as _,
        VirtualKeys as _,
    },
    registry::{Knowing, Registry, Wanted},
    timestamp::Timestamp,
    tool_rules::ToolList,
};
use uuid::{Builder, Uuid};

use super::{NOW, Stores, accounts::acme, connection, next, secret_store, tenant};

/// A key of the default workspace that calls tools.
fn key(n: u128) -> KeyRecord {
    serde_json::from_value(json!({
        "tenant": tenant(1), "id": KeyId::new(Uuid::from_u128(n)), "hash": "", "kind": "workspace-service",
        "name": format!("key {n}"), "workspace": Uuid::from_u128(8), "scopes": ["mcp.invoke"], "createdAt": NOW, "revision": 1,
    }))
    .unwrap()
}

fn tools(names: &[&str]) -> ToolList {
    ToolList::parse(names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
}

impl Stores {
    /// With a tenant, a connection and so many keys.
    async fn with_keys(keys: u128) -> (Self, Connection, Vec<KeyRecord>) {
        let stores = Self::start().await;
        stores.table.create_tenant(&acme()).await.unwrap();
        let row = connection(tenant(1), 1);
        stores.add(&row).await;
        let keys: Vec<_> = (100..100 + keys).map(key).collect();
        for key in &keys {
            stores.table.insert(key, None).await.unwrap();
        }
        (stores, row, keys)
    }

    async fn grants_of(&self, row: &Connection) -> Grants {
        let mut found = self.table.grants(row.tenant, &[row.id]).await.unwrap();
        found
            .pop()
            .unwrap_or_else(|| Grants::none(row.tenant, row.id))
    }

    /// The change after which these keys and no others are granted all of a connection.
    async fn change(&self, row: &Connection, keys: &[KeyRecord]) -> GrantsChange {
        let before = self.grants_of(row).await;
        let granted = granting(keys, &ToolList::all());
        GrantsChange {
            after: before.replaced(&granted, "").unwrap(),
            before,
            seen: None,
        }
    }

    /// Lets a connection's row change with what keys are granted.
    async fn regrant(&self, row: &mut Connection, change: &GrantsChange) -> Result<()> {
        let after = next(row);
        let done = self
            .table
            .replace_granting(row, &after, Some(change), None, NOW)
            .await;
        if done.is_ok() {
            *row = after;
        }
        done
    }

    async fn current(&self, key: &KeyRecord) -> KeyRecord {
        self.table.key(key.tenant, key.id).await.unwrap().unwrap()
    }
}

fn granting(keys: &[KeyRecord], tools: &ToolList) -> Vec<Granting> {
    let of = |key: &KeyRecord| Granting {
        key: key.id,
        tools: tools.clone(),
    };
    keys.iter().map(of).collect()
}

#[tokio::test]
async fn grants_change_with_the_connection_and_are_found_by_either() {
    let (stores, mut row, keys) = Stores::with_keys(3).await;
    let change = stores.change(&row, &keys[..2]).await;
    stores.regrant(&mut row, &change).await.unwrap();
    assert_eq!(stores.grants_of(&row).await, change.after);
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let found = stores.table.granted_to(tenant(1), &ids).await.unwrap();
    assert_eq!(found, [(ids[0], row.id), (ids[1], row.id)]);
    assert_eq!(stores.table.granted_to(tenant(2), &ids).await.unwrap(), []);
    assert_eq!(stores.table.grants(tenant(2), &[row.id]).await.unwrap(), []);

    let shown = grantees(&stores.table, tenant(1), &[row.id], None)
        .await
        .unwrap();
    let names: Vec<_> = shown[&row.id]
        .iter()
        .map(|grantee| grantee.name.as_ref().unwrap().as_str().to_owned())
        .collect();
    assert_eq!(names, ["key 100", "key 101"]);

    let change = stores.change(&row, &keys[1..]).await;
    stores.regrant(&mut row, &change).await.unwrap();
    let found = stores.table.granted_to(tenant(1), &ids).await.unwrap();
    assert_eq!(found, [(ids[1], row.id), (ids[2], row.id)]);
}

#[tokio::test]
async fn a_change_of_what_was_changed_is_stale_and_does_nothing() {
    let (stores, mut row, keys) = Stores::with_keys(3).await;
    let early = stores.change(&row, &keys[..1]).await;
    let change = stores.change(&row, &keys[1..]).await;
    stores.regrant(&mut row, &change).await.unwrap();
    let before = stores.keys().await;
    let refused = stores.regrant(&mut row, &early).await;
    assert!(matches!(refused, Err(Error::Stale)));
    // One key of two is gone.
    let gone = stores.current(&keys[2]).await;
    stores.table.remove_key(&gone, None).await.unwrap();
    stores.table.remove_key(&gone, None).await.unwrap();
    let with_it = stores.change(&row, &[keys[0].clone(), gone.clone()]).await;
    let refused = stores.regrant(&mut row, &with_it).await;
    assert!(matches!(refused, Err(Error::Stale)));
    assert_eq!(
        stores.grants_of(&row).await.keys().collect::<Vec<_>>(),
        [keys[1].id]
    );
    let without_it: Vec<_> = before
        .into_iter()
        .filter(|key| {
            !key.contains(&gone.id.to_string()) && !key.contains(&gone.id.uuid().to_string())
        })
        .collect();
    assert_eq!(stores.keys().await, without_it);
    assert_eq!(
        stores.table.row(tenant(1), row.id).await.unwrap(),
        Some(row)
    );
}

/// Who read a key before it was granted something does not remove it: he would not know of what.
#[tokio::test]
async fn a_key_that_was_granted_something_has_changed() {
    let (stores, mut row, keys) = Stores::with_keys(1).await;
    let change = stores.change(&row, &keys).await;
    stores.regrant(&mut row, &change).await.unwrap();
    let refused = stores.table.remove_key(&keys[0], None).await;
    assert!(matches!(refused, Err(Error::Stale)));
    let now = stores.current(&keys[0]).await;
    assert_eq!(now.revision, 2);
    stores.table.remove_key(&now, None).await.unwrap();
    assert!(stores.table.key(tenant(1), now.id).await.unwrap().is_none());
    assert_eq!(stores.grants_of(&row).await.keys().count(), 0);
}

#[tokio::test]
async fn a_key_is_granted_only_what_is_as_it_was_seen() {
    let (stores, row, keys) = Stores::with_keys(1).await;
    let (before, mut after) = (keys[0].clone(), keys[0].clone());
    after.revision += 1;
    let seen = |revision| GrantsChange {
        before: Grants::none(row.tenant, row.id),
        after: Grants::none(row.tenant, row.id).with(before.id, Some(tools(&["a"]))),
        seen: revision,
    };
    for (revision, good) in [(Some(2), false), (Some(1), true)] {
        let done = stores
            .table
            .write_key(Some(&before), &after, &[seen(revision)], None)
            .await;
        assert_eq!(done.is_ok(), good, "{done:?}");
        assert_eq!(
            stores.grants_of(&row).await.keys().count(),
            usize::from(good)
        );
    }
    // Again, as if the answer was lost.
    let again = stores
        .table
        .write_key(Some(&before), &after, &[seen(Some(1))], None)
        .await;
    again.unwrap();
}

/// With more keys than a transaction has room for.
#[tokio::test]
async fn a_connection_goes_with_all_that_is_granted_of_it() {
    let (stores, mut row, keys) = Stores::with_keys(100).await;
    let before = stores.keys().await;
    for most in [30, 60, 90, 100] {
        let change = stores.change(&row, &keys[..most]).await;
        change.check("").unwrap();
        stores.regrant(&mut row, &change).await.unwrap();
    }
    assert_eq!(stores.keys().await.len(), before.len() + 101);
    let leaving = row.with_work(Some(Work::Remove), NOW);
    stores
        .table
        .replace(&row, &leaving, None, NOW)
        .await
        .unwrap();
    stores.table.remove(&leaving).await.unwrap();
    let left: Vec<_> = before
        .into_iter()
        .filter(|key| !key.contains(&row.id.to_string()) && !key.contains("/ NAME#"))
        .collect();
    assert_eq!(stores.keys().await, left);
}

/// Ids that count.
#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn sortable(&self, now: Timestamp) -> Result<Uuid> {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&count);
        let millis = u64::try_from(now.millis()).unwrap();
        Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    fn random(&self) -> Result<Uuid> {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Uuid::from_u64_pair(7, count))
    }

    fn secret(&self) -> Result<[u8; 32]> {
        Ok([7; 32])
    }
}

fn author() -> Author {
    Author {
        key: KeyId::new(Uuid::from_u128(1)),
        kind: KeyKind::OrganisationService,
        user: None,
        gateway: None,
        address: None,
        request: "a request".to_owned(),
    }
}

/// As Bifrost's `PUT` of a client does it: the client and its keys change together or not at all.
#[tokio::test]
async fn an_edit_takes_the_grants_along() {
    let (stores, row, keys) = Stores::with_keys(2).await;
    let registry = Registry {
        store: Arc::new(stores.table.clone()),
        credentials: Arc::new(secret_store().await.0),
        clock: Arc::new(TurnedClock::new()),
        ids: Arc::new(Counting::default()),
        development: false,
        insecure_tls: false,
    };
    let registry = &registry;
    let edit = async |enabled: bool, granted: Option<&[Granting]>| {
        let edit = |row: &Connection, _: Option<&_>| {
            Ok(Wanted {
                enabled,
                ..Wanted::like(row)
            })
        };
        let (tenant, knowing) = (row.tenant, Knowing::Row);
        registry
            .edit_granting(&author(), tenant, row.id, None, knowing, edit, granted)
            .await
    };
    let all = granting(&keys, &ToolList::all());
    let done = edit(false, Some(&all)).await.unwrap();
    assert_eq!((done.enabled, done.version.0), (false, 2));
    assert_eq!(stores.grants_of(&row).await.keys().count(), 2);
    // Nothing differs, so nothing is written; what is not spoken of stays.
    assert_eq!(edit(false, Some(&all)).await.unwrap(), done);
    assert_eq!(edit(false, None).await.unwrap(), done);
    let some = granting(&keys[..1], &tools(&["a"]));
    let done = edit(false, Some(&some)).await.unwrap();
    assert_eq!(done.version.0, 3);
    assert_eq!(
        stores.grants_of(&row).await.tools(keys[0].id),
        Some(&tools(&["a"]))
    );
    // What is wrong with one of them leaves all as it was, the client too.
    let mut wrong = granting(&keys, &ToolList::all());
    let unknown = Granting {
        key: KeyId::new(Uuid::from_u128(77)),
        tools: ToolList::all(),
    };
    wrong.push(unknown);
    let Err(Error::Invalid(problems)) = edit(true, Some(&wrong)).await else {
        panic!("a key that is not there was granted something")
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field, "/vk_configs/2/virtual_key_id");
    assert_eq!(
        stores.table.row(row.tenant, row.id).await.unwrap(),
        Some(done)
    );
    assert_eq!(stores.grants_of(&row).await.keys().count(), 1);
    let done = edit(true, Some(&[])).await.unwrap();
    assert!(done.enabled);
    assert_eq!(stores.grants_of(&row).await.keys().count(), 0);
}
