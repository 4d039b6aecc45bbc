//! Tables and their settings.

use serde_json::json;

use super::{Database, TABLE, definition, key};

#[tokio::test]
async fn a_new_table_is_active_with_its_indexes_and_settings() {
    let database = Database::start().await;
    let described = database
        .call("DescribeTable", json!({ "TableName": TABLE }))
        .await
        .unwrap();
    let table = &described["Table"];
    assert_eq!(table["TableStatus"], "ACTIVE");
    let indexes = table["GlobalSecondaryIndexes"].as_array().unwrap();
    assert_eq!(indexes.len(), 2);
    assert!(indexes.iter().all(|index| index["IndexStatus"] == "ACTIVE"));
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(
        table["BillingModeSummary"]["BillingMode"],
        "PAY_PER_REQUEST"
    );
    assert_eq!(table["SSEDescription"]["Status"], "ENABLED");
}

#[tokio::test]
async fn a_table_with_a_stream_tells_its_arn() {
    let database = Database::start().await;
    let described = database
        .call("DescribeTable", json!({ "TableName": TABLE }))
        .await
        .unwrap();
    assert!(
        described["Table"]["LatestStreamArn"]
            .as_str()
            .unwrap()
            .contains(TABLE)
    );
}

#[tokio::test]
async fn a_table_cannot_be_made_twice() {
    let database = Database::start().await;
    assert_eq!(
        database.refusal("CreateTable", definition()).await,
        "ResourceInUseException"
    );
}

#[tokio::test]
async fn a_table_that_is_not_there_is_not_found() {
    let database = Database::start().await;
    let body = json!({ "TableName": "nowhere", "Key": key("a", "b") });
    assert_eq!(
        database.refusal("GetItem", body).await,
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn tags_are_kept() {
    let database = Database::start().await;
    let described = database
        .call("DescribeTable", json!({ "TableName": TABLE }))
        .await
        .unwrap();
    let arn = &described["Table"]["TableArn"];
    let tags = database
        .call("ListTagsOfResource", json!({ "ResourceArn": arn }))
        .await
        .unwrap();
    assert_eq!(tags["Tags"], json!([{ "Key": "env", "Value": "test" }]));
}

#[tokio::test]
async fn a_protected_table_cannot_be_deleted() {
    let database = Database::start().await;
    assert_eq!(
        database
            .refusal("DeleteTable", json!({ "TableName": TABLE }))
            .await,
        "ValidationException"
    );
    database
        .call("DescribeTable", json!({ "TableName": TABLE }))
        .await
        .unwrap();
}

/// Known to differ: AWS refuses to switch on what is on already. If this fails, the emulator has learned it.
#[tokio::test]
async fn expiry_is_switched_on_and_switching_it_on_again_is_wrongly_accepted() {
    let database = Database::start().await;
    let specification = json!({ "Enabled": true, "AttributeName": "ttl" });
    let body = json!({ "TableName": TABLE, "TimeToLiveSpecification": specification });
    database
        .call("UpdateTimeToLive", body.clone())
        .await
        .unwrap();
    let described = database
        .call("DescribeTimeToLive", json!({ "TableName": TABLE }))
        .await
        .unwrap();
    let described = &described["TimeToLiveDescription"];
    assert_eq!(described["AttributeName"], "ttl");
    assert!(["ENABLED", "ENABLING"].contains(&described["TimeToLiveStatus"].as_str().unwrap()));

    assert!(
        database
            .refusal("UpdateTimeToLive", body)
            .await
            .starts_with("accepted")
    );
}

/// Known to differ: there are no backups. They stand in the template only, and no function asks for one.
#[tokio::test]
async fn point_in_time_recovery_is_wrongly_unknown() {
    let database = Database::start().await;
    let on = json!({
        "TableName": TABLE,
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
    });
    assert_eq!(
        database.refusal("UpdateContinuousBackups", on).await,
        "UnknownOperationException"
    );
    let describe = json!({ "TableName": TABLE });
    assert_eq!(
        database
            .refusal("DescribeContinuousBackups", describe)
            .await,
        "UnknownOperationException"
    );
}
