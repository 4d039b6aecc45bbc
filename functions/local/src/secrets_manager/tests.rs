//! The rules that the SDK-driven contract checks cannot reach: the file, the clock, and requests no SDK would send.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

const TOKEN: &str = "00000000-0000-0000-0000-00000000000";

fn token(n: u8) -> String {
    format!("{TOKEN}{n}")
}

fn emulator() -> (SecretsManager, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let clock = Arc::clone(&seconds);
    let now = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    (SecretsManager::with_clock(None, now).unwrap(), seconds)
}

fn call(manager: &SecretsManager, operation: &str, body: Json) -> Json {
    match manager.call(operation, body.to_string().as_bytes()) {
        Ok(answer) => answer,
        Err(failure) => json!({ "error": failure.code() }),
    }
}

fn create(manager: &SecretsManager, name: &str, value: &str, n: u8) -> Json {
    call(
        manager,
        "CreateSecret",
        json!({ "Name": name, "SecretString": value, "ClientRequestToken": token(n) }),
    )
}

#[test]
fn a_secret_marked_for_deletion_is_gone_after_its_window() {
    let (manager, seconds) = emulator();
    create(&manager, "a", "v", 1);
    call(
        &manager,
        "DeleteSecret",
        json!({ "SecretId": "a", "RecoveryWindowInDays": 7 }),
    );
    seconds.fetch_add(7 * 86_400 - 1, Ordering::Relaxed);
    assert_eq!(
        create(&manager, "a", "v", 2)["error"],
        "InvalidRequestException"
    );
    assert!(manager.secrets()[0].marked_for_deletion);
    seconds.fetch_add(1, Ordering::Relaxed);
    assert_eq!(create(&manager, "a", "v", 2)["VersionId"], token(2));
}

#[test]
fn a_secret_holds_a_hundred_versions_in_a_day_and_then_gives_up_the_oldest() {
    let (manager, seconds) = emulator();
    create(&manager, "a", "v", 1);
    let put = |n: usize| {
        let token = format!("{n:0>32}");
        call(
            &manager,
            "PutSecretValue",
            json!({ "SecretId": "a", "SecretString": "w", "ClientRequestToken": token }),
        )
    };
    for n in 0..99 {
        assert_eq!(put(n)["VersionStages"], json!(["AWSCURRENT"]));
    }
    assert_eq!(put(99)["error"], "LimitExceededException");
    seconds.fetch_add(86_401, Ordering::Relaxed);
    assert_eq!(put(99)["VersionStages"], json!(["AWSCURRENT"]));
    let versions = &manager.secrets()[0].versions;
    assert_eq!(versions.len(), 100);
    assert!(
        versions.iter().all(|version| version.id != token(1)),
        "the oldest version is still there"
    );
}

#[test]
fn moving_the_current_label_back_swaps_current_and_previous() {
    let (manager, _) = emulator();
    create(&manager, "a", "one", 1);
    call(
        &manager,
        "PutSecretValue",
        json!({ "SecretId": "a", "SecretString": "two", "ClientRequestToken": token(2) }),
    );
    let back = json!({
        "SecretId": "a", "VersionStage": "AWSCURRENT", "MoveToVersionId": token(1), "RemoveFromVersionId": token(2),
    });
    assert_eq!(
        call(&manager, "UpdateSecretVersionStage", back)["Name"],
        "a"
    );
    let versions = &manager.secrets()[0].versions;
    assert_eq!(versions[0].stages, ["AWSCURRENT"]);
    assert_eq!(versions[1].stages, ["AWSPREVIOUS"]);
}

#[test]
fn a_label_moves_only_from_the_version_that_the_caller_names() {
    let (manager, _) = emulator();
    create(&manager, "a", "one", 1);
    let two = json!({
        "SecretId": "a", "SecretString": "two", "ClientRequestToken": token(2), "VersionStages": ["AWSPENDING"],
    });
    call(&manager, "PutSecretValue", two);
    let stage = |to: Json, from: Json| {
        let body = json!({
            "SecretId": "a", "VersionStage": "AWSCURRENT", "MoveToVersionId": to, "RemoveFromVersionId": from,
        });
        call(&manager, "UpdateSecretVersionStage", body)["error"].clone()
    };
    assert_eq!(
        stage(json!(token(2)), Json::Null),
        "InvalidParameterException"
    );
    assert_eq!(
        stage(json!(token(2)), json!(token(2))),
        "InvalidParameterException"
    );
    assert_eq!(
        stage(Json::Null, json!(token(1))),
        "InvalidParameterException"
    );
    assert_eq!(stage(Json::Null, Json::Null), "InvalidParameterException");
    assert_eq!(
        stage(json!(token(9)), json!(token(1))),
        "ResourceNotFoundException"
    );
    assert_eq!(stage(json!(token(2)), json!(token(1))), Json::Null);
}

#[test]
fn a_version_and_a_stage_must_belong_together() {
    let (manager, _) = emulator();
    create(&manager, "a", "one", 1);
    let get = |stage: &str| {
        call(
            &manager,
            "GetSecretValue",
            json!({ "SecretId": "a", "VersionId": token(1), "VersionStage": stage }),
        )
    };
    assert_eq!(get("AWSCURRENT")["SecretString"], "one");
    assert_eq!(get("AWSPREVIOUS")["error"], "InvalidRequestException");
}

#[test]
fn an_arn_names_its_own_secret_only() {
    let (manager, _) = emulator();
    let arn = create(&manager, "tenant/a", "one", 1)["ARN"]
        .as_str()
        .unwrap()
        .to_owned();
    let get =
        |id: &str| call(&manager, "GetSecretValue", json!({ "SecretId": id }))["error"].clone();
    assert_eq!(get(&arn), Json::Null);
    assert_eq!(get(&arn[..arn.len() - 7]), Json::Null);
    assert_eq!(
        get(&format!("{}zzzzzz", &arn[..arn.len() - 6])),
        "ResourceNotFoundException"
    );
    assert_eq!(
        get("arn:aws:secretsmanager:us-east-1:000000000000:secret:"),
        "ResourceNotFoundException"
    );
    assert_eq!(
        get("arn:aws:secretsmanager:us-east-1:000000000000:secret:\u{e4}\u{e4}\u{e4}\u{e4}"),
        "ResourceNotFoundException"
    );
}

#[test]
fn requests_that_no_sdk_sends_are_refused_by_name() {
    let (manager, _) = emulator();
    let refused =
        |operation: &str, body: &[u8]| manager.call(operation, body).err().unwrap().code();
    assert_eq!(refused("CreateSecret", b"{"), "SerializationException");
    assert_eq!(refused("CreateSecret", b"{}"), "ValidationException");
    assert_eq!(refused("CreateSecret", b""), "ValidationException");
    assert_eq!(
        refused("CreateSecret", br#"{"Name": 7}"#),
        "ValidationException"
    );
    assert_eq!(
        refused("CreateSecret", br#"{"Name": "a", "SecretString": "b"}"#),
        "InvalidRequestException"
    );
    assert_eq!(refused("StartRotation", b"{}"), "UnknownOperationException");
    assert_eq!(
        refused("ListSecrets", br#"{"NextToken": "%%"}"#),
        "InvalidNextTokenException"
    );
    assert!(manager.names().is_empty());
}

#[test]
fn the_file_survives_a_restart_and_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(ambient::id().to_string());
    fs::create_dir(&folder).unwrap();
    let file = folder.join("secrets.json");
    let first = SecretsManager::open(Some(file.clone())).unwrap();
    assert!(!file.exists(), "nothing happened that is worth a file");
    create(&first, "a", "one", 1);
    let policy = json!({ "SecretId": "a", "ResourcePolicy": "{\"Statement\":[]}" });
    call(&first, "PutResourcePolicy", policy);
    drop(first);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let second = SecretsManager::open(Some(file.clone())).unwrap();
    assert_eq!(
        call(&second, "GetSecretValue", json!({ "SecretId": "a" }))["SecretString"],
        "one"
    );
    assert!(
        call(&second, "GetResourcePolicy", json!({ "SecretId": "a" }))["ResourcePolicy"]
            .is_string()
    );
    fs::write(&file, "not json").unwrap();
    assert!(
        SecretsManager::open(Some(file)).is_err(),
        "a broken file must not be taken for an empty one"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn filters_negate_and_pages_do_not_overlap() {
    let (manager, seconds) = emulator();
    for (n, name) in ["x/1", "x/2", "y/1"].iter().enumerate() {
        create(&manager, name, "v", u8::try_from(n).unwrap());
        seconds.fetch_add(1, Ordering::Relaxed);
    }
    let names = |body: Json| -> Vec<String> {
        let answer = call(&manager, "ListSecrets", body);
        let list = answer["SecretList"].as_array().unwrap().clone();
        list.iter()
            .map(|secret| secret["Name"].as_str().unwrap().to_owned())
            .collect()
    };
    let filter = |values: &[&str]| json!({ "Filters": [{ "Key": "name", "Values": values }] });
    assert_eq!(names(json!({})), ["y/1", "x/2", "x/1"]);
    assert_eq!(names(json!({ "SortOrder": "asc" })), ["x/1", "x/2", "y/1"]);
    assert_eq!(names(filter(&["x/"])), ["x/2", "x/1"]);
    assert_eq!(names(filter(&["!x/"])), ["y/1"]);
    assert_eq!(names(filter(&["X/"])), Vec::<String>::new());
    assert_eq!(names(filter(&["x/1", "y"])), ["y/1", "x/1"]);

    let first = call(&manager, "ListSecrets", json!({ "MaxResults": 2 }));
    let rest = names(json!({ "MaxResults": 2, "NextToken": first["NextToken"] }));
    assert_eq!(rest, ["x/1"]);
}
