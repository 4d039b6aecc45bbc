//! The stream of changes, which has a client of its own in the SDK and therefore is read in the wire format.

use serde_json::{Value, json};

use super::{Database, TABLE, item, key, n};

const STREAMS: &str = "DynamoDBStreams_20120810";

#[tokio::test]
async fn a_stream_tells_inserts_changes_and_removals_with_their_images() {
    let database = Database::start().await;
    database.put(item("ST", "1", json!({ "v": n(1) }))).await;
    let update = json!({
        "TableName": TABLE,
        "Key": key("ST", "1"),
        "UpdateExpression": "SET v = :v",
        "ExpressionAttributeValues": { ":v": n(2) },
    });
    database.call("UpdateItem", update).await.unwrap();
    database
        .call(
            "DeleteItem",
            json!({ "TableName": TABLE, "Key": key("ST", "1") }),
        )
        .await
        .unwrap();

    let described = database
        .call("DescribeTable", json!({ "TableName": TABLE }))
        .await
        .unwrap();
    let arn = &described["Table"]["LatestStreamArn"];
    let stream = database
        .call_as(STREAMS, "DescribeStream", json!({ "StreamArn": arn }))
        .await
        .unwrap();
    let mut changes = Vec::new();
    for shard in stream["StreamDescription"]["Shards"].as_array().unwrap() {
        let from = json!({
            "StreamArn": arn,
            "ShardId": shard["ShardId"],
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator = database
            .call_as(STREAMS, "GetShardIterator", from)
            .await
            .unwrap();
        changes.extend(records(&database, iterator["ShardIterator"].clone()).await);
    }
    let expected = json!([
        { "event": "INSERT", "new": n(1), "old": null },
        { "event": "MODIFY", "new": n(2), "old": n(1) },
        { "event": "REMOVE", "new": null, "old": n(2) },
    ]);
    assert_eq!(Value::Array(changes), expected);
}

/// What is in a shard from here on, until it has nothing more to say.
async fn records(database: &Database, mut iterator: Value) -> Vec<Value> {
    let mut changes = Vec::new();
    while iterator.is_string() {
        let mut page = database
            .call_as(STREAMS, "GetRecords", json!({ "ShardIterator": iterator }))
            .await
            .unwrap();
        let records = page["Records"].as_array().unwrap();
        if records.is_empty() {
            break;
        }
        changes.extend(records.iter().map(|record| {
            let images = &record["dynamodb"];
            json!({
                "event": record["eventName"],
                "new": images["NewImage"]["v"],
                "old": images["OldImage"]["v"],
            })
        }));
        iterator = page["NextShardIterator"].take();
    }
    changes
}
