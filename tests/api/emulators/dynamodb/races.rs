//! What many callers at once must not break.

use futures::future::join_all;
use serde_json::json;

use super::transactions::{put, transaction};
use super::{Database, TABLE, key, n};

#[tokio::test]
async fn fifty_additions_at_once_all_count() {
    let database = Database::start().await;
    let add = || {
        database.call(
            "UpdateItem",
            json!({
                "TableName": TABLE,
                "Key": key("C#1", "CTR"),
                "UpdateExpression": "ADD c :one",
                "ExpressionAttributeValues": { ":one": n(1) },
            }),
        )
    };
    let answers = join_all((0..50).map(|_| add())).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(database.get("C#1", "CTR").await["c"], n(50));
}

#[tokio::test]
async fn of_twenty_who_want_a_name_one_gets_it_and_the_others_leave_nothing() {
    let database = Database::start().await;
    let absent = Some("attribute_not_exists(pk)");
    let claim = |i: usize| {
        let items = [
            put("UNIQ", "name", absent),
            put("UNIQ", &format!("user{i}"), absent),
        ];
        database.call("TransactWriteItems", transaction(&items))
    };
    let answers = join_all((0..20).map(claim)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(
        answers
            .into_iter()
            .filter_map(Result::err)
            .all(|refused| refused.code == "TransactionCanceledException")
    );
    assert_eq!(database.query("UNIQ", json!({})).await["Count"], 2);
}
