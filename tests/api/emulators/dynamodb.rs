//! DynamoDB: a table with two indexes and everything switched on, and what is promised of it.

mod batches;
mod queries;
mod races;
mod streams;
mod tables;
mod transactions;
mod writes;

use local::dynamodb::DynamoDb;
use serde_json::{Value, json};

use super::{Service, listener, sdk};

const TABLE: &str = "main";

/// A database of its own with the table in it.
struct Database {
    service: Service,
}

impl std::ops::Deref for Database {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Database {
    async fn start() -> Self {
        let (listener, address) = listener().await;
        let dynamodb = DynamoDb::memory().unwrap();
        tokio::spawn(async move { dynamodb.serve(listener, std::future::pending()).await });
        let service = Service {
            address,
            target: "DynamoDB_20120810",
            content_type: "application/x-amz-json-1.0",
        };
        let database = Self { service };
        database.call("CreateTable", definition()).await.unwrap();
        database
    }

    fn client(&self) -> aws_sdk_dynamodb::Client {
        sdk(&self.address).dynamodb()
    }

    async fn put(&self, item: Value) {
        self.call("PutItem", json!({ "TableName": TABLE, "Item": item }))
            .await
            .unwrap();
    }

    /// The item, or null.
    async fn get(&self, pk: &str, sk: &str) -> Value {
        let body = json!({ "TableName": TABLE, "Key": key(pk, sk), "ConsistentRead": true });
        self.call("GetItem", body).await.unwrap()["Item"].take()
    }

    /// A query on the partition, with more in the request.
    async fn query(&self, pk: &str, more: Value) -> Value {
        let base = json!({
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": { ":p": s(pk) },
        });
        self.call("Query", with(base, more)).await.unwrap()
    }
}

fn definition() -> Value {
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let index = |name: &str, projection: &str| {
        json!({
            "IndexName": name,
            "KeySchema": [key(&format!("{name}pk"), "HASH"), key(&format!("{name}sk"), "RANGE")],
            "Projection": { "ProjectionType": projection },
        })
    };
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"];
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes.map(|name| json!({ "AttributeName": name, "AttributeType": "S" })),
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "GlobalSecondaryIndexes": [index("gsi1", "ALL"), index("gsi2", "KEYS_ONLY")],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        "SSESpecification": { "Enabled": true, "SSEType": "KMS" },
        "DeletionProtectionEnabled": true,
        "Tags": [{ "Key": "env", "Value": "test" }],
    })
}

fn s(text: &str) -> Value {
    json!({ "S": text })
}

fn n(number: impl ToString) -> Value {
    json!({ "N": number.to_string() })
}

fn key(pk: &str, sk: &str) -> Value {
    json!({ "pk": s(pk), "sk": s(sk) })
}

/// An item with this key and these attributes.
fn item(pk: &str, sk: &str, attributes: Value) -> Value {
    with(key(pk, sk), attributes)
}

/// One object over another, one level deep except for the values of expressions, which are merged.
fn with(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match (name.as_str(), base.get_mut(name)) {
            ("ExpressionAttributeValues", Some(known)) => {
                *known = with(known.take(), value.clone())
            }
            _ => base[name] = value.clone(),
        }
    }
    base
}
