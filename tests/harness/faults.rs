//! A stack whose functions reach DynamoDB and Secrets Manager through layers that note each request, and disturb it where a
//! test wants them to.

use std::{
    future::{Future, pending},
    io, mem,
    ops::{Deref, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::FutureExt as _;
use local::{
    fault::{Fault, FaultLayer, SeenRequest, Service},
    gateway::InvokeError,
    stack::{Detour, Endpoints, Options},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{client::Answer, stack::TestStack};

/// Operations that change nothing.
const READS: [&str; 11] = [
    "BatchGetItem",
    "BatchGetSecretValue",
    "DescribeSecret",
    "DescribeTable",
    "GetItem",
    "GetSecretValue",
    "ListSecretVersionIds",
    "ListSecrets",
    "Query",
    "Scan",
    "TransactGetItems",
];

pub struct Watched {
    pub stack: TestStack,
    pub dynamodb: Arc<FaultLayer>,
    pub secrets_manager: Arc<FaultLayer>,
    writes: Arc<Mutex<Vec<String>>>,
    /// The layers' servers, which end with this.
    _serving: JoinSet<()>,
}

impl Deref for Watched {
    type Target = TestStack;

    fn deref(&self) -> &TestStack {
        &self.stack
    }
}

impl TestStack {
    /// A stack as [`TestStack::start`] makes it, with a layer before each of the two services.
    pub async fn watched() -> Watched {
        Self::watched_with(Options::default()).await
    }

    pub async fn watched_with(options: Options) -> Watched {
        let made: Arc<Mutex<Layers>> = Arc::default();
        let layers = Arc::clone(&made);
        // The stack founds its tenants while it starts, so the layers answer as soon as it knows what is behind them.
        let lead = move |endpoints: Endpoints| {
            let layers = Arc::clone(&layers);
            let led = async move {
                Ok(Endpoints {
                    dynamodb_url: lead_to(&endpoints.dynamodb_url, &layers).await?,
                    secrets_manager_url: lead_to(&endpoints.secrets_manager_url, &layers).await?,
                })
            };
            led.boxed()
        };
        let detour = Some(Detour(Arc::new(lead)));
        let stack = Self::with(Options { detour, ..options }).await;
        let Layers { layers, serving } = mem::take(&mut *locked(&made));
        let [dynamodb, secrets_manager] = layers.as_slice() else {
            panic!("there are two services");
        };
        let watched = Watched {
            stack,
            dynamodb: Arc::clone(dynamodb),
            secrets_manager: Arc::clone(secrets_manager),
            writes: Arc::default(),
            _serving: serving,
        };
        watched.calm();
        watched
    }
}

#[derive(Default)]
struct Layers {
    layers: Vec<Arc<FaultLayer>>,
    serving: JoinSet<()>,
}

/// Puts a layer before a service; gives where the layer answers.
async fn lead_to(url: &str, layers: &Mutex<Layers>) -> io::Result<String> {
    let upstream = url.trim_start_matches("http://").parse();
    let layer = Arc::new(FaultLayer::new(upstream.map_err(io::Error::other)?));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut layers = locked(layers);
    layers.layers.push(Arc::clone(&layer));
    layers.serving.spawn(layer.serve(listener, pending()));
    Ok(url)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    /// Lets `fault` happen to the writes of this range, counted from now on over both services, and to no others.
    pub fn disturb(&self, range: Range<usize>, fault: Fault) {
        self.disturb_where(move |_, number| {
            if range.contains(&number) {
                fault
            } else {
                Fault::Pass
            }
        });
    }

    /// Lets happen to each write what `plan` says, given the request and how many writes came before it.
    pub fn disturb_where(
        &self,
        plan: impl Fn(&SeenRequest, usize) -> Fault + Send + Sync + 'static,
    ) {
        locked(&self.writes).clear();
        let plan = Arc::new(plan);
        for layer in [&self.dynamodb, &self.secrets_manager] {
            let (plan, writes) = (Arc::clone(&plan), Arc::clone(&self.writes));
            layer.set_plan(move |seen| {
                if READS.contains(&seen.operation.as_str()) {
                    return Fault::Pass;
                }
                let number = {
                    let mut writes = locked(&writes);
                    writes.push(name_of(seen));
                    writes.len() - 1
                };
                plan(seen, number)
            });
        }
    }

    /// Lets everything pass from now on, and counts writes from zero.
    pub fn calm(&self) {
        self.disturb_where(|_, _| Fault::Pass);
    }

    /// The writes since the last call of [`Self::disturb`], [`Self::disturb_where`] or [`Self::calm`], in their order.
    pub fn written(&self) -> Vec<String> {
        locked(&self.writes).clone()
    }

    /// Everything that was asked of either service so far.
    pub fn seen(&self) -> Vec<SeenRequest> {
        let mut seen = self.dynamodb.seen();
        seen.extend(self.secrets_manager.seen());
        seen
    }

    /// Does `work` to its end, or until a crash ends its process: then nothing of it goes on, and there is no result.
    pub async fn until_crash<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut first = self.dynamodb.crashes();
        let mut second = self.secrets_manager.crashes();
        tokio::select! {
            ended = work => Some(ended),
            _ = first.changed() => None,
            _ = second.changed() => None,
        }
    }

    /// Calls a function that is behind the API without the gateway, which would let it run on after its caller is gone.
    pub async fn call(&self, function: &str, request: &Direct<'_>) -> Result<Value, InvokeError> {
        let event = self.event(request).await;
        self.stack.invoke(function, event).await
    }

    /// The event that the gateway makes of a request with the first tenant's organisation key.
    pub async fn event(&self, request: &Direct<'_>) -> Value {
        self.event_of(&self.acme().organisation_service_key, request)
            .await
    }

    /// The event that the gateway makes of a request with this key.
    pub async fn event_of(&self, key: &str, request: &Direct<'_>) -> Value {
        let authorization = format!("Bearer {key}");
        let asked = json!({
            "identitySource": [authorization],
            "headers": { "authorization": authorization },
        });
        let admitted = self.stack.invoke("authorize", asked).await;
        let context = admitted.expect("the authorizer answers")["context"].clone();
        request.event(&context)
    }
}

/// A request to a function, without a gateway.
#[derive(Clone, Debug, Default)]
pub struct Direct<'a> {
    pub method: &'a str,
    pub path: String,
    pub id: Option<&'a str>,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: Option<Value>,
}

impl Direct<'_> {
    fn event(&self, context: &Value) -> Value {
        let mut headers = json!({ "host": "localhost", "content-type": "application/json" });
        for (name, value) in &self.headers {
            headers[*name] = json!(value);
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "authorizer": { "lambda": context },
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "",
                },
                "requestId": "direct",
                "routeKey": "$default",
                "stage": "$default",
                "time": "22/Nov/2026:08:00:00 +0000",
                "timeEpoch": 1_795_334_400_000_u64,
            },
            "isBase64Encoded": false,
        });
        if let Some(id) = self.id {
            event["pathParameters"] = json!({ "id": id });
        }
        if let Some(body) = &self.body {
            event["body"] = json!(body.to_string());
        }
        event
    }
}

/// `DynamoDB TransactWriteItems by sweep`
fn name_of(seen: &SeenRequest) -> String {
    let service = match seen.service {
        Service::DynamoDb => "DynamoDB",
        Service::SecretsManager => "Secrets Manager",
        Service::Other => "?",
    };
    let by = seen.access_key_id.as_deref().unwrap_or("nobody");
    format!("{service} {} by {by}", seen.operation)
}

/// Lets `first` happen whole just before the write of `function` that `is_meant`, and gives what came of both.
pub async fn between(
    watched: &Watched,
    function: &'static str,
    is_meant: impl Fn(&SeenRequest) -> bool + Send + Sync + 'static,
    second: impl Future<Output = Answer>,
    first: impl Future<Output = Answer> + Send + 'static,
) -> (Answer, Answer) {
    let waiting = Mutex::new(Some(first.boxed()));
    let answer: Arc<Mutex<Option<Answer>>> = Arc::default();
    let kept = Arc::clone(&answer);
    watched.disturb_where(move |seen, _| {
        let is_it = seen.access_key_id.as_deref() == Some(function) && is_meant(seen);
        let first = is_it.then(|| locked(&waiting).take()).flatten();
        if let Some(first) = first {
            let now = tokio::runtime::Handle::current();
            let done = tokio::task::block_in_place(|| now.block_on(first));
            *locked(&kept) = Some(done);
        }
        Fault::Pass
    });
    let asked = second.await;
    watched.calm();
    let first = locked(&answer).take();
    (first.expect("the two did not meet"), asked)
}

/// Whether a write is a transaction.
pub fn is_transaction(seen: &SeenRequest) -> bool {
    seen.operation == "TransactWriteItems"
}
