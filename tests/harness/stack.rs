//! The whole of mcp-steward for one test: nothing of ours is replaced but the clock.

use std::sync::Arc;

use local::gateway::InvokeError;
use local::stack::{DemoTenant, Options, Stack};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    clock::TurnedClock,
    contract::Contract,
};

pub struct TestStack {
    pub stack: Stack,
    pub clock: Arc<TurnedClock>,
    contract: Arc<Contract>,
}

impl TestStack {
    /// Two tenants, plain http to loopback allowed, and no schedule but the one a test turns by hand.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        crate::log::capture();
        let clock = Arc::new(TurnedClock::new());
        let options = Options {
            tenants: 2,
            clock: clock.clone(),
            ..options
        };
        let stack = Stack::start(options).await.expect("the stack starts");
        Self {
            stack,
            clock,
            contract: Arc::new(Contract::load()),
        }
    }

    pub fn acme(&self) -> &DemoTenant {
        &self.stack.tenants[0]
    }

    pub fn evil(&self) -> &DemoTenant {
        &self.stack.tenants[1]
    }

    /// A client with the first tenant's organisation key.
    pub fn api(&self) -> Client {
        self.with_key(&self.acme().organisation_service_key)
    }

    /// A client with another tenant's organisation key.
    pub fn stranger(&self) -> Client {
        self.with_key(&self.evil().organisation_service_key)
    }

    pub fn with_key(&self, key: &str) -> Client {
        Client::new(
            &self.stack.url,
            Some(format!("Bearer {key}")),
            self.contract.clone(),
        )
    }

    /// A client of Portkey's API with the first tenant's organisation key.
    pub fn portkey(&self) -> Client {
        self.portkey_with(&self.acme().organisation_service_key)
    }

    /// A client of Portkey's API with this key.
    pub fn portkey_with(&self, key: &str) -> Client {
        Client::new(&self.stack.url, None, self.contract.clone())
            .with_header("x-portkey-api-key", key)
    }

    /// A client that sends this as its `Authorization`, or nothing.
    pub fn with_authorization(&self, value: Option<&str>) -> Client {
        Client::new(
            &self.stack.url,
            value.map(str::to_owned),
            self.contract.clone(),
        )
    }

    /// Registers a connection and gives what the API answered.
    pub async fn register(&self, body: Value) -> Value {
        let answer = self.api().post("/api/mcp-connections", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Registers a connection to a server that needs no credential.
    pub async fn register_open(&self, name: &str, url: &str) -> String {
        let made = self
            .register(json!({ "name": name, "serverUrl": url, "authType": "none" }))
            .await;
        id_of(&made)
    }

    /// Registers a connection to a server that wants a bearer token.
    pub async fn register_bearer(&self, name: &str, url: &str, token: &str) -> String {
        let made = self
            .register(json!({ "name": name, "serverUrl": url, "authType": "bearer", "bearerToken": token }))
            .await;
        id_of(&made)
    }

    /// One tick of the schedule; gives what it did.
    pub async fn tick(&self) -> Value {
        self.stack
            .invoke("check-due-connections", json!({}))
            .await
            .expect("the tick runs")
    }

    pub async fn sweep(&self) -> Value {
        self.stack
            .invoke("sweep", json!({}))
            .await
            .expect("the sweep runs")
    }

    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        self.stack.invoke(function, event).await
    }

    /// Reads a connection that is there.
    pub async fn read(&self, id: &str) -> Value {
        let answer: Answer = self.api().get(&format!("/api/mcp-connections/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
}

pub fn id_of(connection: &Value) -> String {
    connection["id"]
        .as_str()
        .expect("a connection has an id")
        .to_owned()
}
