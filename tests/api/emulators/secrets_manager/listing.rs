//! Lists, filters, pages and batches.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use serde_json::{Value, json};

use super::{Manager, id};

/// Three secrets under one prefix, one of them without a value, and one elsewhere.
async fn seeded() -> Manager {
    let manager = Manager::start().await;
    manager.create("tenant/db", "v1", 1).await;
    manager
        .call("CreateSecret", json!({ "Name": "tenant/empty" }))
        .await
        .unwrap();
    let binary =
        json!({ "Name": "tenant/bin", "SecretBinary": "AAH/", "ClientRequestToken": id(2) });
    manager.call("CreateSecret", binary).await.unwrap();
    manager.create("other", "v1", 3).await;
    manager
}

fn filter(key: &str, value: &str) -> Value {
    json!({ "Key": key, "Values": [value] })
}

impl Manager {
    async fn names(&self, filters: &[Value]) -> Vec<String> {
        let listed = self
            .call("ListSecrets", json!({ "Filters": filters }))
            .await
            .unwrap();
        let mut names: Vec<_> = listed["SecretList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|secret| secret["Name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_list_is_filtered_by_prefix_negation_and_tag() {
    let manager = seeded().await;
    let prefix = filter("name", "tenant/");
    assert_eq!(
        manager.names(std::slice::from_ref(&prefix)).await,
        ["tenant/bin", "tenant/db", "tenant/empty"]
    );
    let but = filter("name", "!tenant/db");
    assert_eq!(
        manager.names(&[prefix, but]).await,
        ["tenant/bin", "tenant/empty"]
    );
    assert_eq!(
        manager.names(&[filter("tag-key", "tenant")]).await,
        ["other", "tenant/db"]
    );
    assert_eq!(
        manager
            .names(&[filter("tag-value", "t1"), filter("name", "o")])
            .await,
        ["other"]
    );
    assert!(manager.names(&[filter("tag-value", "t2")]).await.is_empty());
}

/// Through the SDK's paginator.
#[tokio::test]
async fn pages_of_one_have_every_secret_once() {
    let manager = seeded().await;
    let prefix = Filter::builder()
        .key(FilterNameStringType::Name)
        .values("tenant/")
        .build();
    let pages = manager
        .client()
        .list_secrets()
        .filters(prefix)
        .max_results(1)
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .unwrap();
    let mut names = Vec::new();
    for page in &pages {
        assert_eq!(page.secret_list().len(), 1);
        names.extend(
            page.secret_list()
                .iter()
                .map(|secret| secret.name().unwrap().to_owned()),
        );
    }
    names.sort();
    assert_eq!(names, ["tenant/bin", "tenant/db", "tenant/empty"]);
}

#[tokio::test]
async fn a_batch_has_values_and_a_reason_for_each_that_it_has_not() {
    let manager = seeded().await;
    let ids = ["tenant/db", "tenant/bin", "nope"]
        .map(str::to_owned)
        .to_vec();
    let batch = manager
        .client()
        .batch_get_secret_value()
        .set_secret_id_list(Some(ids))
        .send()
        .await
        .unwrap();
    assert_eq!(batch.secret_values().len(), 2);
    assert_eq!(batch.errors().len(), 1);
    assert_eq!(batch.errors()[0].secret_id(), Some("nope"));
    assert_eq!(
        batch.errors()[0].error_code(),
        Some("ResourceNotFoundException")
    );
}

#[tokio::test]
async fn a_batch_by_filter_has_the_values_of_those_that_have_one() {
    let manager = seeded().await;
    let body = json!({ "Filters": [filter("name", "tenant/")] });
    let batch = manager.call("BatchGetSecretValue", body).await.unwrap();
    assert_eq!(batch["SecretValues"].as_array().unwrap().len(), 2);
    assert_eq!(batch["Errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_has_twenty_secrets_at_most() {
    let manager = seeded().await;
    let ids = |count: usize| json!({ "SecretIdList": vec!["tenant/db"; count] });
    assert_eq!(
        manager.refusal("BatchGetSecretValue", ids(21)).await,
        "ValidationException"
    );
    manager.call("BatchGetSecretValue", ids(20)).await.unwrap();
}

#[tokio::test]
async fn a_list_hides_what_is_to_be_deleted_unless_asked() {
    let manager = seeded().await;
    let delete = json!({ "SecretId": "other", "RecoveryWindowInDays": 7 });
    manager.call("DeleteSecret", delete).await.unwrap();
    assert!(manager.names(&[filter("name", "other")]).await.is_empty());
    let body = json!({ "Filters": [filter("name", "other")], "IncludePlannedDeletion": true });
    let planned = manager.call("ListSecrets", body).await.unwrap();
    let planned = planned["SecretList"].as_array().unwrap();
    assert_eq!(planned.len(), 1);
    assert!(planned[0]["DeletedDate"].is_number());
}
