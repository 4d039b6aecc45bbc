//! Adding, replacing and removing connections.

use futures::future::join_all;
use shared::{
    connection::{Version, Work},
    error::{Error, Noun},
    health::{Health, Status},
    ports::{Added, Connections as _, Idempotency, Registrations as _, Results as _},
    verdict::Reason,
};

use super::{Check, NOW, Stores, connection, name, next, tenant};

fn idempotency(key: &str, fingerprint: &str) -> Idempotency {
    Idempotency {
        key: key.to_owned(),
        fingerprint: fingerprint.to_owned(),
        expires_at: NOW.plus_seconds(86_400),
    }
}

#[tokio::test]
async fn what_is_added_is_read_back_with_unknown_health() {
    let stores = Stores::start().await;
    let new = connection(tenant(1), 1);
    stores.add(&new).await;

    let listing = stores.table.connection(new.tenant, new.id).await.unwrap();

    assert_eq!(listing.connection, new);
    assert_eq!(listing.health, Health::unknown(new.epoch));
    assert_eq!(listing.contract, None);
    let row = stores.table.row(new.tenant, new.id).await.unwrap();
    assert_eq!(row, Some(new));
}

#[tokio::test]
async fn what_nobody_may_see_is_not_found_but_has_a_row() {
    let stores = Stores::start().await;
    let new = connection(tenant(1), 1).with_work(Some(Work::Provision), NOW);
    stores.add(&new).await;

    let found = stores.table.connection(new.tenant, new.id).await;

    assert!(matches!(found, Err(Error::NotFound(Noun::Connection))));
    let row = stores.table.row(new.tenant, new.id).await.unwrap();
    assert_eq!(row, Some(new));
}

#[tokio::test]
async fn of_64_who_want_one_name_one_gets_it() {
    let stores = Stores::start().await;
    let wanted = (0..64).map(|n| {
        let mut new = connection(tenant(1), n);
        new.name = name("the one");
        new
    });
    let wanted: Vec<_> = wanted.collect();

    let outcomes = join_all(
        wanted
            .iter()
            .map(|new| stores.table.add(new, None, None, NOW)),
    )
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert!(
            matches!(error, Err(Error::Taken(Noun::ConnectionName))),
            "{error:?}"
        );
    }
    let listed = stores
        .table
        .connections(tenant(1), None, 100)
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn of_64_with_one_idempotency_key_one_adds_and_the_others_see_what_it_added() {
    let stores = Stores::start().await;
    let record = idempotency("key", "print");
    let wanted: Vec<_> = (0..64).map(|n| connection(tenant(1), n)).collect();

    let outcomes = join_all(
        wanted
            .iter()
            .map(|new| stores.table.add(new, Some(&record), None, NOW)),
    )
    .await;

    let listed = stores
        .table
        .connections(tenant(1), None, 100)
        .await
        .unwrap();
    let [only] = listed.items.as_slice() else {
        panic!("{} connections were added", listed.items.len());
    };
    let mut stored = 0;
    for outcome in outcomes {
        match outcome.unwrap() {
            Added::Stored => stored += 1,
            Added::Before(made) => assert_eq!(*made, only.connection),
        }
    }
    assert_eq!(stored, 1);
}

/// The client that repeats its request must hear of its own connection, not that the name is taken, by itself.
#[tokio::test]
async fn a_repeated_request_is_recognised_before_its_name_is_found_taken() {
    let stores = Stores::start().await;
    let record = idempotency("key", "print");
    let first = connection(tenant(1), 1);
    let mut again = connection(tenant(1), 2);
    again.name = first.name.clone();
    stores
        .table
        .add(&first, Some(&record), None, NOW)
        .await
        .unwrap();

    let repeated = stores
        .table
        .add(&again, Some(&record), None, NOW)
        .await
        .unwrap();
    assert_eq!(repeated, Added::Before(Box::new(first.clone())));

    let other = idempotency("key", "another print");
    let reused = stores.table.add(&again, Some(&other), None, NOW).await;
    assert!(matches!(reused, Err(Error::KeyReused)));

    let elsewhere = connection(tenant(2), 3);
    let added = stores
        .table
        .add(&elsewhere, Some(&record), None, NOW)
        .await
        .unwrap();
    assert_eq!(added, Added::Stored);
}

/// The table drops expired records when it pleases; nobody may notice when.
#[tokio::test]
async fn an_expired_record_is_as_good_as_none() {
    let stores = Stores::start().await;
    let record = idempotency("key", "print");
    let first = connection(tenant(1), 1);
    stores
        .table
        .add(&first, Some(&record), None, NOW)
        .await
        .unwrap();

    let expired = record.expires_at;
    let second = connection(tenant(1), 2);
    let again = Idempotency {
        expires_at: expired.plus_seconds(86_400),
        ..idempotency("key", "another print")
    };
    let added = stores
        .table
        .add(&second, Some(&again), None, expired)
        .await
        .unwrap();

    assert_eq!(added, Added::Stored);
    let third = connection(tenant(1), 3);
    let repeated = stores
        .table
        .add(&third, Some(&again), None, expired)
        .await
        .unwrap();
    assert_eq!(repeated, Added::Before(Box::new(second)));
}

#[tokio::test]
async fn a_replaced_row_is_read_back_and_its_old_name_is_free() {
    let stores = Stores::start().await;
    let before = connection(tenant(1), 1);
    stores.add(&before).await;
    let mut after = next(&before);
    after.name = name("renamed");
    after.version = Version(2);

    stores
        .table
        .replace(&before, &after, None, NOW)
        .await
        .unwrap();

    let listing = stores
        .table
        .connection(after.tenant, after.id)
        .await
        .unwrap();
    assert_eq!(listing.connection, after);
    let mut other = connection(tenant(1), 2);
    other.name = before.name.clone();
    stores.add(&other).await;
    let mut third = connection(tenant(1), 3);
    third.name = after.name.clone();
    let refused = stores.table.add(&third, None, None, NOW).await;
    assert!(matches!(refused, Err(Error::Taken(Noun::ConnectionName))));
}

#[tokio::test]
async fn a_name_of_another_connection_is_refused_and_nothing_changes() {
    let stores = Stores::start().await;
    let (one, other) = (connection(tenant(1), 1), connection(tenant(1), 2));
    stores.add(&one).await;
    stores.add(&other).await;
    let keys = stores.keys().await;
    let mut after = next(&one);
    after.name = other.name.clone();

    let refused = stores.table.replace(&one, &after, None, NOW).await;

    assert!(matches!(refused, Err(Error::Taken(Noun::ConnectionName))));
    assert_eq!(stores.keys().await, keys);
    let row = stores.table.row(one.tenant, one.id).await.unwrap();
    assert_eq!(row, Some(one));
}

#[tokio::test]
async fn of_16_who_replace_the_same_row_one_does() {
    let stores = Stores::start().await;
    let before = connection(tenant(1), 1);
    stores.add(&before).await;
    let afters: Vec<_> = (0..16)
        .map(|n| {
            let mut after = next(&before);
            after.name = name(&format!("name {n}"));
            after
        })
        .collect();

    let replaced = afters
        .iter()
        .map(|after| stores.table.replace(&before, after, None, NOW));
    let outcomes = join_all(replaced).await;

    let won: Vec<_> = (0..16).filter(|n| outcomes[*n].is_ok()).collect();
    assert_eq!(won.len(), 1);
    for (n, outcome) in outcomes.iter().enumerate() {
        assert!(
            n == won[0] || matches!(outcome, Err(Error::Stale)),
            "{outcome:?}"
        );
    }
    let row = stores.table.row(before.tenant, before.id).await.unwrap();
    assert_eq!(row.as_ref(), Some(&afters[won[0]]));
}

/// A client whose answer was lost tries again; that its first attempt was done must not look like somebody else's.
#[tokio::test]
async fn the_same_change_twice_is_the_change_once() {
    let stores = Stores::start().await;
    let before = connection(tenant(1), 1);
    assert_eq!(
        stores.table.add(&before, None, None, NOW).await.unwrap(),
        Added::Stored
    );
    assert_eq!(
        stores.table.add(&before, None, None, NOW).await.unwrap(),
        Added::Stored
    );
    let mut after = next(&before);
    after.name = name("renamed");

    stores
        .table
        .replace(&before, &after, None, NOW)
        .await
        .unwrap();
    let keys = stores.keys().await;
    stores
        .table
        .replace(&before, &after, None, NOW)
        .await
        .unwrap();

    assert_eq!(stores.keys().await, keys);
    stores.table.remove(&after).await.unwrap();
    stores.table.remove(&after).await.unwrap();
    assert_eq!(stores.keys().await, [""; 0]);
}

#[tokio::test]
async fn another_target_has_no_health_yet_and_its_incident_is_over() {
    let stores = Stores::start().await;
    let before = connection(tenant(1), 1);
    stores.add(&before).await;
    let check = Check::of(&Health::unknown(0), NOW, Some(Reason::ConnectRefused));
    stores.store(&before, &check).await;
    assert_eq!(check.after.status, Status::Error);
    let mut after = next(&before);
    after.epoch += 1;

    let later = NOW.plus_seconds(60);
    stores
        .table
        .replace(&before, &after, None, later)
        .await
        .unwrap();

    let listing = stores
        .table
        .connection(after.tenant, after.id)
        .await
        .unwrap();
    assert_eq!(listing.health, check.after.forgotten(1));
    let incidents = stores
        .table
        .incidents(after.tenant, after.id, 10)
        .await
        .unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].ended_at, Some(later));
    assert_eq!(incidents[0].reason, Some(Reason::ConnectRefused));
    let late = Check::of(&check.after, later, None);
    let stored = stores
        .table
        .store_result(&late.checked(&before, None))
        .await;
    assert!(matches!(stored, Err(Error::Stale)));
}

#[tokio::test]
async fn removing_leaves_nothing_and_spares_what_was_changed() {
    let stores = Stores::start().await;
    let neighbour = connection(tenant(1), 2);
    stores.add(&neighbour).await;
    let keys = stores.keys().await;
    let record = idempotency("key", "print");
    let mut new = connection(tenant(1), 1);
    new.idempotency = Some(record.key.clone());
    stores
        .table
        .add(&new, Some(&record), None, NOW)
        .await
        .unwrap();
    let offered = super::contract("hello", vec![super::tool("a", 900_000)]);
    let check = Check::of(&Health::unknown(0), NOW, None);
    stores
        .table
        .store_result(&check.checked(&new, Some(&offered)))
        .await
        .unwrap();
    let mut changed = next(&new);
    changed.name = name("renamed");
    stores
        .table
        .replace(&new, &changed, None, NOW)
        .await
        .unwrap();

    let stale = stores.table.remove(&new).await;
    assert!(matches!(stale, Err(Error::Stale)));
    let there = stores.table.connection(new.tenant, new.id).await.unwrap();
    let digest = there.contract.unwrap().digest;
    let tools = stores
        .table
        .tools(new.tenant, new.id, &digest)
        .await
        .unwrap();
    assert_eq!(tools.len(), 1);

    stores.table.remove(&changed).await.unwrap();

    let mut left = stores.keys().await;
    // What was measured goes when its time is over; nobody finds it any more.
    left.retain(|key| !key.contains("#HISTORY#"));
    assert_eq!(left, keys);
}

/// The key of an expired record can have made another connection by the time the first one is removed.
#[tokio::test]
async fn removing_spares_the_record_of_another_connection() {
    let stores = Stores::start().await;
    let record = idempotency("key", "print");
    let mut first = connection(tenant(1), 1);
    first.idempotency = Some(record.key.clone());
    stores
        .table
        .add(&first, Some(&record), None, NOW)
        .await
        .unwrap();
    let later = record.expires_at;
    let renewed = Idempotency {
        expires_at: later.plus_seconds(86_400),
        ..record
    };
    let mut second = connection(tenant(1), 2);
    second.idempotency = Some(renewed.key.clone());
    stores
        .table
        .add(&second, Some(&renewed), None, later)
        .await
        .unwrap();

    stores.table.remove(&first).await.unwrap();

    let third = connection(tenant(1), 3);
    let repeated = stores
        .table
        .add(&third, Some(&renewed), None, later)
        .await
        .unwrap();
    assert_eq!(repeated, Added::Before(Box::new(second)));
}
