//! Pages of the list.

use futures::{StreamExt as _, stream};
use shared::{
    connection::{Connection, ConnectionId, Work},
    health::Health,
    ports::{Connections as _, Registrations as _, Results as _},
    tenant::TenantId,
};

use super::{Check, NOW, Stores, connection, contract, tenant, tool};

/// All ids from page to page, and how many pages there were.
async fn walk(stores: &Stores, tenant: TenantId, limit: usize) -> (Vec<ConnectionId>, usize) {
    let (mut ids, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = stores
            .table
            .connections(tenant, after, limit)
            .await
            .unwrap();
        assert!(page.items.len() <= limit, "{} of {limit}", page.items.len());
        ids.extend(page.items.iter().map(|listing| listing.connection.id));
        pages += 1;
        assert!(
            page.next.is_none() || page.next > after,
            "no progress after {after:?}"
        );
        after = page.next;
        if after.is_none() {
            return (ids, pages);
        }
    }
}

/// Some with a contract and some without, some that nobody may see, and a neighbour on either side: whatever the limit, each is seen once.
#[tokio::test]
async fn a_thousand_connections_are_each_on_one_page() {
    let stores = Stores::start().await;
    let rows: Vec<_> = (0..1000)
        .map(|n| {
            let row = Connection {
                enabled: false,
                ..connection(tenant(5), n)
            };
            match n % 7 {
                3 => row.with_work(Some(Work::Provision), NOW),
                _ => row,
            }
        })
        .collect();
    for neighbour in [4, 6] {
        stores.add(&connection(tenant(neighbour), 1)).await;
    }
    stream::iter(&rows)
        .for_each_concurrent(8, |row| stores.add(row))
        .await;
    let offered = contract("hello", vec![tool("a", 10)]);
    for row in rows.iter().filter(|row| row.is_visible()).step_by(10) {
        let check = Check::of(&Health::unknown(0), NOW, None);
        let checked = check.checked(row, Some(&offered));
        stores.table.store_result(&checked).await.unwrap();
    }
    let mut expected: Vec<_> = rows
        .iter()
        .filter(|row| row.is_visible())
        .map(|row| row.id)
        .collect();
    expected.sort();

    for limit in [1, 100, 857, 5000] {
        let (found, pages) = walk(&stores, tenant(5), limit).await;
        assert_eq!(found, expected, "limit {limit}");
        assert!(
            pages <= 1 + 1000_usize.div_ceil(limit),
            "{pages} pages of {limit}"
        );
    }
    let (found, pages) = walk(&stores, tenant(9), 10).await;
    assert_eq!((found, pages), (vec![], 1));
}

/// A page has room for a megabyte, so it can end anywhere, also between two items of one connection.
#[tokio::test]
async fn a_page_that_ends_early_loses_nothing() {
    let stores = Stores::start().await;
    let rows: Vec<_> = (0..40).map(|n| connection(tenant(1), n)).collect();
    for (row, kilobytes) in rows.iter().zip((0..64).cycle().map(|n| n * 37 % 65)) {
        stores.add(row).await;
        let offered = contract(&"x".repeat(kilobytes * 1024), vec![]);
        let check = Check::of(&Health::unknown(0), NOW, None);
        let checked = check.checked(row, Some(&offered));
        stores.table.store_result(&checked).await.unwrap();
    }
    let expected: Vec<_> = rows.iter().map(|row| row.id).collect();

    let (found, pages) = walk(&stores, tenant(1), 100).await;

    assert_eq!(found, expected);
    assert!(
        pages > 1,
        "the page did not end early, so nothing was tried"
    );
    for limit in [1, 2, 3, 5, 8, 13, 21, 34] {
        assert_eq!(
            walk(&stores, tenant(1), limit).await.0,
            expected,
            "limit {limit}"
        );
    }
    let listing = stores
        .table
        .connection(tenant(1), rows[1].id)
        .await
        .unwrap();
    let instructions = listing.contract.and_then(|contract| contract.instructions);
    assert_eq!(instructions.map(|text| text.len()), Some(37 * 1024));
}

#[tokio::test]
async fn who_adds_sees_it_in_the_list_at_once() {
    let stores = Stores::start().await;
    for n in 0..20 {
        let row = connection(tenant(1), n);
        stores.add(&row).await;
        let page = stores
            .table
            .connections(tenant(1), None, 100)
            .await
            .unwrap();
        assert_eq!(page.items.len() as u64, n + 1);
        assert_eq!(page.next, None);
        if n % 2 == 1 {
            continue;
        }
        let renamed = super::next(&row);
        stores
            .table
            .replace(&row, &renamed, None, NOW)
            .await
            .unwrap();
        let page = stores
            .table
            .connections(tenant(1), None, 100)
            .await
            .unwrap();
        assert_eq!(
            page.items.last().map(|listing| &listing.connection),
            Some(&renamed)
        );
    }
}
