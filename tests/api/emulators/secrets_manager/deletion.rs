//! Deletion, in days or at once, and the way back.

use serde_json::json;

use super::{Manager, creation, new_value};

/// A secret that will be gone in a week.
async fn marked() -> Manager {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    manager
        .call(
            "DeleteSecret",
            json!({ "SecretId": "db", "RecoveryWindowInDays": 7 }),
        )
        .await
        .unwrap();
    manager
}

#[tokio::test]
async fn a_deletion_tells_when_it_will_be() {
    let manager = Manager::start().await;
    let created = manager.create("db", "v1", 1).await;
    let described = manager
        .call("DescribeSecret", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    let now = described["CreatedDate"].as_f64().unwrap();
    let body = json!({ "SecretId": "db", "RecoveryWindowInDays": 7 });
    let deleted = manager.call("DeleteSecret", body).await.unwrap();
    assert_eq!(deleted["ARN"], created["ARN"]);
    let days = (deleted["DeletionDate"].as_f64().unwrap() - now) / 86_400.0;
    assert!((6.99..7.01).contains(&days), "{days}");
}

#[tokio::test]
async fn what_is_marked_cannot_be_read() {
    assert_eq!(
        marked().await.missing("db").await,
        "InvalidRequestException"
    );
}

#[tokio::test]
async fn what_is_marked_takes_no_new_value() {
    let refused = marked()
        .await
        .refusal("PutSecretValue", new_value("db", "v2", 2))
        .await;
    assert_eq!(refused, "InvalidRequestException");
}

#[tokio::test]
async fn what_is_marked_keeps_its_name() {
    let refused = marked()
        .await
        .refusal("CreateSecret", creation("db", "v2", 2))
        .await;
    assert_eq!(refused, "InvalidRequestException");
}

#[tokio::test]
async fn what_is_marked_can_be_had_back() {
    let manager = marked().await;
    manager
        .call("RestoreSecret", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v1");
}

#[tokio::test]
async fn a_window_has_7_to_30_days_and_does_not_go_with_force() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    for body in [
        json!({ "SecretId": "db", "RecoveryWindowInDays": 3 }),
        json!({ "SecretId": "db", "RecoveryWindowInDays": 31 }),
        json!({ "SecretId": "db", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true }),
    ] {
        assert_eq!(
            manager.refusal("DeleteSecret", body).await,
            "InvalidParameterException"
        );
    }
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v1");
}

#[tokio::test]
async fn a_forced_deletion_is_at_once_and_can_be_repeated_and_frees_the_name() {
    let manager = marked().await;
    let force = json!({ "SecretId": "db", "ForceDeleteWithoutRecovery": true });
    let deleted = manager.call("DeleteSecret", force.clone()).await.unwrap();
    assert_eq!(manager.missing("db").await, "ResourceNotFoundException");
    manager.call("DeleteSecret", force).await.unwrap();
    let again = manager.create("db", "again", 2).await;
    assert_ne!(
        again["ARN"], deleted["ARN"],
        "a right to the old secret must not cover the new one"
    );
    assert_eq!(manager.value("db", "AWSCURRENT").await, "again");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted_without_force() {
    let manager = Manager::start().await;
    let refused = manager
        .refusal("DeleteSecret", json!({ "SecretId": "never" }))
        .await;
    assert_eq!(refused, "ResourceNotFoundException");
}
