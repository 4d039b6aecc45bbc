//! Secrets, their versions and the labels on them.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::primitives::Blob;
use futures::future::join_all;
use serde_json::{Value, json};

use super::{Manager, creation, id, new_value};

#[tokio::test]
async fn a_new_secret_has_an_arn_with_a_suffix_and_its_token_for_a_version() {
    let manager = Manager::start().await;
    let created = manager.create("tenant/db", "v1", 1).await;
    let arn = created["ARN"].as_str().unwrap();
    let (rest, suffix) = arn.rsplit_once('-').unwrap();
    assert!(rest.ends_with(":secret:tenant/db"), "{arn}");
    assert_eq!(suffix.len(), 6, "{arn}");
    assert_eq!(created["VersionId"], id(1));
}

#[tokio::test]
async fn creating_again_with_the_same_token_and_value_is_the_same() {
    let manager = Manager::start().await;
    let first = manager.create("db", "v1", 1).await;
    assert_eq!(manager.create("db", "v1", 1).await["ARN"], first["ARN"]);
}

#[tokio::test]
async fn creating_again_with_another_token_or_value_is_refused() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    for other in [creation("db", "v1", 2), creation("db", "v2", 1)] {
        assert_eq!(
            manager.refusal("CreateSecret", other).await,
            "ResourceExistsException"
        );
    }
}

#[tokio::test]
async fn a_secret_is_found_by_its_name_and_its_arn_with_and_without_the_suffix() {
    let manager = Manager::start().await;
    let created = manager.create("tenant/db", "v1", 1).await;
    let arn = created["ARN"].as_str().unwrap();
    for id in ["tenant/db", arn, &arn[..arn.len() - 7]] {
        let found = manager.labelled(id, "AWSCURRENT").await;
        assert_eq!(
            (&found["SecretString"], &found["VersionStages"]),
            (&json!("v1"), &json!(["AWSCURRENT"]))
        );
    }
}

/// Through the SDK, which must know the error for what it is.
#[tokio::test]
async fn a_secret_that_is_not_there_is_not_found() {
    let manager = Manager::start().await;
    let error = manager
        .client()
        .get_secret_value()
        .secret_id("nope")
        .send()
        .await
        .unwrap_err();
    assert!(matches!(
        error.into_service_error(),
        GetSecretValueError::ResourceNotFoundException(_)
    ));
}

#[tokio::test]
async fn a_new_value_is_current_and_the_old_one_previous() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    assert_eq!(manager.put("db", "v2", 2).await["VersionId"], id(2));
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v2");
    assert_eq!(manager.value("db", "AWSPREVIOUS").await, "v1");
}

#[tokio::test]
async fn putting_the_same_value_again_changes_nothing() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    manager.put("db", "v2", 2).await;
    manager.put("db", "v2", 2).await;
    let current = manager.labelled("db", "AWSCURRENT").await;
    assert_eq!(
        (&current["SecretString"], &current["VersionStages"]),
        (&json!("v2"), &json!(["AWSCURRENT"]))
    );
    assert_eq!(manager.value("db", "AWSPREVIOUS").await, "v1");
}

#[tokio::test]
async fn another_value_under_a_used_token_is_refused() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    let refused = manager
        .refusal("PutSecretValue", new_value("db", "other", 1))
        .await;
    assert_eq!(refused, "ResourceExistsException");
}

#[tokio::test]
async fn of_three_versions_one_is_previous_and_the_oldest_has_no_label() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    manager.put("db", "v2", 2).await;
    manager.put("db", "v3", 3).await;
    let body = json!({ "SecretId": "db", "IncludeDeprecated": true });
    let listed = manager.call("ListSecretVersionIds", body).await.unwrap();
    let mut versions: Vec<_> = listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            (
                version["VersionId"].clone(),
                version["VersionStages"].clone(),
            )
        })
        .collect();
    versions.sort_by_key(|(id, _)| id.to_string());
    let expected = [
        (1, json!([])),
        (2, json!(["AWSPREVIOUS"])),
        (3, json!(["AWSCURRENT"])),
    ];
    assert_eq!(
        versions,
        expected.map(|(token, stages)| (json!(id(token)), stages))
    );
}

#[tokio::test]
async fn a_version_without_a_label_is_still_read_by_its_id() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    manager.put("db", "v2", 2).await;
    manager.put("db", "v3", 3).await;
    let body = json!({ "SecretId": "db", "VersionId": id(1) });
    assert_eq!(
        manager.call("GetSecretValue", body).await.unwrap()["SecretString"],
        "v1"
    );
}

#[tokio::test]
async fn a_pending_version_becomes_current_when_it_is_promoted() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    let mut pending = new_value("db", "v2", 2);
    pending["VersionStages"] = json!(["AWSPENDING"]);
    manager.call("PutSecretValue", pending).await.unwrap();
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v1");
    assert_eq!(manager.value("db", "AWSPENDING").await, "v2");

    let promote = json!({
        "SecretId": "db",
        "VersionStage": "AWSCURRENT",
        "MoveToVersionId": id(2),
        "RemoveFromVersionId": id(1),
    });
    manager
        .call("UpdateSecretVersionStage", promote)
        .await
        .unwrap();
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v2");
    assert_eq!(manager.value("db", "AWSPREVIOUS").await, "v1");
}

#[tokio::test]
async fn an_update_changes_the_description_and_the_value_and_leaves_the_rest() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    let mut update = new_value("db", "v2", 2);
    update["Description"] = json!("changed");
    assert_eq!(
        manager.call("UpdateSecret", update).await.unwrap()["VersionId"],
        id(2)
    );
    let described = manager
        .call("DescribeSecret", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    assert_eq!(
        (&described["Description"], &described["KmsKeyId"]),
        (&json!("changed"), &json!("alias/app"))
    );
    assert_eq!(manager.value("db", "AWSCURRENT").await, "v2");
}

#[tokio::test]
async fn binary_values_come_back_as_they_went() {
    let manager = Manager::start().await;
    let client = manager.client();
    let bytes = vec![0, 1, 255];
    client
        .create_secret()
        .name("bin")
        .secret_binary(Blob::new(bytes.clone()))
        .send()
        .await
        .unwrap();
    let found = client
        .get_secret_value()
        .secret_id("bin")
        .send()
        .await
        .unwrap();
    assert_eq!(found.secret_binary().unwrap().as_ref(), bytes);
    assert_eq!(found.secret_string(), None);
}

#[tokio::test]
async fn a_secret_without_a_value_has_none_to_get() {
    let manager = Manager::start().await;
    let created = manager
        .call("CreateSecret", json!({ "Name": "empty" }))
        .await
        .unwrap();
    assert_eq!(created.get("VersionId"), None);
    assert_eq!(manager.missing("empty").await, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_value_has_64_kilobytes_at_most() {
    let manager = Manager::start().await;
    let refused = manager
        .refusal("CreateSecret", creation("huge", &"x".repeat(65_537), 1))
        .await;
    assert_eq!(refused, "ValidationException");
    manager.create("large", &"x".repeat(65_536), 2).await;
}

#[tokio::test]
async fn a_name_has_only_certain_characters() {
    let manager = Manager::start().await;
    for name in ["bad name!*", "", "a:b", "\u{e4}"] {
        let refused = manager
            .refusal("CreateSecret", creation(name, "x", 1))
            .await;
        assert_eq!(refused, "ValidationException", "{name}");
    }
}

#[tokio::test]
async fn tags_are_set_and_taken() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    let tags = json!([{ "Key": "tier", "Value": "gold" }, { "Key": "tenant", "Value": "t9" }]);
    manager
        .call("TagResource", json!({ "SecretId": "db", "Tags": tags }))
        .await
        .unwrap();
    manager
        .call(
            "UntagResource",
            json!({ "SecretId": "db", "TagKeys": ["tier"] }),
        )
        .await
        .unwrap();
    let described = manager
        .call("DescribeSecret", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    assert_eq!(
        described["Tags"],
        json!([{ "Key": "tenant", "Value": "t9" }])
    );
}

#[tokio::test]
async fn a_password_has_the_length_and_the_characters_asked_for() {
    let manager = Manager::start().await;
    let body = json!({ "PasswordLength": 40, "ExcludePunctuation": true });
    let answer = manager.call("GetRandomPassword", body).await.unwrap();
    let password = answer["RandomPassword"].as_str().unwrap();
    assert_eq!(password.len(), 40);
    assert!(
        password.chars().all(|c| c.is_ascii_alphanumeric()),
        "{password}"
    );
}

#[tokio::test]
async fn a_resource_policy_is_kept() {
    let manager = Manager::start().await;
    manager.create("db", "v1", 1).await;
    let none = manager
        .call("GetResourcePolicy", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    assert_eq!(none.get("ResourcePolicy"), None);
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let put = |policy: &str| json!({ "SecretId": "db", "ResourcePolicy": policy });
    manager
        .call("PutResourcePolicy", put(policy))
        .await
        .unwrap();
    let kept = manager
        .call("GetResourcePolicy", json!({ "SecretId": "db" }))
        .await
        .unwrap();
    assert_eq!(kept["ResourcePolicy"], policy);
    let refused = manager.refusal("PutResourcePolicy", put("{")).await;
    assert_eq!(refused, "MalformedPolicyDocumentException");
}

#[tokio::test]
async fn of_twenty_who_create_a_secret_one_does() {
    let manager = Manager::start().await;
    let create = |n: u128| manager.call("CreateSecret", creation("race", &n.to_string(), n));
    let answers = join_all((0..20).map(create)).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.into_iter()
            .filter_map(Result::err)
            .all(|refused| refused.code == "ResourceExistsException")
    );
    let winner: Value = won.into_iter().next().unwrap().unwrap();
    assert_eq!(
        manager.labelled("race", "AWSCURRENT").await["VersionId"],
        winner["VersionId"]
    );
}
