//! Callers who want the same name, or send the same request.

use futures::future::join_all;
use harness::{
    client::{Answer, Client},
    stack::{TestStack, id_of},
};
use http::Method;
use serde_json::{Value, json};

use super::{
    CONNECTIONS, MANY, NOWHERE, assert_nothing_left_over, bearer, count, secrets, statuses,
};

async fn create_with_key(api: &Client, key: &str, body: &Value) -> Answer {
    api.send(
        Method::POST,
        CONNECTIONS,
        &[("idempotency-key", key)],
        Some(body),
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_name_exactly_one_gets_it() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..20 {
        let name = format!("wanted {round}");
        let body = if round % 4 == 0 {
            bearer(&name, NOWHERE, "token")
        } else {
            json!({ "name": name, "serverUrl": NOWHERE, "authType": "none" })
        };
        let answers = join_all((0..MANY).map(|_| api.post(CONNECTIONS, &body))).await;
        assert_eq!(count(&answers, 201, ""), 1, "{:?}", statuses(&answers));
        assert_eq!(
            count(&answers, 409, "name_taken"),
            MANY - 1,
            "{:?}",
            statuses(&answers)
        );
    }
    let all = api.get(CONNECTIONS).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(20));
    assert_eq!(secrets(&stack).len(), 5);
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_many_times_at_once_is_one_connection() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..5 {
        let key = format!("key {round}");
        let body = bearer(&format!("once {round}"), NOWHERE, "token");
        let answers = join_all((0..MANY).map(|_| create_with_key(&api, &key, &body))).await;
        assert_eq!(count(&answers, 201, ""), MANY, "{:?}", statuses(&answers));
        let first = &answers[0];
        for answer in &answers {
            assert_eq!(answer.json(), first.json());
            assert_eq!(answer.header("location"), first.header("location"));
        }
        let read = stack.read(&id_of(&first.json())).await;
        assert_eq!(read["hasCredential"], true);
    }
    let secrets = secrets(&stack);
    assert_eq!(secrets.len(), 5);
    for (name, values) in secrets {
        assert_eq!(values.len(), 1, "{name}");
        assert_eq!(values[0].0, "token");
    }
    assert_nothing_left_over(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_for_two_requests_serves_the_first_of_them() {
    let stack = TestStack::start().await;
    let api = stack.api();
    for round in 0..5 {
        let key = format!("key {round}");
        let bodies =
            ["left", "right"].map(|side| bearer(&format!("{side} {round}"), NOWHERE, "token"));
        let answers =
            join_all((0..MANY).map(|n| create_with_key(&api, &key, &bodies[n % 2]))).await;
        let (left, right): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .enumerate()
            .partition(|(n, _)| n % 2 == 0);
        let [left, right] = [left, right].map(|side| {
            side.into_iter()
                .map(|(_, answer)| answer)
                .collect::<Vec<_>>()
        });
        let (served, refused) = if left[0].status == 201 {
            (left, right)
        } else {
            (right, left)
        };
        assert_eq!(count(&served, 201, ""), MANY / 2, "{:?}", statuses(&served));
        assert_eq!(
            count(&refused, 422, "idempotency_key_reused"),
            MANY / 2,
            "{:?}",
            statuses(&refused)
        );
    }
    let all = api.get(CONNECTIONS).await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(5));
    assert_eq!(secrets(&stack).len(), 5);
    assert_nothing_left_over(&stack).await;
}
