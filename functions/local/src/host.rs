//! Runs the functions in this process: each with an app of its own, built from the environment that template.yaml gives it.

use std::{collections::BTreeMap, future::ready, sync::Arc, time::Duration};

use functions::{
    FUNCTIONS,
    app::{App, Settings},
    edge::{self, Context, Function},
};
use futures::future::BoxFuture;
use serde_json::Value;
use shared::ports::Clock;

use crate::{
    ambient,
    gateway::{Invoke, InvokeError},
    template::{self, Template},
};

/// Where the functions find what stands in for AWS, and the two keys of a deployment.
#[derive(Clone)]
pub struct Surroundings {
    pub dynamodb_url: String,
    pub secrets_manager_url: String,
    pub signing_key: String,
    pub key_pepper: String,
    pub development: bool,
    /// What the operator of a deployment says by the template's parameter.
    pub insecure_tls: bool,
    /// A PEM file of roots that the prober trusts.
    pub mcp_ca_bundle: Option<String>,
    pub clock: Arc<dyn Clock>,
}

pub struct Host {
    functions: BTreeMap<String, Hosted>,
    clock: Arc<dyn Clock>,
}

struct Hosted {
    function: Function,
    app: App,
    timeout: Duration,
}

impl Host {
    pub fn new(
        template: &Template,
        surroundings: &Surroundings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut functions = BTreeMap::new();
        for described in &template.functions {
            let function = FUNCTIONS
                .iter()
                .find(|function| function.name == described.binary);
            let function = *function.ok_or_else(|| {
                format!(
                    "template.yaml names {}, which is no function",
                    described.binary
                )
            })?;
            let environment = environment(described, surroundings);
            let app = App::with_clock(
                Settings::read(&|name| environment.get(name).cloned())?,
                Arc::clone(&surroundings.clock),
            )?;
            functions.insert(
                function.name.to_owned(),
                Hosted {
                    function,
                    app,
                    timeout: described.timeout,
                },
            );
        }
        Ok(Self {
            functions,
            clock: Arc::clone(&surroundings.clock),
        })
    }

    /// Invokes a function and tells it that it has this much time left, or all of its own.
    pub(crate) fn invoke_within(
        &self,
        name: &str,
        event: Value,
        time: Option<Duration>,
    ) -> BoxFuture<'_, Result<Value, InvokeError>> {
        let Some(hosted) = self.functions.get(name) else {
            let unknown = InvokeError(format!("there is no function {name}"));
            return Box::pin(ready(Err(unknown)));
        };
        let mut context = Context::default();
        context.request_id = ambient::id().to_string();
        context.deadline = self.deadline(time.unwrap_or(hosted.timeout));
        let answer = edge::invoke(hosted.function, hosted.app.clone(), event, context);
        Box::pin(async move {
            match tokio::time::timeout(hosted.timeout, answer).await {
                Err(_) => Err(InvokeError(format!(
                    "it did not answer within its {} s",
                    hosted.timeout.as_secs()
                ))),
                Ok(answer) => answer.map_err(|error| InvokeError(error.to_string())),
            }
        })
    }

    /// The deadline is told by the clock that the functions live by, or a turned clock would always be past it.
    fn deadline(&self, time: Duration) -> u64 {
        let now = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        now.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Invoke for Host {
    /// Goes through the conversions that Lambda's runtime makes.
    fn invoke(&self, name: &str, event: Value) -> BoxFuture<'_, Result<Value, InvokeError>> {
        self.invoke_within(name, event, None)
    }
}

/// What a function sees in its environment: the template's variables, with this machine's addresses and keys for AWS's.
///
/// Each function calls with an access key of its own name, so that whoever stands in between can tell who calls.
fn environment(
    function: &template::Function,
    surroundings: &Surroundings,
) -> BTreeMap<String, String> {
    let mut environment = function.environment.clone();
    for (name, value) in &mut environment {
        match name.as_str() {
            "STEWARD_SIGNING_KEY" => value.clone_from(&surroundings.signing_key),
            "STEWARD_KEY_PEPPER" => value.clone_from(&surroundings.key_pepper),
            "STEWARD_ALLOW_INSECURE_TLS" => *value = surroundings.insecure_tls.to_string(),
            _ => {}
        }
    }
    let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
    set("AWS_REGION", template::REGION);
    set("AWS_ACCESS_KEY_ID", &function.binary);
    set("AWS_SECRET_ACCESS_KEY", "local");
    set("AWS_ENDPOINT_URL_DYNAMODB", &surroundings.dynamodb_url);
    set(
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        &surroundings.secrets_manager_url,
    );
    if surroundings.development {
        set("STEWARD_DEVELOPMENT", "true");
    }
    if let Some(bundle) = &surroundings.mcp_ca_bundle {
        set("STEWARD_MCP_CA_BUNDLE", bundle);
    }
    environment
}
