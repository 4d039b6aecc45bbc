//! Batches.

use serde_json::{Value, json};

use super::{Database, TABLE, key};

#[tokio::test]
async fn a_batch_writes_25_items_at_most_and_none_twice() {
    let database = Database::start().await;
    let put = |i: usize| json!({ "PutRequest": { "Item": key("B#1", &i.to_string()) } });
    let batch = |puts: Vec<Value>| json!({ "RequestItems": { TABLE: puts } });
    let refused = database
        .refusal("BatchWriteItem", batch((0..26).map(put).collect()))
        .await;
    assert_eq!(refused, "ValidationException");
    let refused = database
        .refusal("BatchWriteItem", batch(vec![put(1), put(1)]))
        .await;
    assert_eq!(refused, "ValidationException");
    database
        .call("BatchWriteItem", batch((0..25).map(put).collect()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_batch_reads_what_is_there_of_100_keys_at_most_and_none_twice() {
    let database = Database::start().await;
    database.put(key("B#1", "1")).await;
    database.put(key("B#1", "2")).await;
    let batch = |keys: Vec<Value>| json!({ "RequestItems": { TABLE: { "Keys": keys, "ConsistentRead": true } } });
    let found = batch(vec![key("B#1", "1"), key("no", "no"), key("B#1", "2")]);
    let found = database.call("BatchGetItem", found).await.unwrap();
    assert_eq!(found["Responses"][TABLE].as_array().unwrap().len(), 2);
    let twice = batch(vec![key("a", "a"), key("a", "a")]);
    assert_eq!(
        database.refusal("BatchGetItem", twice).await,
        "ValidationException"
    );
    let many = batch((0..101).map(|i| key("a", &i.to_string())).collect());
    assert_eq!(
        database.refusal("BatchGetItem", many).await,
        "ValidationException"
    );
}
