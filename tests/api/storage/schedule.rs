//! The wheel, the list of checks out of turn, and the ticks.

use futures::future::join_all;
use shared::{
    connection::{CheckInterval, Work},
    ports::{Due, Registrations as _, Schedule as _},
    timestamp::Timestamp,
    wheel::Slot,
};

use super::{NOW, Stores, connection, name, next, tenant};

fn due(n: u64, at: Timestamp) -> Due {
    let row = connection(tenant(1), n);
    Due {
        tenant: row.tenant,
        connection: row.id,
        at,
    }
}

#[tokio::test]
async fn a_minute_is_claimed_by_one_of_two_ticks() {
    let stores = Stores::start().await;
    let until = NOW.plus_seconds(55);
    let claims = (0..8).map(|_| stores.table.claim(NOW.minute(), NOW, until));

    let mut claimed = Vec::new();
    for claim in join_all(claims).await {
        claimed.extend(claim.unwrap());
    }

    assert_eq!(claimed, [NOW.minute()]);
}

#[tokio::test]
async fn a_claim_that_ran_out_is_up_for_the_next_unless_it_was_worked_off() {
    let stores = Stores::start().await;
    let minute = NOW.minute();
    let claim = async |minute: i64, at: Timestamp| {
        stores
            .table
            .claim(minute, at, at.plus_seconds(55))
            .await
            .unwrap()
    };
    assert_eq!(claim(minute, NOW).await, [minute]);
    assert_eq!(claim(minute, NOW.plus_seconds(54)).await, [0; 0]);
    assert_eq!(claim(minute, NOW.plus_seconds(55)).await, [minute]);
    stores.table.finish(minute).await.unwrap();
    stores.table.finish(minute).await.unwrap();
    assert_eq!(claim(minute, NOW.plus_seconds(900)).await, [0; 0]);
    assert_eq!(claim(minute + 1, NOW.plus_seconds(900)).await, [minute + 1]);
}

#[tokio::test]
async fn what_was_missed_is_claimed_oldest_first_but_nothing_from_before_the_first_tick() {
    let stores = Stores::start().await;
    let first = NOW.minute();
    let claim = async |minute: i64| {
        let at = Timestamp::from_minute(minute);
        let claimed = stores
            .table
            .claim(minute, at, at.plus_seconds(55))
            .await
            .unwrap();
        for minute in &claimed {
            stores.table.finish(*minute).await.unwrap();
        }
        claimed
    };

    assert_eq!(claim(first).await, [first]);
    assert_eq!(claim(first + 1).await, [first + 1]);
    assert_eq!(claim(first + 4).await, [first + 2, first + 3, first + 4]);
    // A tick that comes late, after its successor, finds nothing left.
    assert_eq!(claim(first + 3).await, [0; 0]);
    let after_an_outage: Vec<_> = (first + 441..=first + 500).collect();
    assert_eq!(claim(first + 500).await, after_an_outage);
    assert_eq!(claim(first + 500).await, [0; 0]);
}

#[tokio::test]
async fn a_slot_with_many_is_read_whole() {
    let stores = Stores::start().await;
    let mut expected = Vec::new();
    for n in 0..150 {
        let row = connection(tenant(u128::from(n % 3)), n);
        stores.add(&row).await;
        if Slot::of(row.id, 5).index == 2 {
            expected.push((row.tenant, row.id));
        }
    }
    expected.sort();
    let slot = Slot {
        period: 5,
        index: 2,
    };

    let found = stores.table.slot(slot, NOW).await.unwrap();

    assert!(expected.len() > 15);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn checks_out_of_turn_wait_for_their_moment() {
    let stores = Stores::start().await;
    let postponed: Vec<_> = (0..100)
        .map(|n| due(n, NOW.plus_seconds(i64::try_from(n).unwrap())))
        .collect();

    stores.table.postpone(&postponed).await.unwrap();

    let mut found = stores
        .table
        .out_of_turn(NOW.plus_seconds(49))
        .await
        .unwrap();
    found.sort_by_key(|due| due.at);
    assert_eq!(found, postponed[..50]);
    stores.table.drop_out_of_turn(&found[0]).await.unwrap();
    stores.table.drop_out_of_turn(&found[0]).await.unwrap();
    assert_eq!(stores.table.out_of_turn(NOW).await.unwrap(), []);
}

/// What is wanted later answers what was wanted before, but not the other way round.
#[tokio::test]
async fn of_two_moments_the_later_one_stays() {
    let stores = Stores::start().await;
    let (early, late) = (due(1, NOW), due(1, NOW.plus_seconds(60)));
    let all = async || {
        stores
            .table
            .out_of_turn(NOW.plus_seconds(900))
            .await
            .unwrap()
    };

    for postponed in [&early, &late, &early] {
        stores
            .table
            .postpone(std::slice::from_ref(postponed))
            .await
            .unwrap();
    }
    assert_eq!(all().await, std::slice::from_ref(&late));
    stores.table.drop_out_of_turn(&early).await.unwrap();
    assert_eq!(all().await, std::slice::from_ref(&late));
    stores.table.drop_out_of_turn(&late).await.unwrap();
    assert_eq!(all().await, []);
}

#[tokio::test]
async fn a_check_out_of_turn_is_taken_by_one_until_its_time_is_over() {
    let stores = Stores::start().await;
    let wanted = due(1, NOW);
    let until = NOW.plus_seconds(55);
    stores
        .table
        .postpone(std::slice::from_ref(&wanted))
        .await
        .unwrap();
    let take = async |at: Timestamp| {
        let until = at.plus_seconds(55);
        stores
            .table
            .take_out_of_turn(&wanted, at, until)
            .await
            .unwrap()
    };

    let together = join_all((0..8).map(|_| take(NOW))).await;
    assert_eq!(together.iter().filter(|taken| **taken).count(), 1);
    assert!(!take(until.plus_seconds(-1)).await);
    assert!(take(until).await);
    // It is wanted anew, and that nobody has taken yet.
    stores
        .table
        .postpone(std::slice::from_ref(&wanted))
        .await
        .unwrap();
    assert!(take(until).await);
    // What is not on the list is the caller's, and does not come onto it that way.
    stores.table.drop_out_of_turn(&wanted).await.unwrap();
    assert!(take(until).await);
    assert_eq!(stores.table.out_of_turn(until).await.unwrap(), []);
}

#[tokio::test]
async fn the_wheel_follows_what_the_row_says() {
    let stores = Stores::start().await;
    let new = connection(tenant(1), 1);
    let member = (new.tenant, new.id);
    let slot = |minutes| Slot::of(new.id, minutes);
    let places = async |at: Timestamp| {
        let mut periods = Vec::new();
        for minutes in [1, 5, 10] {
            if stores
                .table
                .slot(slot(minutes), at)
                .await
                .unwrap()
                .contains(&member)
            {
                periods.push(minutes);
            }
        }
        let wanted = stores.table.out_of_turn(at).await.unwrap();
        (periods, wanted.iter().map(|due| due.at).collect::<Vec<_>>())
    };

    let hidden = new.with_work(Some(Work::Provision), NOW);
    stores.add(&hidden).await;
    assert_eq!(places(NOW).await, (vec![], vec![]));

    let visible = hidden.with_work(None, NOW);
    stores
        .table
        .replace(&hidden, &visible, None, NOW)
        .await
        .unwrap();
    assert_eq!(places(NOW).await, (vec![5], vec![NOW]));

    let mut slower = next(&visible);
    slower.check_interval = CheckInterval::try_from(600).unwrap();
    let later = NOW.plus_seconds(60);
    stores
        .table
        .replace(&visible, &slower, None, later)
        .await
        .unwrap();
    assert_eq!(places(later).await, (vec![10], vec![later]));

    let mut renamed = next(&slower);
    renamed.name = name("renamed");
    stores
        .table
        .replace(&slower, &renamed, None, later.plus_seconds(9))
        .await
        .unwrap();
    assert_eq!(places(later.plus_seconds(9)).await, (vec![10], vec![later]));

    let mut disabled = next(&renamed);
    disabled.enabled = false;
    stores
        .table
        .replace(&renamed, &disabled, None, later)
        .await
        .unwrap();
    assert_eq!(places(later).await, (vec![], vec![]));

    let mut enabled = next(&disabled);
    enabled.enabled = true;
    stores
        .table
        .replace(&disabled, &enabled, None, later)
        .await
        .unwrap();
    assert_eq!(places(later).await, (vec![10], vec![later]));

    stores.table.remove(&enabled).await.unwrap();
    assert_eq!(places(later).await, (vec![], vec![]));
}
