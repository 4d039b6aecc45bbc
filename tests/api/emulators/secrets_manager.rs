//! Secrets Manager: versions and their labels, deletion and return, lists and batches.

mod deletion;
mod listing;
mod versions;

use std::sync::Arc;

use local::secrets_manager::SecretsManager;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Service, listener, sdk};

/// An emulator of its own.
struct Manager {
    service: Service,
}

impl std::ops::Deref for Manager {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Manager {
    async fn start() -> Self {
        let (listener, address) = listener().await;
        let manager = Arc::new(SecretsManager::open(None).unwrap());
        tokio::spawn(manager.serve(listener, std::future::pending()));
        let service = Service {
            address,
            target: "secretsmanager",
            content_type: "application/x-amz-json-1.1",
        };
        Self { service }
    }

    fn client(&self) -> aws_sdk_secretsmanager::Client {
        sdk(&self.address).secrets_manager()
    }

    async fn create(&self, name: &str, value: &str, token: u128) -> Value {
        self.call("CreateSecret", creation(name, value, token))
            .await
            .unwrap()
    }

    async fn put(&self, name: &str, value: &str, token: u128) -> Value {
        self.call("PutSecretValue", new_value(name, value, token))
            .await
            .unwrap()
    }

    /// The secret's value under a label, with the labels of its version.
    async fn labelled(&self, name: &str, label: &str) -> Value {
        let body = json!({ "SecretId": name, "VersionStage": label });
        self.call("GetSecretValue", body).await.unwrap()
    }

    async fn value(&self, name: &str, label: &str) -> Value {
        self.labelled(name, label).await["SecretString"].take()
    }

    async fn missing(&self, name: &str) -> String {
        self.refusal("GetSecretValue", json!({ "SecretId": name }))
            .await
    }
}

fn id(token: u128) -> String {
    Uuid::from_u128(token).to_string()
}

fn creation(name: &str, value: &str, token: u128) -> Value {
    json!({
        "Name": name,
        "Description": "for a test",
        "SecretString": value,
        "ClientRequestToken": id(token),
        "KmsKeyId": "alias/app",
        "Tags": [{ "Key": "tenant", "Value": "t1" }],
    })
}

fn new_value(name: &str, value: &str, token: u128) -> Value {
    json!({ "SecretId": name, "SecretString": value, "ClientRequestToken": id(token) })
}
