//! Callers who change or remove the same connection.

use futures::future::{join, join_all};
use harness::stack::TestStack;
use http::Method;
use serde_json::{Value, json};

use super::{
    CONNECTIONS, MANY, NOWHERE, assert_nothing_left_over, count, secrets, statuses,
    the_current_value, until_not_busy,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_saw_the_same_version_exactly_one_may_change_it() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = stack.register_bearer("seen", NOWHERE, "token").await;
    let path = format!("{CONNECTIONS}/{id}");
    for round in 0..10 {
        let seen = api.get(&path).await;
        let tag = seen
            .header("etag")
            .expect("a connection has a version")
            .to_owned();
        let changes: Vec<Value> = (0..MANY)
            .map(|n| {
                // Some of them replace the credential, which takes three steps instead of one.
                if round % 2 == 1 && n % 4 == 0 {
                    json!({ "bearerToken": format!("token-{round}-{n}") })
                } else {
                    json!({ "name": format!("change {round} {n}") })
                }
            })
            .collect();
        let headers = [("if-match", tag.as_str())];
        let answers = join_all(
            changes
                .iter()
                .map(|body| api.send(Method::PATCH, &path, &headers, Some(body))),
        )
        .await;
        assert_eq!(count(&answers, 200, ""), 1, "{:?}", statuses(&answers));
        let refused = count(&answers, 412, "version_mismatch") + count(&answers, 409, "busy");
        assert_eq!(refused, MANY - 1, "{:?}", statuses(&answers));
        if round % 2 == 0 {
            assert_eq!(
                count(&answers, 412, ""),
                MANY - 1,
                "{:?}",
                statuses(&answers)
            );
        }

        let winner = answers
            .iter()
            .position(|answer| answer.status == 200)
            .expect("one won");
        let after = api.get(&path).await;
        assert_eq!(after.header("etag"), answers[winner].header("etag"));
        assert_ne!(after.header("etag"), Some(tag.as_str()));
        match changes[winner]["bearerToken"].as_str() {
            Some(token) => assert_eq!(the_current_value(&stack), token),
            None => assert_eq!(after.json()["name"], changes[winner]["name"]),
        }
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_different_callers_are_all_kept() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..10 {
        let id = stack
            .register_bearer(&format!("shared {round}"), NOWHERE, "old")
            .await;
        let path = format!("{CONNECTIONS}/{id}");
        let changes = [
            json!({ "name": format!("renamed {round}") }),
            json!({ "serverUrl": "http://127.0.0.1:9/elsewhere" }),
            json!({ "enabled": false }),
            json!({ "checkIntervalSeconds": 900 }),
            json!({ "bearerToken": format!("new-{round}") }),
        ];
        let answers = join_all(
            changes
                .iter()
                .map(|body| until_not_busy(&api, Method::PATCH, &path, Some(body))),
        )
        .await;
        assert_eq!(count(&answers, 200, ""), changes.len(), "{answers:?}");

        let after = api.get(&path).await;
        assert_eq!(
            after.header("etag"),
            Some("\"6\""),
            "each change is a version of its own"
        );
        let after = after.json();
        assert_eq!(after["name"], format!("renamed {round}"));
        assert_eq!(after["serverUrl"], "http://127.0.0.1:9/elsewhere");
        assert_eq!(after["enabled"], false);
        assert_eq!(after["checkIntervalSeconds"], 900);
        assert_eq!(the_current_value(&stack), format!("new-{round}"));
        assert_eq!(api.delete(&path).await.status, 204);
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_removed_during_a_change_leaves_nothing() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..20 {
        let id = stack.register_bearer("fleeting", NOWHERE, "old").await;
        let path = format!("{CONNECTIONS}/{id}");
        let change = if round % 2 == 0 {
            json!({ "name": "renamed" })
        } else {
            json!({ "bearerToken": "new", "serverUrl": "http://127.0.0.1:10/mcp" })
        };
        let (removed, changed) = join(
            until_not_busy(&api, Method::DELETE, &path, None),
            until_not_busy(&api, Method::PATCH, &path, Some(&change)),
        )
        .await;
        assert_eq!(removed.status, 204, "{removed:?}");
        assert!(matches!(changed.status, 200 | 404), "{changed:?}");
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(secrets(&stack), vec![]);

        // Both names are free again.
        for name in ["fleeting", "renamed"] {
            let id = stack.register_open(name, NOWHERE).await;
            assert_eq!(api.delete(&format!("{CONNECTIONS}/{id}")).await.status, 204);
        }
    }
    assert_nothing_left_over(&stack).await;
}
