//! Transactions: all or nothing, and why nothing.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Database, TABLE, item, key, n, s};

pub fn put(pk: &str, sk: &str, condition: Option<&str>) -> Value {
    let mut put = json!({ "TableName": TABLE, "Item": item(pk, sk, json!({ "v": n(1) })) });
    if let Some(condition) = condition {
        put["ConditionExpression"] = json!(condition);
    }
    json!({ "Put": put })
}

fn count_up(pk: &str, sk: &str) -> Value {
    let update = json!({
        "TableName": TABLE,
        "Key": key(pk, sk),
        "UpdateExpression": "ADD c :one",
        "ExpressionAttributeValues": { ":one": n(1) },
    });
    json!({ "Update": update })
}

pub fn transaction(items: &[Value]) -> Value {
    json!({ "TransactItems": items })
}

#[tokio::test]
async fn puts_updates_deletes_and_checks_happen_together() {
    let database = Database::start().await;
    database.put(key("X#1", "CHK")).await;
    database.put(key("X#1", "DEL")).await;
    let there = "attribute_exists(pk)";
    let delete =
        json!({ "TableName": TABLE, "Key": key("X#1", "DEL"), "ConditionExpression": there });
    let check =
        json!({ "TableName": TABLE, "Key": key("X#1", "CHK"), "ConditionExpression": there });
    let all = [
        put("X#1", "A", Some("attribute_not_exists(pk)")),
        count_up("X#1", "CTR"),
        json!({ "Delete": delete }),
        json!({ "ConditionCheck": check }),
    ];
    database
        .call("TransactWriteItems", transaction(&all))
        .await
        .unwrap();
    assert_eq!(database.get("X#1", "A").await["v"], n(1));
    assert_eq!(database.get("X#1", "CTR").await["c"], n(1));
    assert_eq!(database.get("X#1", "DEL").await, Value::Null);
}

/// Through the SDK, which must find a reason for each item, and the old item where it was asked for.
#[tokio::test]
async fn one_failed_condition_cancels_all_and_each_item_has_its_reason() {
    let database = Database::start().await;
    database.put(item("X#1", "A", json!({ "v": n(1) }))).await;
    let put = |sk: &str, condition: Option<&str>| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", AttributeValue::S("X#1".to_owned()))
            .item("sk", AttributeValue::S(sk.to_owned()))
            .set_condition_expression(condition.map(str::to_owned))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder()
            .put(put.build().unwrap())
            .build()
    };
    let cancelled = database
        .client()
        .transact_write_items()
        .transact_items(put("B", None))
        .transact_items(put("A", Some("attribute_not_exists(pk)")))
        .send()
        .await
        .unwrap_err();
    match cancelled.into_service_error() {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons();
            let codes: Vec<_> = reasons
                .iter()
                .map(|reason| reason.code().unwrap())
                .collect();
            assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
            assert_eq!(
                reasons[1].item().unwrap()["v"],
                AttributeValue::N("1".to_owned())
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(database.get("X#1", "B").await, Value::Null);
}

#[tokio::test]
async fn an_item_is_in_a_transaction_once() {
    let database = Database::start().await;
    let twice = transaction(&[put("X#1", "B", None), put("X#1", "B", None)]);
    assert_eq!(
        database.refusal("TransactWriteItems", twice).await,
        "ValidationException"
    );
}

#[tokio::test]
async fn a_transaction_has_a_hundred_items_at_most() {
    let database = Database::start().await;
    let items: Vec<_> = (0..101).map(|i| put("X#1", &i.to_string(), None)).collect();
    let refused = database
        .refusal("TransactWriteItems", transaction(&items))
        .await;
    assert_eq!(refused, "ValidationException");
    database
        .call("TransactWriteItems", transaction(&items[..100]))
        .await
        .unwrap();
    assert_eq!(database.query("X#1", json!({})).await["Count"], 100);
}

#[tokio::test]
async fn a_token_makes_a_transaction_happen_once() {
    let database = Database::start().await;
    let token = Uuid::from_u128(7).to_string();
    let with_token =
        |pk: &str| json!({ "ClientRequestToken": token, "TransactItems": [count_up(pk, "IDEM")] });
    database
        .call("TransactWriteItems", with_token("X#1"))
        .await
        .unwrap();
    database
        .call("TransactWriteItems", with_token("X#1"))
        .await
        .unwrap();
    assert_eq!(database.get("X#1", "IDEM").await["c"], n(1));
    let refused = database
        .refusal("TransactWriteItems", with_token("X#2"))
        .await;
    assert_eq!(refused, "IdempotentParameterMismatchException");
}

#[tokio::test]
async fn reads_of_a_transaction_keep_their_places() {
    let database = Database::start().await;
    database.put(key("X#1", "A")).await;
    let get = |sk: &str| json!({ "Get": { "TableName": TABLE, "Key": key("X#1", sk) } });
    let found = database
        .call("TransactGetItems", transaction(&[get("A"), get("missing")]))
        .await
        .unwrap();
    assert_eq!(found["Responses"].as_array().unwrap().len(), 2);
    assert_eq!(found["Responses"][0]["Item"], key("X#1", "A"));
    assert_eq!(found["Responses"][1].get("Item"), None);
}

#[tokio::test]
async fn an_update_that_does_not_fit_its_item_cancels_with_a_validation_error() {
    let database = Database::start().await;
    database
        .put(item("T#1", "META", json!({ "c": s("text") })))
        .await;
    let refused = database
        .call(
            "TransactWriteItems",
            transaction(&[count_up("T#1", "META")]),
        )
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "TransactionCanceledException");
    assert_eq!(
        refused.body["CancellationReasons"][0]["Code"],
        "ValidationError"
    );
}
