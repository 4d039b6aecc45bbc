//! What is remembered of past checks.

use shared::{health::Health, history::Sample, ports::Connections as _, verdict::Reason};

use super::{Check, NOW, Stores, connection, tenant};

#[tokio::test]
async fn incidents_begin_and_end_and_the_newest_comes_first() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let mut health = Health::unknown(0);
    let outages = [
        Reason::ConnectRefused,
        Reason::DnsFailure,
        Reason::HttpError,
    ];
    for (n, reason) in (0_i64..).zip(outages) {
        for (second, reason) in [
            (0, Some(reason)),
            (1, Some(reason)),
            (2, Some(reason)),
            (3, None),
            (4, None),
        ] {
            let check = Check::of(&health, NOW.plus_seconds(n * 100 + second), reason);
            stores.store(&row, &check).await;
            health = check.after;
        }
    }
    let check = Check::of(
        &health,
        NOW.plus_seconds(900),
        Some(Reason::CredentialRejected),
    );
    stores.store(&row, &check).await;

    let incidents = stores.table.incidents(row.tenant, row.id, 3).await.unwrap();

    let seconds: Vec<_> = incidents
        .iter()
        .map(|incident| {
            let since = |at: shared::timestamp::Timestamp| at.millis_since(NOW) / 1000;
            (
                since(incident.started_at),
                incident.ended_at.map(since),
                incident.reason,
            )
        })
        .collect();
    assert_eq!(
        seconds,
        [
            (900, None, Some(Reason::CredentialRejected)),
            (200, Some(204), Some(Reason::HttpError)),
            (100, Some(104), Some(Reason::DnsFailure)),
        ]
    );
}

#[tokio::test]
async fn samples_are_found_by_time_newest_first() {
    let stores = Stores::start().await;
    let row = connection(tenant(1), 1);
    stores.add(&row).await;
    let mut health = Health::unknown(0);
    let mut stored: Vec<Sample> = Vec::new();
    for minute in (0..300).step_by(7) {
        let check = Check::of(&health, NOW.plus_seconds(minute * 60), None);
        stores.store(&row, &check).await;
        health = check.after;
        stored.push(check.sample);
    }
    stored.reverse();
    let (tenant, id) = (row.tenant, row.id);
    let at = |minute: i64| NOW.plus_seconds(minute * 60);
    for (since, before, limit) in [
        (0, 1000, 1000),
        (0, 1000, 5),
        (50, 200, 1000),
        (0, 14, 100),
        (14, 15, 100),
        (294, 294, 10),
        (500, 900, 10),
    ] {
        let found = stores
            .table
            .samples(tenant, id, at(since), at(before), limit)
            .await
            .unwrap();
        let expected: Vec<_> = stored
            .iter()
            .filter(|sample| (at(since)..at(before)).contains(&sample.at))
            .take(limit)
            .cloned()
            .collect();
        assert_eq!(found, expected, "from {since} to {before}, at most {limit}");
    }
}
