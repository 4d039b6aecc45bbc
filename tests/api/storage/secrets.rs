//! Credentials in the secret store.

use local::secrets_manager::SecretsManager;
use shared::{
    credential::{CredentialVersion, HolderId, Secret},
    error::Error,
    ports::Credentials as _,
    tenant::TenantId,
};
use uuid::Uuid;

use super::{connection, of, secret_store, tenant};

const CANARY: &str = "canary-4f7b1d";

fn version(n: u128) -> CredentialVersion {
    CredentialVersion::new(Uuid::from_u128(n))
}

fn secret(text: &str) -> Secret {
    Secret::parse(text.to_owned()).unwrap()
}

fn ids() -> (TenantId, HolderId) {
    let row = connection(tenant(1), 1);
    (row.tenant, row.id.into())
}

/// The version at each stage.
pub(super) fn stages(manager: &SecretsManager) -> Vec<(String, String)> {
    let mut stages: Vec<_> = manager
        .secrets()
        .iter()
        .flat_map(|secret| &secret.versions)
        .flat_map(|version| {
            version
                .stages
                .iter()
                .map(|stage| (stage.clone(), version.id.clone()))
        })
        .collect();
    stages.sort();
    stages
}

pub(super) fn at(stage: &str, n: u128) -> (String, String) {
    (stage.to_owned(), version(n).to_string())
}

#[tokio::test]
async fn a_secret_is_named_by_its_ids_and_read_by_its_version() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret(CANARY))
        .await
        .unwrap();

    assert_eq!(
        manager.names(),
        [format!("mcp-steward/test/{}", of(tenant, id))]
    );
    let read = store.read(tenant, id, version(1)).await.unwrap().unwrap();
    assert_eq!(read.expose(), CANARY);
    assert!(store.read(tenant, id, version(2)).await.unwrap().is_none());
    let elsewhere = super::tenant(2);
    assert!(
        store
            .read(elsewhere, id, version(1))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn creating_may_be_repeated_but_not_with_another_version() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    for _ in 0..2 {
        store
            .create(tenant, id, version(1), &secret("one"))
            .await
            .unwrap();
    }
    // It has moved on since: the first version is still ours.
    store
        .stage(tenant, id, version(2), &secret("two"))
        .await
        .unwrap();
    store.promote(tenant, id, version(2)).await.unwrap();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();

    let other = store.create(tenant, id, version(3), &secret("three")).await;

    assert!(matches!(other, Err(Error::Internal(_))));
    assert_eq!(manager.names().len(), 1);
    assert_eq!(
        stages(&manager),
        [at("AWSCURRENT", 2), at("AWSPREVIOUS", 1)]
    );
}

#[tokio::test]
async fn a_staged_value_counts_when_it_is_promoted() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();
    for _ in 0..2 {
        store
            .stage(tenant, id, version(2), &secret("two"))
            .await
            .unwrap();
        assert_eq!(stages(&manager), [at("AWSCURRENT", 1), at("AWSPENDING", 2)]);
    }
    for (n, text) in [(1, "one"), (2, "two")] {
        let read = store.read(tenant, id, version(n)).await.unwrap().unwrap();
        assert_eq!(read.expose(), text);
    }
    for _ in 0..2 {
        store.promote(tenant, id, version(2)).await.unwrap();
        assert_eq!(
            stages(&manager),
            [at("AWSCURRENT", 2), at("AWSPREVIOUS", 1)]
        );
    }
}

#[tokio::test]
async fn what_was_created_is_current_and_promoting_it_changes_nothing() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();

    store.promote(tenant, id, version(1)).await.unwrap();
    store.unstage(tenant, id, version(1)).await.unwrap();

    assert_eq!(stages(&manager), [at("AWSCURRENT", 1)]);
    // What is not there, because somebody removed it by hand, must not keep a connection from being settled.
    store.promote(tenant, id, version(2)).await.unwrap();
    assert_eq!(stages(&manager), [at("AWSCURRENT", 1)]);
    store.delete(tenant, id).await.unwrap();
    store.promote(tenant, id, version(1)).await.unwrap();
    assert!(manager.names().is_empty());
}

#[tokio::test]
async fn a_value_given_up_leaves_the_current_one() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();
    store
        .stage(tenant, id, version(2), &secret("two"))
        .await
        .unwrap();
    store
        .stage(tenant, id, version(3), &secret("three"))
        .await
        .unwrap();

    // Number two was pushed off its stage by number three, which stays there.
    store.unstage(tenant, id, version(2)).await.unwrap();
    assert_eq!(stages(&manager), [at("AWSCURRENT", 1), at("AWSPENDING", 3)]);
    for _ in 0..2 {
        store.unstage(tenant, id, version(3)).await.unwrap();
        assert_eq!(stages(&manager), [at("AWSCURRENT", 1)]);
    }
}

#[tokio::test]
async fn a_deleted_secret_is_gone_and_its_name_is_free() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();
    for _ in 0..2 {
        store.delete(tenant, id).await.unwrap();
        assert_eq!(manager.names(), [""; 0]);
    }
    assert!(store.read(tenant, id, version(1)).await.unwrap().is_none());
    store.unstage(tenant, id, version(1)).await.unwrap();

    store
        .create(tenant, id, version(2), &secret("two"))
        .await
        .unwrap();
    let read = store.read(tenant, id, version(2)).await.unwrap().unwrap();
    assert_eq!(read.expose(), "two");
}

/// Two who promote the same version, as a request and the sweeper can, both succeed.
#[tokio::test]
async fn promoting_together_is_promoting_once() {
    let (store, manager, _) = secret_store().await;
    let (tenant, id) = ids();
    store
        .create(tenant, id, version(1), &secret("one"))
        .await
        .unwrap();
    store
        .stage(tenant, id, version(2), &secret("two"))
        .await
        .unwrap();

    let promoted = (0..8).map(|_| store.promote(tenant, id, version(2)));
    for promoted in futures::future::join_all(promoted).await {
        promoted.unwrap();
    }

    assert_eq!(
        stages(&manager),
        [at("AWSCURRENT", 2), at("AWSPREVIOUS", 1)]
    );
}

/// Neither what fails nor who asks says the value.
#[tokio::test]
async fn no_error_holds_the_value() {
    let (store, ..) = secret_store().await;
    let (tenant, id) = ids();
    let value = secret(CANARY);
    store.create(tenant, id, version(1), &value).await.unwrap();
    let nowhere = HolderId::from(connection(tenant, 2).id);
    let gone = shared_aws::secrets::SecretsManagerStore::new(
        super::aws(None, Some("http://127.0.0.1:9".to_owned())).secrets_manager(),
        "prefix",
    );

    let failures = [
        store.create(tenant, id, version(2), &value).await,
        store.stage(tenant, nowhere, version(2), &value).await,
        gone.create(tenant, id, version(1), &value).await,
        gone.stage(tenant, id, version(1), &value).await,
    ];

    for failure in failures {
        let error = failure.unwrap_err();
        assert!(!format!("{error:?} {error:#?}").contains(CANARY), "{error}");
    }
    assert!(!format!("{store:?}").contains(CANARY));
}
