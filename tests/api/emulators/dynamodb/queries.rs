//! Queries, scans and pages.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{Database, TABLE, item, key, n, s, with};

/// Twelve items: five orders, then seven users; every third is open, and every one is in the second index.
async fn seeded() -> Database {
    let database = Database::start().await;
    let puts: Vec<_> = (0..12)
        .map(|i| {
            let kind = if i < 5 { "ORD" } else { "USR" };
            let mut item = item(
                "Q#1",
                &format!("{kind}#{i:03}"),
                json!({
                    "i": n(i), "payload": s("p"), "kind": s(kind),
                    "gsi2pk": s("ALL"), "gsi2sk": s(&format!("{i:03}")),
                }),
            );
            if i % 3 == 0 {
                item = with(
                    item,
                    json!({ "gsi1pk": s("OPEN"), "gsi1sk": s(&format!("2026-{i:03}")) }),
                );
            }
            json!({ "PutRequest": { "Item": item } })
        })
        .collect();
    let answer = database
        .call("BatchWriteItem", json!({ "RequestItems": { TABLE: puts } }))
        .await
        .unwrap();
    assert_eq!(answer["UnprocessedItems"], json!({}));
    database
}

fn orders(more: Value) -> Value {
    let values = json!({ ":s": s("ORD#") });
    let base = json!({
        "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
        "ExpressionAttributeValues": values,
    });
    with(base, more)
}

fn open(more: Value) -> Value {
    with(
        json!({ "IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :p" }),
        more,
    )
}

#[tokio::test]
async fn a_batch_of_writes_is_there_at_once() {
    let database = seeded().await;
    assert_eq!(database.query("Q#1", json!({})).await["Count"], 12);
}

#[tokio::test]
async fn pages_have_as_many_items_as_were_asked_for() {
    let database = seeded().await;
    let mut pages = Vec::new();
    let mut more = json!({ "Limit": 2 });
    loop {
        let mut page = database.query("Q#1", orders(more)).await;
        pages.push(page["Count"].as_u64().unwrap());
        let last = page["LastEvaluatedKey"].take();
        if last.is_null() || pages.len() > 9 {
            break;
        }
        more = json!({ "Limit": 2, "ExclusiveStartKey": last });
    }
    assert_eq!(pages, [2, 2, 1]);
}

/// DynamoDB does not look ahead: a page that ends with the last item has a key all the same.
#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one() {
    let database = seeded().await;
    let mut first = database.query("Q#1", orders(json!({ "Limit": 5 }))).await;
    assert_eq!(first["Count"], 5);
    let last = first["LastEvaluatedKey"].take();
    assert!(last.is_object());
    let second = database
        .query(
            "Q#1",
            orders(json!({ "Limit": 5, "ExclusiveStartKey": last })),
        )
        .await;
    assert_eq!(
        (&second["Count"], second.get("LastEvaluatedKey")),
        (&json!(0), None)
    );
}

#[tokio::test]
async fn the_paginator_of_the_sdk_finds_every_item() {
    let database = seeded().await;
    let items = database
        .client()
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :p")
        .expression_attribute_values(":p", AttributeValue::S("Q#1".to_owned()))
        .limit(5)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .unwrap();
    assert_eq!(items.len(), 12);
}

#[tokio::test]
async fn a_range_is_read_backwards_and_cut_down_to_what_was_asked() {
    let database = seeded().await;
    let more = json!({
        "KeyConditionExpression": "pk = :p AND sk BETWEEN :a AND :b",
        "ExpressionAttributeValues": { ":a": s("ORD#001"), ":b": s("ORD#003") },
        "ScanIndexForward": false,
        "ProjectionExpression": "i",
    });
    let found = database.query("Q#1", more).await;
    assert_eq!(
        found["Items"],
        json!([{ "i": n(3) }, { "i": n(2) }, { "i": n(1) }])
    );
}

#[tokio::test]
async fn a_limit_counts_before_the_filter() {
    let database = seeded().await;
    let more = json!({
        "FilterExpression": "i >= :x",
        "ExpressionAttributeValues": { ":x": n(10) },
        "Limit": 4,
    });
    let found = database.query("Q#1", more).await;
    assert_eq!(
        (&found["ScannedCount"], &found["Count"]),
        (&json!(4), &json!(0))
    );
    assert!(found["LastEvaluatedKey"].is_object());
}

#[tokio::test]
async fn filters_know_their_functions() {
    let database = seeded().await;
    let more = json!({
        "FilterExpression": "contains(kind, :o) AND size(payload) = :one AND attribute_type(i, :t) \
                             AND i IN (:a, :b) AND NOT attribute_exists(nope)",
        "ExpressionAttributeValues": { ":o": s("ORD"), ":one": n(1), ":t": s("N"), ":a": n(1), ":b": n(7) },
    });
    assert_eq!(database.query("Q#1", more).await["Count"], 1);
}

#[tokio::test]
async fn items_can_be_counted_and_keys_cannot_be_filtered() {
    let database = seeded().await;
    let counted = database.query("Q#1", json!({ "Select": "COUNT" })).await;
    assert_eq!(
        (&counted["Count"], counted.get("Items")),
        (&json!(12), None)
    );
    let body = json!({
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :p",
        "FilterExpression": "sk = :p",
        "ExpressionAttributeValues": { ":p": s("Q#1") },
    });
    assert_eq!(database.refusal("Query", body).await, "ValidationException");
}

#[tokio::test]
async fn a_query_names_one_partition() {
    let database = seeded().await;
    let body = json!({
        "TableName": TABLE,
        "KeyConditionExpression": "sk = :p",
        "ExpressionAttributeValues": { ":p": s("Q#1") },
    });
    assert_eq!(database.refusal("Query", body).await, "ValidationException");
}

#[tokio::test]
async fn a_sparse_index_has_only_the_items_with_its_keys() {
    let database = seeded().await;
    assert_eq!(database.query("OPEN", open(json!({}))).await["Count"], 4);
    let mut page = database.query("OPEN", open(json!({ "Limit": 2 }))).await;
    let last = page["LastEvaluatedKey"].take();
    assert_eq!(
        last.as_object().unwrap().len(),
        4,
        "the keys of the index and of the table"
    );
    let rest = database
        .query("OPEN", open(json!({ "ExclusiveStartKey": last })))
        .await;
    assert_eq!(rest["Count"], 2);
}

#[tokio::test]
async fn an_item_leaves_an_index_when_it_loses_its_key() {
    let database = seeded().await;
    let body = json!({
        "TableName": TABLE,
        "Key": key("Q#1", "ORD#000"),
        "UpdateExpression": "REMOVE gsi1pk, gsi1sk",
    });
    database.call("UpdateItem", body).await.unwrap();
    assert_eq!(database.query("OPEN", open(json!({}))).await["Count"], 3);
}

#[tokio::test]
async fn an_index_of_keys_has_nothing_else_and_an_index_can_be_scanned() {
    let database = seeded().await;
    let more = json!({ "IndexName": "gsi2", "KeyConditionExpression": "gsi2pk = :p" });
    let found = database.query("ALL", more).await;
    assert_eq!(found["Count"], 12);
    let names: HashSet<_> = found["Items"][0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, HashSet::from(["pk", "sk", "gsi2pk", "gsi2sk"]));
    let scanned = database
        .call("Scan", json!({ "TableName": TABLE, "IndexName": "gsi1" }))
        .await
        .unwrap();
    assert_eq!(scanned["Count"], 4);
}

async fn query_is_invalid(more: Value) {
    let base = json!({
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": { ":p": s("Q#1") },
    });
    assert_eq!(
        seeded().await.refusal("Query", with(base, more)).await,
        "ValidationException"
    );
}

#[tokio::test]
async fn an_index_is_never_read_consistently() {
    query_is_invalid(open(json!({ "ConsistentRead": true }))).await;
}

#[tokio::test]
async fn a_start_key_must_be_whole() {
    query_is_invalid(json!({ "ExclusiveStartKey": { "pk": s("Q#1") } })).await;
}

#[tokio::test]
async fn a_start_key_must_be_of_the_partition() {
    query_is_invalid(json!({ "ExclusiveStartKey": key("OTHER", "ORD#001") })).await;
}

#[tokio::test]
async fn a_page_ends_at_a_megabyte() {
    let database = Database::start().await;
    for i in 0..30 {
        let filler = json!({ "d": s(&"x".repeat(50 * 1024)) });
        database.put(item("MB#1", &format!("{i:03}"), filler)).await;
    }
    let page = database.query("MB#1", json!({})).await;
    assert!(page["LastEvaluatedKey"].is_object());
    assert!(
        (1..30).contains(&page["Count"].as_u64().unwrap()),
        "{}",
        page["Count"]
    );
}

#[tokio::test]
async fn the_segments_of_a_parallel_scan_have_every_item_once() {
    let database = seeded().await;
    let mut seen = Vec::new();
    for segment in 0..4 {
        let mut start = Value::Null;
        loop {
            let mut body =
                json!({ "TableName": TABLE, "Segment": segment, "TotalSegments": 4, "Limit": 2 });
            if !start.is_null() {
                body["ExclusiveStartKey"] = start;
            }
            let mut page = database.call("Scan", body).await.unwrap();
            seen.extend(
                page["Items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["sk"].to_string()),
            );
            start = page["LastEvaluatedKey"].take();
            if start.is_null() {
                break;
            }
        }
    }
    assert_eq!(seen.len(), 12);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 12);
}
