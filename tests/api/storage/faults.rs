//! What a distributed table does on a bad day: it throttles, transactions meet, answers are lost.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use local::fault::{Fault, SeenRequest};
use shared::{
    connection::Work,
    credential::{CredentialVersion, HolderId, Secret},
    error::{Error, Noun},
    health::Health,
    ports::{
        Added, Connections as _, Credentials as _, Due, Idempotency, Registrations as _,
        Results as _, Schedule as _, Tenants as _,
    },
    verdict::Reason,
};

use uuid::Uuid;

use super::{Check, NOW, Stores, connection, contract, name, next, tenant, tool};

/// Lets a fault happen to the first `times` writes. What is returned counts those to which it has not happened yet.
fn first_writes(stores: &Stores, times: usize, fault: Fault) -> Arc<AtomicUsize> {
    let left = Arc::new(AtomicUsize::new(times));
    let counter = Arc::clone(&left);
    stores.faults.set_plan(move |request| {
        let happens = is_write(request)
            && counter
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok();
        if happens { fault } else { Fault::Pass }
    });
    left
}

fn is_write(request: &SeenRequest) -> bool {
    !matches!(request.operation.as_str(), "Query" | "GetItem" | "Scan")
}

/// Every way to write, each from a table in the same state, with what must be true when it is done.
async fn every_write(fault: Fault, times: usize) {
    let happened = |left: Arc<AtomicUsize>| {
        assert_eq!(left.load(Ordering::Relaxed), 0, "{fault:?} did not happen");
    };
    let begin = async || {
        let stores = Stores::start().await;
        let row = connection(tenant(1), 1);
        stores.add(&row).await;
        let left = first_writes(&stores, times, fault);
        (stores, row, left)
    };

    let (stores, _, left) = begin().await;
    let record = Idempotency {
        key: "key".to_owned(),
        fingerprint: "print".to_owned(),
        expires_at: NOW.plus_seconds(60),
    };
    let new = connection(tenant(1), 2);
    let added = stores
        .table
        .add(&new, Some(&record), None, NOW)
        .await
        .unwrap();
    assert_eq!(added, Added::Stored, "{fault:?}");
    happened(left);

    let (stores, row, left) = begin().await;
    let mut after = next(&row);
    after.name = name("renamed");
    after.epoch += 1;
    stores.table.replace(&row, &after, None, NOW).await.unwrap();
    happened(left);
    let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(listing.connection, after);
    assert_eq!(listing.health, Health::unknown(0).forgotten(1));

    let (stores, row, left) = begin().await;
    stores.table.remove(&row).await.unwrap();
    happened(left);
    assert_eq!(stores.table.row(row.tenant, row.id).await.unwrap(), None);

    for (reason, offered) in [
        (None, None),
        (None, Some(contract("hello", vec![tool("a", 10)]))),
        (Some(Reason::ConnectRefused), None),
    ] {
        let (stores, row, left) = begin().await;
        let check = Check::of(&Health::unknown(0), NOW, reason);
        let checked = check.checked(&row, offered.as_ref());
        stores.table.store_result(&checked).await.unwrap();
        happened(left);
        let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
        assert_eq!(listing.health, check.after);
        assert_eq!(listing.contract, offered.map(|offered| offered.summary()));
    }

    let (stores, _, left) = begin().await;
    let claimed = stores
        .table
        .claim(NOW.minute(), NOW, NOW.plus_seconds(55))
        .await
        .unwrap();
    assert_eq!(claimed, [NOW.minute()]);
    happened(left);

    let (stores, ..) = begin().await;
    stores.table.claim(NOW.minute(), NOW, NOW).await.unwrap();
    let left = first_writes(&stores, times, fault);
    stores.table.finish(NOW.minute()).await.unwrap();
    happened(left);
    let later = NOW.plus_seconds(60);
    assert_eq!(
        stores
            .table
            .claim(NOW.minute(), later, later)
            .await
            .unwrap(),
        [0; 0]
    );

    let (stores, row, left) = begin().await;
    let due = Due {
        tenant: row.tenant,
        connection: row.id,
        at: NOW.plus_seconds(5),
    };
    stores
        .table
        .postpone(std::slice::from_ref(&due))
        .await
        .unwrap();
    happened(left);
    let wanted = stores.table.out_of_turn(due.at).await.unwrap();
    assert_eq!(wanted, std::slice::from_ref(&due));
    let left = first_writes(&stores, times, fault);
    let until = due.at.plus_seconds(55);
    let taken = stores.table.take_out_of_turn(&due, due.at, until).await;
    assert!(taken.unwrap());
    happened(left);
    let left = first_writes(&stores, times, fault);
    stores.table.drop_out_of_turn(&due).await.unwrap();
    happened(left);
    assert_eq!(stores.table.out_of_turn(due.at).await.unwrap(), []);

    let (stores, _, left) = begin().await;
    stores
        .table
        .create_tenant(&super::accounts::acme())
        .await
        .unwrap();
    happened(left);
}

#[tokio::test]
async fn throttled_writes_are_done_in_the_end() {
    every_write(Fault::Throttle, 2).await;
    every_write(Fault::ThrottleAccount, 1).await;
}

#[tokio::test]
async fn writes_that_meet_others_are_done_in_the_end() {
    every_write(Fault::Conflict, 1).await;
    every_write(Fault::Conflict, 4).await;
}

/// The write is done, the answer is lost, the SDK sends it again: that must not look like somebody else's write.
#[tokio::test]
async fn a_lost_answer_does_not_turn_success_into_failure() {
    every_write(Fault::LoseAnswer, 1).await;
    every_write(Fault::LoseAnswer, 2).await;
}

#[tokio::test]
async fn a_sample_whose_answer_was_lost_is_stored_once() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    stores
        .faults
        .set_plan(|request| match request.operation.as_str() {
            "UpdateItem" if request.number % 2 == 1 => Fault::LoseAnswer,
            _ => Fault::Pass,
        });
    let mut health = Health::unknown(0);
    for n in 0..5 {
        let check = Check::of(&health, NOW.plus_seconds(n), None);
        stores.store(&row, &check).await;
        health = check.after;
    }

    let samples = stores
        .table
        .samples(row.tenant, row.id, NOW, NOW.plus_seconds(60), 100)
        .await
        .unwrap();
    let seconds: Vec<_> = samples
        .iter()
        .map(|sample| sample.at.millis_since(NOW) / 1000)
        .collect();
    assert_eq!(seconds, [4, 3, 2, 1, 0]);
}

#[tokio::test]
async fn a_table_that_stays_busy_is_unavailable_and_nothing_is_written() {
    for fault in [Fault::Throttle, Fault::Conflict] {
        let stores = Stores::start().await;
        let row = connection(tenant(1), 1);
        stores.add(&row).await;
        let keys = stores.keys().await;
        first_writes(&stores, usize::MAX, fault);
        let check = Check::of(&Health::unknown(0), NOW, None);
        let failed = Check::of(&Health::unknown(0), NOW, Some(Reason::NotMcp));

        for outcome in [
            stores
                .table
                .add(&connection(tenant(1), 2), None, None, NOW)
                .await
                .map(drop),
            stores.table.replace(&row, &next(&row), None, NOW).await,
            stores.table.remove(&row).await,
            stores.table.store_result(&check.checked(&row, None)).await,
            stores.table.store_result(&failed.checked(&row, None)).await,
            stores.table.claim(NOW.minute(), NOW, NOW).await.map(drop),
        ] {
            assert!(
                matches!(outcome, Err(Error::Unavailable(_))),
                "{fault:?}: {outcome:?}"
            );
        }

        stores.faults.clear_plan();
        assert_eq!(stores.keys().await, keys);
        let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
        assert_eq!(listing.health, Health::unknown(0));
    }
}

#[tokio::test]
async fn reads_that_are_throttled_are_done_in_the_end_or_unavailable() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    stores.faults.forget();
    stores.faults.set_plan(|request| {
        if request.number < 2 {
            Fault::Throttle
        } else {
            Fault::Pass
        }
    });
    let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(listing.connection, row);

    stores.faults.set_plan(|_| Fault::Throttle);
    let read = stores.table.connection(row.tenant, row.id).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    let listed = stores.table.connections(row.tenant, None, 10).await;
    assert!(matches!(listed, Err(Error::Unavailable(_))), "{listed:?}");
}

/// The promise that the price list and the rights of the functions are built on.
#[tokio::test]
async fn each_read_is_one_query_and_a_good_check_is_two_writes() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let first = Check::of(&Health::unknown(0), NOW, None);
    stores.store(&row, &first).await;
    let asked = || {
        let seen = stores.faults.seen();
        stores.faults.forget();
        seen.into_iter()
            .map(|request| request.operation)
            .collect::<Vec<_>>()
    };

    asked();
    stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(asked(), ["Query"]);
    stores
        .table
        .connections(row.tenant, None, 100)
        .await
        .unwrap();
    assert_eq!(asked(), ["Query"]);
    stores
        .table
        .incidents(row.tenant, row.id, 100)
        .await
        .unwrap();
    assert_eq!(asked(), ["Query"]);
    let second = Check::of(&first.after, NOW.plus_seconds(300), None);
    stores.store(&row, &second).await;
    assert_eq!(asked(), ["PutItem", "UpdateItem"]);
    stores
        .table
        .replace(&row, &next(&row), None, NOW)
        .await
        .unwrap();
    assert_eq!(asked(), ["TransactWriteItems"]);
    stores.table.claim(NOW.minute(), NOW, NOW).await.unwrap();
    assert_eq!(asked(), ["Query", "PutItem"]);
}

/// When a change is refused for good, a lost answer must not make it look done.
#[tokio::test]
async fn a_refusal_stays_one_when_answers_are_lost() {
    let stores = Stores::start().await;
    let (one, other) = (connection(tenant(1), 1), connection(tenant(1), 2));
    stores.add(&one).await;
    stores.add(&other).await;
    let mut renamed = next(&one);
    renamed.name = other.name.clone();
    first_writes(&stores, 1, Fault::LoseAnswer);
    let taken = stores.table.replace(&one, &renamed, None, NOW).await;
    assert!(matches!(taken, Err(Error::Taken(Noun::ConnectionName))));

    let ours = one.with_work(Some(Work::Discard), NOW);
    stores.table.replace(&one, &ours, None, NOW).await.unwrap();
    let theirs = one.with_work(Some(Work::Remove), NOW);
    first_writes(&stores, 1, Fault::LoseAnswer);
    let stale = stores.table.replace(&one, &theirs, None, NOW).await;
    assert!(matches!(stale, Err(Error::Stale)));
}

/// Every step that a credential takes, repeated by the SDK because its answer was lost or it was throttled.
#[tokio::test]
async fn credentials_are_where_they_belong_after_lost_answers() {
    for (fault, times) in [
        (Fault::LoseAnswer, 1),
        (Fault::LoseAnswer, 2),
        (Fault::Throttle, 2),
    ] {
        let (store, manager, faults) = super::secret_store().await;
        let row = connection(tenant(1), 1);
        let (tenant, id) = (row.tenant, HolderId::from(row.id));
        let version = |n| CredentialVersion::new(Uuid::from_u128(n));
        let secret = Secret::parse("sk-1".to_owned()).unwrap();
        let fail_first = || {
            let left = AtomicUsize::new(times);
            faults.set_plan(move |_| {
                let happens = left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok();
                if happens { fault } else { Fault::Pass }
            });
        };

        fail_first();
        store.create(tenant, id, version(1), &secret).await.unwrap();
        for n in [2, 3] {
            fail_first();
            store.stage(tenant, id, version(n), &secret).await.unwrap();
        }
        fail_first();
        store.unstage(tenant, id, version(3)).await.unwrap();
        fail_first();
        store.stage(tenant, id, version(4), &secret).await.unwrap();
        fail_first();
        store.promote(tenant, id, version(4)).await.unwrap();
        let stages = super::secrets::stages(&manager);
        let at = super::secrets::at;
        assert_eq!(
            stages,
            [at("AWSCURRENT", 4), at("AWSPREVIOUS", 1)],
            "{fault:?}"
        );
        fail_first();
        let read = store.read(tenant, id, version(4)).await.unwrap();
        assert_eq!(read.unwrap().expose(), "sk-1");
        fail_first();
        store.delete(tenant, id).await.unwrap();
        assert_eq!(manager.names(), [""; 0]);
    }
}

#[tokio::test]
async fn a_secret_store_that_stays_busy_is_unavailable() {
    let (store, _, faults) = super::secret_store().await;
    let row = connection(tenant(1), 1);
    let version = CredentialVersion::new(Uuid::from_u128(1));
    let secret = Secret::parse("sk-1".to_owned()).unwrap();
    faults.set_plan(|_| Fault::Throttle);

    for outcome in [
        store
            .create(row.tenant, row.id.into(), version, &secret)
            .await,
        store.promote(row.tenant, row.id.into(), version).await,
        store
            .read(row.tenant, row.id.into(), version)
            .await
            .map(drop),
        store.delete(row.tenant, row.id.into()).await,
    ] {
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
}
