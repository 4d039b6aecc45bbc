//! The layer between a plain HTTP client and the real emulators.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::dynamodb::DynamoDb;
use crate::secrets_manager::SecretsManager;

struct Running {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    layer: Arc<FaultLayer>,
}

impl Running {
    async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let layer = Arc::new(FaultLayer::new(upstream));
        tokio::spawn(Arc::clone(&layer).serve(listener, std::future::pending()));
        Self {
            url,
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            layer,
        }
    }

    async fn before_dynamodb() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let database = DynamoDb::memory().unwrap();
        tokio::spawn(async move { database.serve(listener, std::future::pending()).await });
        let running = Self::before(upstream).await;
        let table = json!({
            "TableName": "Things",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "PK", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "PK", "KeyType": "HASH" }],
        });
        running
            .call("DynamoDB_20120810.CreateTable", table)
            .await
            .unwrap();
        running.layer.forget();
        running
    }

    async fn before_secrets() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let manager = Arc::new(SecretsManager::open(None).unwrap());
        tokio::spawn(manager.serve(listener, std::future::pending()));
        Self::before(upstream).await
    }

    /// The status and the body, or `None` when the connection closed without an answer.
    async fn call(&self, target: &str, body: Json) -> Option<(u16, Json)> {
        let request = http::Request::post(&self.url)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20261122T071627Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=ID1/20261122/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    async fn put(&self, key: &str) -> Option<(u16, Json)> {
        let body = json!({ "TableName": "Things", "Item": { "PK": { "S": key } } });
        self.call("DynamoDB_20120810.PutItem", body).await
    }

    async fn keys(&self) -> usize {
        self.layer.clear_plan();
        let (_, found) = self
            .call("DynamoDB_20120810.Scan", json!({ "TableName": "Things" }))
            .await
            .unwrap();
        found["Count"].as_u64().unwrap().try_into().unwrap()
    }

    fn always(&self, fault: Fault) {
        self.layer.set_plan(move |_| fault);
    }
}

fn code(answer: Option<(u16, Json)>) -> String {
    let (status, body) = answer.unwrap();
    let code = body["__type"].as_str().unwrap_or_default();
    format!("{status} {}", code.rsplit('#').next().unwrap())
}

#[tokio::test]
async fn requests_pass_and_are_noted_with_their_sender() {
    let running = Running::before_dynamodb().await;
    assert_eq!(running.put("a").await.unwrap().0, 200);
    assert_eq!(running.put("b").await.unwrap().0, 200);
    let seen = running.layer.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[1].number, seen[1].access_key_id.as_deref()),
        (1, Some("ID1"))
    );
    assert_eq!(
        (seen[1].service, seen[1].operation.as_str()),
        (Service::DynamoDb, "PutItem")
    );
    assert_eq!(
        (
            seen[1].accesses[0].name.as_str(),
            &seen[1].body["Item"]["PK"]["S"]
        ),
        ("Things", &json!("b"))
    );
    assert_eq!(running.keys().await, 2);
}

#[tokio::test]
async fn a_plan_sees_each_request_and_refuses_those_it_names() {
    let running = Running::before_dynamodb().await;
    running.layer.set_plan(|seen| match seen.number {
        0 => Fault::Throttle,
        1 => Fault::ThrottleAccount,
        2 => Fault::Conflict,
        _ => Fault::Pass,
    });
    assert_eq!(
        code(running.put("a").await),
        "400 ProvisionedThroughputExceededException"
    );
    assert_eq!(code(running.put("a").await), "400 ThrottlingException");
    assert_eq!(
        code(running.put("a").await),
        "400 TransactionConflictException"
    );
    assert_eq!(running.put("a").await.unwrap().0, 200);
    assert_eq!(running.keys().await, 1);
}

#[tokio::test]
async fn a_conflict_in_a_transaction_names_every_item() {
    let running = Running::before_dynamodb().await;
    running.always(Fault::Conflict);
    let put =
        |key: &str| json!({ "Put": { "TableName": "Things", "Item": { "PK": { "S": key } } } });
    let body = json!({ "TransactItems": [put("a"), put("b"), put("c")] });
    let (status, answer) = running
        .call("DynamoDB_20120810.TransactWriteItems", body)
        .await
        .unwrap();
    assert_eq!(status, 400);
    let reasons = answer["CancellationReasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 3);
    assert!(
        reasons
            .iter()
            .all(|reason| reason["Code"] == "TransactionConflict")
    );
    assert_eq!(running.keys().await, 0);
}

#[tokio::test]
async fn a_batch_is_done_in_part() {
    let running = Running::before_dynamodb().await;
    let put = |key: &str| json!({ "PutRequest": { "Item": { "PK": { "S": key } } } });
    let batch = json!({ "RequestItems": { "Things": [put("a"), put("b"), put("c")] } });
    for (done, left, stored) in [(0, 3, 0), (2, 1, 2), (9, 0, 3)] {
        running.always(Fault::Unprocessed { done });
        let (status, answer) = running
            .call("DynamoDB_20120810.BatchWriteItem", batch.clone())
            .await
            .unwrap();
        let unprocessed = answer["UnprocessedItems"]["Things"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!((status, unprocessed), (200, left));
        assert_eq!(running.keys().await, stored);
    }

    running.always(Fault::Unprocessed { done: 1 });
    let keys = json!({ "RequestItems": { "Things": { "Keys": [{ "PK": { "S": "a" } }, { "PK": { "S": "b" } }] } } });
    let (_, answer) = running
        .call("DynamoDB_20120810.BatchGetItem", keys)
        .await
        .unwrap();
    assert_eq!(
        answer["Responses"]["Things"],
        json!([{ "PK": { "S": "a" } }])
    );
    assert_eq!(
        answer["UnprocessedKeys"]["Things"]["Keys"],
        json!([{ "PK": { "S": "b" } }])
    );
    assert_eq!(code(running.put("d").await), "400 FaultDoesNotApply");
}

#[tokio::test]
async fn a_lost_answer_is_of_a_request_that_was_done() {
    let running = Running::before_dynamodb().await;
    running.always(Fault::LoseAnswer);
    assert_eq!(running.put("a").await, None);
    assert_eq!(running.keys().await, 1);
}

#[tokio::test]
async fn a_crash_comes_before_or_after_and_is_told() {
    let running = Running::before_dynamodb().await;
    let mut crashes = running.layer.crashes();
    for (fault, stored) in [(Fault::CrashBefore, 0), (Fault::CrashAfter, 1)] {
        running.always(fault);
        tokio::select! {
            answer = running.put("a") => panic!("{answer:?}"),
            changed = crashes.changed() => changed.unwrap(),
            () = tokio::time::sleep(Duration::from_secs(10)) => panic!("no crash was told"),
        }
        assert_eq!(running.keys().await, stored);
    }
    assert_eq!(*crashes.borrow(), 2);
}

#[tokio::test]
async fn secrets_manager_throttles_under_its_own_name() {
    let running = Running::before_secrets().await;
    running.always(Fault::Throttle);
    let create = json!({ "Name": "a" });
    assert_eq!(
        code(
            running
                .call("secretsmanager.CreateSecret", create.clone())
                .await
        ),
        "400 ThrottlingException"
    );
    running.always(Fault::Conflict);
    assert_eq!(
        code(
            running
                .call("secretsmanager.CreateSecret", create.clone())
                .await
        ),
        "400 FaultDoesNotApply"
    );
    running.layer.clear_plan();
    assert_eq!(
        running
            .call("secretsmanager.CreateSecret", create)
            .await
            .unwrap()
            .1["Name"],
        "a"
    );
    assert_eq!(
        running.layer.seen()[2].accesses[0].action,
        "secretsmanager:CreateSecret"
    );
}
