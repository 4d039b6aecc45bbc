//! Writes of one item: conditions, update expressions, and what cannot be stored.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_json::{Value, json};

use super::{Database, TABLE, item, key, n, s, with};

/// An update of the item that the checks below begin with.
fn update(expression: &str, values: Value) -> Value {
    json!({
        "TableName": TABLE,
        "Key": key("T#1", "META"),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": values,
    })
}

async fn database() -> Database {
    let database = Database::start().await;
    database
        .put(item("T#1", "META", json!({ "v": n(1) })))
        .await;
    database
}

/// Through the SDK, which must find the old item in the error.
#[tokio::test]
async fn put_if_absent_fails_the_second_time_with_the_item_that_was_there() {
    let database = Database::start().await;
    let client = database.client();
    let put = || {
        client
            .put_item()
            .table_name(TABLE)
            .item("pk", AttributeValue::S("T#1".to_owned()))
            .item("sk", AttributeValue::S("META".to_owned()))
            .item("v", AttributeValue::N("1".to_owned()))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put().await.unwrap();
    match put().await.unwrap_err().into_service_error() {
        PutItemError::ConditionalCheckFailedException(failed) => {
            assert_eq!(
                failed.item().unwrap()["v"],
                AttributeValue::N("1".to_owned())
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_update_sets_appends_adds_and_removes_at_once() {
    let database = database().await;
    let expression = "SET #s = if_not_exists(#s, :init), #l = list_append(if_not_exists(#l, :none), :one), \
                      v = v + :inc REMOVE gone ADD hits :inc, marks :set";
    let values = json!({
        ":init": s("active"), ":none": { "L": [] }, ":one": { "L": [s("e1")] }, ":inc": n(1),
        ":set": { "SS": ["x", "y"] }, ":expected": n(1),
    });
    let more = json!({
        "ConditionExpression": "v = :expected",
        "ExpressionAttributeNames": { "#s": "status", "#l": "log" },
        "ReturnValues": "ALL_NEW",
    });
    let answer = database
        .call("UpdateItem", with(update(expression, values), more))
        .await
        .unwrap();
    let new = &answer["Attributes"];
    assert_eq!(
        (&new["v"], &new["hits"], &new["status"]),
        (&n(2), &n(1), &s("active"))
    );
    assert_eq!(new["log"], json!({ "L": [s("e1")] }));
    assert_eq!(new["marks"]["SS"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_update_of_an_old_version_fails_and_shows_the_item() {
    let database = database().await;
    let more = json!({
        "ConditionExpression": "v = :old",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let body = with(
        update("SET v = :new", json!({ ":new": n(9), ":old": n(7) })),
        more,
    );
    let refused = database.call("UpdateItem", body).await.unwrap_err();
    assert_eq!(refused.code, "ConditionalCheckFailedException");
    assert_eq!(refused.body["Item"]["v"], n(1));
}

#[tokio::test]
async fn an_update_can_answer_just_what_it_touched() {
    let database = database().await;
    let ask = |value, which: &str| {
        let body = with(
            update("SET zz = :v", json!({ ":v": n(value) })),
            json!({ "ReturnValues": which }),
        );
        database.call("UpdateItem", body)
    };
    assert_eq!(
        ask(9, "UPDATED_NEW").await.unwrap()["Attributes"],
        json!({ "zz": n(9) })
    );
    assert_eq!(
        ask(8, "UPDATED_OLD").await.unwrap()["Attributes"],
        json!({ "zz": n(9) })
    );
}

#[tokio::test]
async fn a_delete_keeps_to_its_condition_and_can_answer_what_it_took() {
    let database = database().await;
    let delete = |version| {
        json!({
            "TableName": TABLE,
            "Key": key("T#1", "META"),
            "ConditionExpression": "v = :v",
            "ExpressionAttributeValues": { ":v": n(version) },
            "ReturnValues": "ALL_OLD",
        })
    };
    assert_eq!(
        database.refusal("DeleteItem", delete(77)).await,
        "ConditionalCheckFailedException"
    );
    assert_eq!(
        database.call("DeleteItem", delete(1)).await.unwrap()["Attributes"]["v"],
        n(1)
    );
    assert_eq!(database.get("T#1", "META").await, Value::Null);
}

async fn update_is_invalid(expression: &str, values: Value) {
    let refusal = database()
        .await
        .refusal("UpdateItem", update(expression, values))
        .await;
    assert_eq!(refusal, "ValidationException");
}

#[tokio::test]
async fn a_key_cannot_be_changed() {
    update_is_invalid("SET sk = :v", json!({ ":v": s("x") })).await;
}

#[tokio::test]
async fn a_reserved_word_needs_a_placeholder() {
    update_is_invalid("SET status = :v", json!({ ":v": s("x") })).await;
}

#[tokio::test]
async fn a_value_that_no_expression_uses_is_a_mistake() {
    update_is_invalid("SET q = :v", json!({ ":v": s("x"), ":unused": s("x") })).await;
}

#[tokio::test]
async fn paths_of_an_update_must_not_overlap() {
    update_is_invalid("SET q = :v REMOVE q", json!({ ":v": s("x") })).await;
}

#[tokio::test]
async fn nothing_can_be_set_inside_a_map_that_is_not_there() {
    update_is_invalid("SET nomap.b = :v", json!({ ":v": s("x") })).await;
}

async fn item_is_invalid(item: Value) {
    let body = json!({ "TableName": TABLE, "Item": item });
    assert_eq!(
        database().await.refusal("PutItem", body).await,
        "ValidationException"
    );
}

#[tokio::test]
async fn a_key_is_not_empty() {
    item_is_invalid(key("", "x")).await;
}

#[tokio::test]
async fn a_key_of_an_index_is_neither_empty_nor_of_another_type() {
    item_is_invalid(item(
        "T#1",
        "BAD",
        json!({ "gsi1pk": s(""), "gsi1sk": s("x") }),
    ))
    .await;
    item_is_invalid(item(
        "T#1",
        "BAD",
        json!({ "gsi1pk": n(5), "gsi1sk": s("x") }),
    ))
    .await;
}

#[tokio::test]
async fn an_item_has_400_kilobytes_at_most() {
    item_is_invalid(item(
        "T#1",
        "BIG",
        json!({ "d": s(&"x".repeat(410 * 1024)) }),
    ))
    .await;
}

#[tokio::test]
async fn numbers_come_back_in_their_shortest_form() {
    let database = database().await;
    database
        .put(item("T#1", "NUM", json!({ "a": n("1.50"), "b": n("007") })))
        .await;
    let found = database.get("T#1", "NUM").await;
    assert_eq!((&found["a"], &found["b"]), (&n("1.5"), &n("7")));
}

#[tokio::test]
async fn the_capacity_that_an_index_takes_is_told() {
    let database = database().await;
    let body = json!({
        "TableName": TABLE,
        "Item": item("T#1", "CAP", json!({ "gsi1pk": s("CAP"), "gsi1sk": s("CAP") })),
        "ReturnConsumedCapacity": "INDEXES",
    });
    let answer = database.call("PutItem", body).await.unwrap();
    let indexes = answer["ConsumedCapacity"]["GlobalSecondaryIndexes"]
        .as_object()
        .unwrap();
    assert!(
        indexes.contains_key("gsi1") && !indexes.contains_key("gsi2"),
        "{indexes:?}"
    );
}
