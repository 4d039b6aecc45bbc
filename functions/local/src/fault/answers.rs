//! The failures, spelled as the services spell them.

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::seen::{SeenRequest, Service};
use crate::server::{self, Response};

const DYNAMODB_JSON: &str = "application/x-amz-json-1.0";
const SECRETS_JSON: &str = "application/x-amz-json-1.1";

pub fn throttled(service: Service, account: bool) -> Response {
    match (service, account) {
        (Service::DynamoDb, false) => failure(
            service,
            "ProvisionedThroughputExceededException",
            json!({ "message": "The level of configured provisioned throughput for the table was exceeded." }),
        ),
        _ => failure(
            service,
            "ThrottlingException",
            json!({ "message": "Rate exceeded" }),
        ),
    }
}

/// A transaction is told about each of its items, everything else only that there was a conflict.
pub fn conflict(seen: &SeenRequest) -> Response {
    const REASON: &str = "Transaction is ongoing for the item";
    if seen.service != Service::DynamoDb {
        return does_not_apply(seen);
    }
    let Some(items) = seen.body["TransactItems"].as_array() else {
        return failure(
            seen.service,
            "TransactionConflictException",
            json!({ "message": REASON }),
        );
    };
    let codes = vec!["TransactionConflict"; items.len()].join(", ");
    let reasons = vec![json!({ "Code": "TransactionConflict", "Message": REASON }); items.len()];
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    );
    let body = json!({ "Message": message, "CancellationReasons": reasons });
    failure(seen.service, "TransactionCanceledException", body)
}

/// The first `done` requests of a batch, if that is any, and the rest. `None` when the request is no batch.
pub fn split_batch(seen: &SeenRequest, done: usize) -> Option<(Option<Json>, Json)> {
    let (mut part, mut left) = (Map::new(), Map::new());
    let mut remaining = done;
    for (table, requests) in seen.body.get("RequestItems")?.as_object()? {
        // Writes are a list, reads a list of keys among settings that both parts need.
        let list = requests
            .as_array()
            .or_else(|| requests.get("Keys")?.as_array())?;
        let (now, later) = list.split_at(remaining.min(list.len()));
        remaining -= now.len();
        for (target, list) in [(&mut part, now), (&mut left, later)] {
            if !list.is_empty() {
                let mut requests = requests.clone();
                match requests.get_mut("Keys") {
                    Some(keys) => *keys = json!(list),
                    None => requests = json!(list),
                }
                target.insert(table.clone(), requests);
            }
        }
    }
    let forwarded = (!part.is_empty()).then(|| {
        let mut body = seen.body.clone();
        body["RequestItems"] = Json::Object(part);
        body
    });
    Some((forwarded, Json::Object(left)))
}

/// The answer to the part that was done, with what was left besides.
pub fn with_unprocessed(seen: &SeenRequest, answer: Json, left: Json) -> Response {
    let mut answer = if answer.is_object() {
        answer
    } else {
        json!({})
    };
    if seen.operation == "BatchGetItem" {
        answer["UnprocessedKeys"] = left;
        if answer.get("Responses").is_none() {
            answer["Responses"] = json!({});
        }
    } else {
        answer["UnprocessedItems"] = left;
    }
    server::answer(StatusCode::OK, DYNAMODB_JSON, answer.to_string())
}

/// A plan that makes no sense fails the test loudly: no SDK knows this error, and none tries again.
pub fn does_not_apply(seen: &SeenRequest) -> Response {
    let message = format!("the planned fault cannot happen to {}", seen.operation);
    failure(
        seen.service,
        "FaultDoesNotApply",
        json!({ "message": message }),
    )
}

fn failure(service: Service, code: &str, mut body: Json) -> Response {
    let (content_type, code) = match service {
        Service::DynamoDb => (
            DYNAMODB_JSON,
            format!("com.amazonaws.dynamodb.v20120810#{code}"),
        ),
        Service::SecretsManager | Service::Other => (SECRETS_JSON, code.to_owned()),
    };
    body["__type"] = json!(code);
    server::answer(StatusCode::BAD_REQUEST, content_type, body.to_string())
}
