//! A request on its way to an emulator: who sent it, and which rights AWS would have asked for.

use http::HeaderMap;
use http::request::Parts;
use serde_json::Value as Json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    SecretsManager,
    Other,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SeenRequest {
    /// How many came before it.
    pub number: usize,
    pub service: Service,
    /// Without the service: `PutItem`, `GetSecretValue`.
    pub operation: String,
    /// Whose credentials signed it. Tests give each function its own and so know who asked.
    pub access_key_id: Option<String>,
    /// Everything that the request touches.
    pub accesses: Vec<Access>,
    /// `Null` when it is not JSON.
    pub body: Json,
}

/// One thing that a request does to one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The right that IAM wants for it: `dynamodb:PutItem`. A transaction wants those of its parts, a batch its own.
    pub action: String,
    /// What is done to the item: `PutItem` in a batch or a transaction too; else the operation.
    pub kind: String,
    /// The table, or the id under which the secret was asked for.
    pub name: String,
    pub index: Option<String>,
}

impl SeenRequest {
    pub fn read(head: &Parts, body: &[u8]) -> Self {
        let target = text(&head.headers, "x-amz-target").unwrap_or_default();
        let (prefix, operation) = target.split_once('.').unwrap_or_default();
        let service = match prefix {
            "DynamoDB_20120810" => Service::DynamoDb,
            "secretsmanager" => Service::SecretsManager,
            _ => Service::Other,
        };
        let body = serde_json::from_slice(body).unwrap_or_default();
        let accesses = match service {
            Service::DynamoDb => table_accesses(operation, &body),
            Service::SecretsManager => secret_accesses(operation, &body),
            Service::Other => Vec::new(),
        };
        Self {
            number: 0,
            service,
            operation: operation.to_owned(),
            access_key_id: access_key_id(&head.headers),
            accesses,
            body,
        }
    }
}

fn table_accesses(operation: &str, body: &Json) -> Vec<Access> {
    let access = |action: &str, kind: &str, at: &Json| {
        Some(Access {
            action: format!("dynamodb:{action}"),
            kind: kind.to_owned(),
            name: at["TableName"].as_str()?.to_owned(),
            index: at["IndexName"].as_str().map(str::to_owned),
        })
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = body["TransactItems"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_object)
                .flatten();
            parts
                .filter_map(|(part, item)| {
                    let kind = if part == "ConditionCheck" {
                        "ConditionCheckItem".to_owned()
                    } else {
                        format!("{part}Item")
                    };
                    access(&kind, &kind, item)
                })
                .collect()
        }
        "BatchWriteItem" | "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let batch = |kind: &str, table: &String| Access {
                action: format!("dynamodb:{operation}"),
                kind: kind.to_owned(),
                name: table.clone(),
                index: None,
            };
            tables
                .flat_map(|(table, requests)| match requests.as_array() {
                    Some(writes) => writes
                        .iter()
                        .map(|write| {
                            let kind = if write.get("PutRequest").is_some() {
                                "PutItem"
                            } else {
                                "DeleteItem"
                            };
                            batch(kind, table)
                        })
                        .collect(),
                    None => {
                        let keys = requests["Keys"].as_array().map_or(0, Vec::len);
                        vec![batch("GetItem", table); keys]
                    }
                })
                .collect()
        }
        _ => access(operation, operation, body).into_iter().collect(),
    }
}

fn secret_accesses(operation: &str, body: &Json) -> Vec<Access> {
    let access = |action: &str, id: &Json| {
        Some(Access {
            action: format!("secretsmanager:{action}"),
            kind: operation.to_owned(),
            name: id.as_str()?.to_owned(),
            index: None,
        })
    };
    if let Some(ids) = body["SecretIdList"].as_array() {
        // A batch wants its own right as well as that to each value.
        let values = ids.iter().filter_map(|id| access("GetSecretValue", id));
        return ids
            .iter()
            .filter_map(|id| access(operation, id))
            .chain(values)
            .collect();
    }
    let id = if operation == "CreateSecret" {
        &body["Name"]
    } else {
        &body["SecretId"]
    };
    // To create a secret with tags is to tag it.
    let tags =
        operation == "CreateSecret" && body["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
    let tagging = tags.then(|| access("TagResource", id)).flatten();
    access(operation, id).into_iter().chain(tagging).collect()
}

/// From `AWS4-HMAC-SHA256 Credential=<access key id>/<date>/<region>/<service>/aws4_request, ..`.
fn access_key_id(headers: &HeaderMap) -> Option<String> {
    let (_, credential) = text(headers, "authorization")?.split_once("Credential=")?;
    let (id, _) = credential.split_once('/')?;
    Some(id.to_owned())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accesses(service: &str, operation: &str, body: &Json) -> Vec<String> {
        let accesses = match service {
            "dynamodb" => table_accesses(operation, body),
            _ => secret_accesses(operation, body),
        };
        let line = |access: &Access| {
            let index = access
                .index
                .as_deref()
                .map(|index| format!("/{index}"))
                .unwrap_or_default();
            format!("{} {} {}{index}", access.action, access.kind, access.name)
        };
        accesses.iter().map(line).collect()
    }

    #[test]
    fn every_table_and_index_that_a_request_touches_is_named() {
        let on = |operation, body: Json| accesses("dynamodb", operation, &body);
        assert_eq!(
            on("GetItem", json!({ "TableName": "T" })),
            ["dynamodb:GetItem GetItem T"]
        );
        assert_eq!(
            on("Query", json!({ "TableName": "T", "IndexName": "i" })),
            ["dynamodb:Query Query T/i"]
        );
        let transaction = json!({ "TransactItems": [
            { "Put": { "TableName": "A" } }, { "Update": { "TableName": "B" } },
            { "Delete": { "TableName": "C" } }, { "ConditionCheck": { "TableName": "D" } },
        ] });
        assert_eq!(
            on("TransactWriteItems", transaction),
            [
                "dynamodb:PutItem PutItem A",
                "dynamodb:UpdateItem UpdateItem B",
                "dynamodb:DeleteItem DeleteItem C",
                "dynamodb:ConditionCheckItem ConditionCheckItem D",
            ]
        );
        let reads = json!({ "TransactItems": [{ "Get": { "TableName": "A" } }] });
        assert_eq!(
            on("TransactGetItems", reads),
            ["dynamodb:GetItem GetItem A"]
        );
        let writes =
            json!({ "RequestItems": { "A": [{ "PutRequest": {} }, { "DeleteRequest": {} }] } });
        assert_eq!(
            on("BatchWriteItem", writes),
            [
                "dynamodb:BatchWriteItem PutItem A",
                "dynamodb:BatchWriteItem DeleteItem A"
            ]
        );
        let keys = json!({ "RequestItems": { "A": { "Keys": [{}, {}] } } });
        assert_eq!(
            on("BatchGetItem", keys),
            vec!["dynamodb:BatchGetItem GetItem A"; 2]
        );
        assert!(on("TransactWriteItems", json!({ "TransactItems": "odd" })).is_empty());
    }

    #[test]
    fn every_secret_that_a_request_touches_is_named() {
        let on = |operation, body: Json| accesses("secretsmanager", operation, &body);
        assert_eq!(
            on("CreateSecret", json!({ "Name": "a", "Tags": [{}] })),
            [
                "secretsmanager:CreateSecret CreateSecret a",
                "secretsmanager:TagResource CreateSecret a"
            ]
        );
        assert_eq!(on("CreateSecret", json!({ "Name": "a" })).len(), 1);
        assert_eq!(
            on("DeleteSecret", json!({ "SecretId": "a" })),
            ["secretsmanager:DeleteSecret DeleteSecret a"]
        );
        assert_eq!(
            on("BatchGetSecretValue", json!({ "SecretIdList": ["a", "b"] })).len(),
            4
        );
        assert!(on("ListSecrets", json!({})).is_empty());
    }
}
