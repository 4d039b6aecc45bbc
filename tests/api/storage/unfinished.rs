//! What the sweeper finds.

use shared::{
    connection::Work,
    ports::{Registrations as _, Unsettled},
};

use super::{NOW, Stores, connection, tenant};

#[tokio::test]
async fn unfinished_work_is_found_oldest_first_and_only_while_it_lasts() {
    let stores = Stores::start().await;
    let mut rows = Vec::new();
    for n in 0..5_i64 {
        let since = NOW.plus_seconds(-100 * n);
        let row = connection(tenant(u128::from(n.unsigned_abs() % 2)), n.unsigned_abs())
            .with_work(Some(Work::Discard), since);
        stores.add(&row).await;
        rows.push(row);
    }
    stores.add(&connection(tenant(1), 9)).await;
    let ids = |rows: &[&shared::connection::Connection]| {
        rows.iter()
            .map(|row| (row.tenant, Unsettled::Connection(row.id)))
            .collect::<Vec<_>>()
    };

    let found = stores.table.unfinished(NOW, 10).await.unwrap();
    assert_eq!(found, ids(&[&rows[4], &rows[3], &rows[2], &rows[1]]));
    let found = stores.table.unfinished(NOW, 2).await.unwrap();
    assert_eq!(found, ids(&[&rows[4], &rows[3]]));

    let done = rows[4].with_work(None, NOW);
    stores
        .table
        .replace(&rows[4], &done, None, NOW)
        .await
        .unwrap();
    let found = stores.table.unfinished(NOW, 1).await.unwrap();
    assert_eq!(found, ids(&[&rows[3]]));
}
