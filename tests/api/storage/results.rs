//! What checks leave behind.

use futures::future::join_all;
use shared::{
    connection::CheckInterval,
    error::Error,
    health::{Health, Next, Status},
    ports::{Checked, Connections as _, Due, Registrations as _, Results as _, Schedule as _},
    verdict::Reason,
    wheel::Slot,
};

use super::{Check, NOW, Stores, connection, contract, next, tenant, tool};

#[tokio::test]
async fn a_result_is_read_back_with_its_contract_and_its_tools() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let offered = contract("hello", vec![tool("b", 10), tool("a", 10)]);
    let check = Check::of(&Health::unknown(0), NOW, None);

    stores
        .table
        .store_result(&check.checked(&row, Some(&offered)))
        .await
        .unwrap();

    let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(listing.connection, row);
    assert_eq!(listing.health, check.after);
    assert_eq!(listing.contract, Some(offered.summary()));
    let digest = offered.digest();
    let tools = stores
        .table
        .tools(row.tenant, row.id, &digest)
        .await
        .unwrap();
    assert_eq!(tools, [tool("a", 10), tool("b", 10)]);
    let samples = stores
        .table
        .samples(row.tenant, row.id, NOW, NOW.plus_seconds(1), 10)
        .await
        .unwrap();
    assert_eq!(samples, [check.sample]);
}

#[tokio::test]
async fn health_with_a_month_of_counts_is_read_back() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let mut health = Health::unknown(0);
    for hour in 0..800_i64 {
        let reason = (hour % 5 == 0).then_some(Reason::HttpError);
        health = Check::of(&health, NOW.plus_seconds(hour * 3600), reason).after;
    }
    let full = Check {
        before: Health::unknown(0),
        sample: Check::of(&health, NOW, None).sample,
        after: health,
    };
    assert_eq!((full.after.hours.len(), full.after.days.len()), (24, 30));

    stores.store(&row, &full).await;

    let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(listing.health, full.after);
}

#[tokio::test]
async fn four_megabytes_of_tools_are_kept_whole_and_the_old_ones_go() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let many: Vec<_> = (0..128)
        .map(|n| tool(&format!("tool {n:03}"), 32 * 1024))
        .collect();
    let large = contract("large", many.clone());
    let first = Check::of(&Health::unknown(0), NOW, None);
    stores
        .table
        .store_result(&first.checked(&row, Some(&large)))
        .await
        .unwrap();

    let digest = large.digest();
    let tools = stores
        .table
        .tools(row.tenant, row.id, &digest)
        .await
        .unwrap();
    assert!(tools == many, "the tools are not what was stored");

    let small = contract("small", vec![tool("a", 10)]);
    let second = Check::of(&first.after, NOW, None);
    let superseding = Checked {
        superseded: Some(&digest),
        ..second.checked(&row, Some(&small))
    };
    stores.table.store_result(&superseding).await.unwrap();

    assert_eq!(
        stores
            .table
            .tools(row.tenant, row.id, &digest)
            .await
            .unwrap(),
        []
    );
    let digest = small.digest();
    let tools = stores
        .table
        .tools(row.tenant, row.id, &digest)
        .await
        .unwrap();
    assert_eq!(tools, [tool("a", 10)]);
    let chunks = stores
        .keys()
        .await
        .into_iter()
        .filter(|key| key.contains("TOOLS#"));
    assert_eq!(chunks.count(), 1);
}

/// Only how the server introduces itself has changed: the tools under the digest are the ones in use.
#[tokio::test]
async fn a_contract_with_the_same_digest_keeps_its_tools() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let offered = contract("hello", vec![tool("a", 10)]);
    let first = Check::of(&Health::unknown(0), NOW, None);
    stores
        .table
        .store_result(&first.checked(&row, Some(&offered)))
        .await
        .unwrap();
    let mut upgraded = offered.clone();
    upgraded.protocol_version = "2027-01-01".to_owned();
    let digest = offered.digest();
    assert_eq!(upgraded.digest(), digest);

    let second = Check::of(&first.after, NOW, None);
    let superseding = Checked {
        superseded: Some(&digest),
        ..second.checked(&row, Some(&upgraded))
    };
    stores.table.store_result(&superseding).await.unwrap();

    let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
    assert_eq!(listing.contract, Some(upgraded.summary()));
    let tools = stores
        .table
        .tools(row.tenant, row.id, &digest)
        .await
        .unwrap();
    assert_eq!(tools, [tool("a", 10)]);
}

#[tokio::test]
async fn of_16_checks_that_end_together_one_is_stored() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    for reason in [None, Some(Reason::ConnectRefused)] {
        let known = stores
            .table
            .connection(row.tenant, row.id)
            .await
            .unwrap()
            .health;
        let checks: Vec<_> = (0..16)
            .map(|n| Check::of(&known, NOW.plus_seconds(n), reason))
            .collect();
        let checked: Vec<_> = checks
            .iter()
            .map(|check| check.checked(&row, None))
            .collect();

        let outcomes = join_all(
            checked
                .iter()
                .map(|checked| stores.table.store_result(checked)),
        )
        .await;

        let won: Vec<_> = (0..16).filter(|n| outcomes[*n].is_ok()).collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        for (n, outcome) in outcomes.iter().enumerate() {
            assert!(
                n == won[0] || matches!(outcome, Err(Error::Stale)),
                "{outcome:?}"
            );
        }
        let listing = stores.table.connection(row.tenant, row.id).await.unwrap();
        assert_eq!(listing.health, checks[won[0]].after);
    }
}

#[tokio::test]
async fn nothing_is_stored_for_what_is_gone() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    stores.table.remove(&row).await.unwrap();

    for reason in [None, Some(Reason::ConnectRefused)] {
        let check = Check::of(&Health::unknown(0), NOW, reason);
        let stored = stores.table.store_result(&check.checked(&row, None)).await;
        assert!(matches!(stored, Err(Error::Stale)));
    }

    assert_eq!(stores.keys().await, [""; 0]);
}

/// The edit moved it to another slot while it was checked. The result counts, and holds for where it is now.
#[tokio::test]
async fn a_check_that_an_edit_of_the_interval_overtook_is_stored() {
    let stores = Stores::start().await;
    let before = connection(tenant(1), 1);
    stores.add(&before).await;
    let mut after = next(&before);
    after.check_interval = CheckInterval::try_from(600).unwrap();
    stores
        .table
        .replace(&before, &after, None, NOW)
        .await
        .unwrap();

    let first = Check::of(&Health::unknown(0), NOW, Some(Reason::ConnectRefused));
    let second = Check::of(
        &first.after,
        NOW.plus_seconds(5),
        Some(Reason::ConnectRefused),
    );
    let Next::NotBefore(until) = second.after.next else {
        panic!("{:?}", second.after.next);
    };
    stores.store(&before, &first).await;
    stores.store(&before, &second).await;

    let listing = stores
        .table
        .connection(after.tenant, after.id)
        .await
        .unwrap();
    assert_eq!(listing.health, second.after);
    let slot = Slot::of(after.id, 10);
    assert_eq!(
        stores
            .table
            .slot(slot, until.plus_seconds(-1))
            .await
            .unwrap(),
        []
    );
    assert_eq!(stores.table.slot(slot, until).await.unwrap().len(), 1);
    assert_eq!(
        stores
            .table
            .slot(Slot::of(after.id, 5), until)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn the_schedule_hears_of_confirmations_and_of_waiting() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let first_due = Due {
        tenant: row.tenant,
        connection: row.id,
        at: NOW,
    };
    stores.table.drop_out_of_turn(&first_due).await.unwrap();
    let slot = Slot::of(row.id, 5);
    let far = NOW.plus_seconds(10_000);
    let wanted = async || stores.table.out_of_turn(far).await.unwrap();

    let good = Check::of(&Health::unknown(0), NOW, None);
    stores.store(&row, &good).await;
    assert_eq!(wanted().await, []);

    let failed = Check::of(&good.after, NOW, Some(Reason::ConnectRefused));
    stores.store(&row, &failed).await;
    let Next::Confirm(at) = failed.after.next else {
        panic!("{:?}", failed.after.next);
    };
    let confirmation = Due { at, ..first_due };
    assert_eq!(wanted().await, std::slice::from_ref(&confirmation));

    let again = Check::of(&failed.after, at, Some(Reason::ConnectRefused));
    stores.store(&row, &again).await;
    let Next::Confirm(at) = again.after.next else {
        panic!("{:?}", again.after.next);
    };
    // Whoever did the first confirmation takes it off the list, and the second one stays.
    stores.table.drop_out_of_turn(&confirmation).await.unwrap();
    assert_eq!(wanted().await, [Due { at, ..confirmation }]);

    let down = Check::of(&again.after, at, Some(Reason::ConnectRefused));
    stores.store(&row, &down).await;
    assert_eq!(
        (down.after.status, down.after.next),
        (Status::Error, Next::Turn)
    );
    assert_eq!(wanted().await, []);

    let still = Check::of(&down.after, at, Some(Reason::ConnectRefused));
    stores.store(&row, &still).await;
    let Next::NotBefore(until) = still.after.next else {
        panic!("{:?}", still.after.next);
    };
    assert_eq!(
        stores
            .table
            .slot(slot, until.plus_seconds(-1))
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        stores.table.slot(slot, until).await.unwrap(),
        [(row.tenant, row.id)]
    );

    // Somebody tests it by hand before that, and it has recovered.
    let up = Check::of(&still.after, at.plus_seconds(1), None);
    stores.store(&row, &up).await;
    let soon = at.plus_seconds(2);
    assert_eq!(
        stores.table.slot(slot, soon).await.unwrap(),
        [(row.tenant, row.id)]
    );
}

#[tokio::test]
async fn a_check_on_demand_puts_nothing_on_the_schedule() {
    let stores = Stores::start().await;
    let mut row = connection(tenant(1), 1);
    row.enabled = false;
    stores.add(&row).await;
    let good = Check::of(&Health::unknown(0), NOW, None);
    stores.store(&row, &good).await;

    let failed = Check::of(&good.after, NOW, Some(Reason::ConnectRefused));
    stores.store(&row, &failed).await;

    assert!(matches!(failed.after.next, Next::Confirm(_)));
    assert!(!stores.keys().await.iter().any(|key| key.contains("WHEEL")));
}
