//! Everything in one process: the API with the routes of template.yaml, the schedule, DynamoDB and Secrets Manager.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use functions::app::SystemClock;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::ports::Clock;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    demo,
    dynamodb::DynamoDb,
    gateway::{Gateway, Invoke, InvokeError},
    host::{Host, Surroundings},
    schedule,
    secrets_manager::SecretsManager,
    state::State,
    template::Template,
};

/// The one list of routes, schedules and tables.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// How often items past their time to live are removed. The real service takes its time too.
const EXPIRY_SWEEP: Duration = Duration::from_secs(60);

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
pub struct Options {
    /// The API's port; 0 for any. DynamoDB and Secrets Manager take the two ports above it, or any.
    pub port: u16,
    /// Where DynamoDB and Secrets Manager listen; the API is on loopback always.
    pub bind: IpAddr,
    /// Where everything is kept; in memory when absent.
    pub data: Option<PathBuf>,
    /// Demo tenants there are at least.
    pub tenants: usize,
    /// What takes the place of the schedule's minute; nothing runs by itself when absent.
    pub tick: Option<Duration>,
    /// An MCP server to try things with, on the port above those of the two services.
    pub demo_server: bool,
    /// Plain http and private addresses are refused, as they are in the cloud.
    pub strict: bool,
    /// Connections may ask that nobody has to vouch for their server.
    pub insecure_tls: bool,
    /// A PEM file of roots that the prober trusts.
    pub mcp_ca_bundle: Option<String>,
    /// Where the functions find DynamoDB and Secrets Manager, given where they are: what stands in between is the caller's affair.
    pub detour: Option<Detour>,
    /// The clock that the functions live by.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            bind: Ipv4Addr::LOCALHOST.into(),
            data: None,
            tenants: 1,
            tick: None,
            demo_server: false,
            strict: false,
            insecure_tls: false,
            mcp_ca_bundle: None,
            detour: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Leads calls to AWS through something that watches or disturbs them.
#[derive(Clone)]
pub struct Detour(
    pub Arc<dyn Fn(Endpoints) -> BoxFuture<'static, io::Result<Endpoints>> + Send + Sync>,
);

/// Where the two AWS services answer.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub dynamodb_url: String,
    pub secrets_manager_url: String,
}

/// A tenant to try things with, and its keys in the clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoTenant {
    pub tenant_id: String,
    pub workspace_id: String,
    pub organisation_service_key: String,
    pub workspace_service_key: String,
    pub workspace_user_key: String,
    pub user_id: String,
    /// The key of the tenant's gateway. Empty for tenants that were kept before there were any, until the next start.
    #[serde(default)]
    pub system_key: String,
}

pub struct Stack {
    pub url: String,
    pub endpoints: Endpoints,
    pub demo_server_url: Option<String>,
    pub tenants: Vec<DemoTenant>,
    pub template: Arc<Template>,
    pub dynamodb: DynamoDb,
    pub secrets_manager: Arc<SecretsManager>,
    host: Arc<Host>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Stack {
    pub async fn start(options: Options) -> Result<Self, Failure> {
        let template = Arc::new(Template::parse(TEMPLATE, &BTreeMap::new())?);
        let mut state = State::open(options.data.as_deref())?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();

        let port_above = |n: u16| {
            if options.port == 0 {
                0
            } else {
                options.port.saturating_add(n)
            }
        };
        let api = listen((Ipv4Addr::LOCALHOST, options.port)).await?;
        let dynamodb_listener = listen((options.bind, port_above(1))).await?;
        let secrets_listener = listen((options.bind, port_above(2))).await?;
        let endpoints = Endpoints {
            dynamodb_url: url_of(&dynamodb_listener)?,
            secrets_manager_url: url_of(&secrets_listener)?,
        };

        let dynamodb = match state.file("dynamodb.sqlite") {
            Some(file) => DynamoDb::open(&file)?,
            None => DynamoDb::memory()?,
        };
        dynamodb.create_tables(&template.tables)?;
        let (serving, sweeping) = (dynamodb.clone(), dynamodb.clone());
        let (served, swept) = (ended(stopped.clone()), ended(stopped.clone()));
        tasks.spawn(async move { serving.serve(dynamodb_listener, served).await });
        tasks.spawn(async move { sweeping.sweep_every(EXPIRY_SWEEP, swept).await });
        let secrets_manager = Arc::new(SecretsManager::open(state.file("secrets.json"))?);
        tasks.spawn(Arc::clone(&secrets_manager).serve(secrets_listener, ended(stopped.clone())));

        let mut demo_server_url = None;
        if options.demo_server {
            let listener = listen((Ipv4Addr::LOCALHOST, port_above(3))).await?;
            demo_server_url = Some(format!("{}/mcp", url_of(&listener)?));
            tasks.spawn(demo::server::serve(listener, ended(stopped.clone())));
        }

        let seen = match &options.detour {
            Some(Detour(lead)) => lead(endpoints.clone()).await?,
            None => endpoints.clone(),
        };
        let surroundings = Surroundings {
            dynamodb_url: seen.dynamodb_url,
            secrets_manager_url: seen.secrets_manager_url,
            signing_key: state.kept.signing_key.clone(),
            key_pepper: state.kept.key_pepper.clone(),
            development: !options.strict,
            insecure_tls: options.insecure_tls,
            mcp_ca_bundle: options.mcp_ca_bundle.clone(),
            clock: Arc::clone(&options.clock),
        };
        let host = Arc::new(Host::new(&template, &surroundings)?);
        while state.kept.tenants.len() < options.tenants {
            let tenant = create_tenant(&host, state.kept.tenants.len() + 1).await?;
            state.kept.tenants.push(tenant);
            state.save()?;
        }
        for tenant in &mut state.kept.tenants {
            if tenant.system_key.is_empty() {
                tenant.system_key = create_system_key(&host, &tenant.tenant_id).await?;
            }
        }
        state.save()?;

        let url = url_of(&api)?;
        let gateway = Arc::new(Gateway::new(
            &template,
            Arc::clone(&host) as Arc<dyn Invoke>,
        ));
        tasks.spawn(gateway.serve(api, ended(stopped.clone())));
        if let Some(tick) = options.tick {
            for (function, every) in schedule::of(&template, tick) {
                tasks.spawn(schedule::run(
                    Arc::clone(&host),
                    function,
                    every,
                    ended(stopped.clone()),
                ));
            }
        }
        let tenants = state.kept.tenants;
        Ok(Self {
            url,
            endpoints,
            demo_server_url,
            tenants,
            template,
            dynamodb,
            secrets_manager,
            host,
            stop,
            tasks,
        })
    }

    /// Invokes a function directly, as an operator or the schedule does.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        self.host.invoke(function, event).await
    }

    /// Invokes a function and tells it that it has only this much time left.
    pub async fn invoke_within(
        &self,
        function: &str,
        event: Value,
        time: Duration,
    ) -> Result<Value, InvokeError> {
        self.host.invoke_within(function, event, Some(time)).await
    }

    /// Stops taking requests, lets those that run end, and returns when all is quiet.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }

    /// The line that tells programs where everything is.
    pub fn ready_line(&self) -> Value {
        json!({
            "url": self.url,
            "dynamodbUrl": self.endpoints.dynamodb_url,
            "secretsManagerUrl": self.endpoints.secrets_manager_url,
            "tenants": self.tenants,
        })
    }
}

/// Makes a demo tenant, through the function that makes real ones.
async fn create_tenant(host: &Host, number: usize) -> Result<DemoTenant, Failure> {
    let event = json!({
        "name": format!("Demo {number}"),
        "keys": ["organisation-service", "workspace-service", "workspace-user"],
    });
    let made = made(host, "create-tenant", event).await?;
    Ok(DemoTenant {
        tenant_id: made("/tenantId")?,
        workspace_id: made("/workspaceId")?,
        organisation_service_key: made("/keys/organisation-service")?,
        workspace_service_key: made("/keys/workspace-service")?,
        workspace_user_key: made("/keys/workspace-user")?,
        user_id: made("/userId")?,
        system_key: String::new(),
    })
}

/// Makes a key for a tenant's gateway, likewise.
async fn create_system_key(host: &Host, tenant: &str) -> Result<String, Failure> {
    let made = made(host, "create-system-key", json!({ "tenantId": tenant })).await?;
    made("/key")
}

/// Invokes a function that makes something; gives what finds texts in its answer.
async fn made(
    host: &Host,
    function: &str,
    event: Value,
) -> Result<impl Fn(&str) -> Result<String, Failure>, Failure> {
    let made = host
        .invoke(function, event)
        .await
        .map_err(|error| error.0)?;
    Ok(move |pointer: &str| {
        made.pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("no {pointer}").into())
    })
}

async fn listen(address: impl Into<SocketAddr>) -> Result<TcpListener, Failure> {
    let address = address.into();
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address}: {error}").into())
}

/// The address under which a listener is reached from this machine.
fn url_of(listener: &TcpListener) -> io::Result<String> {
    let address = listener.local_addr()?;
    let host = if address.ip().is_unspecified() {
        IpAddr::from(Ipv4Addr::LOCALHOST)
    } else {
        address.ip()
    };
    Ok(format!("http://{}", SocketAddr::new(host, address.port())))
}

/// Resolves when the stack is told to stop, or is dropped.
async fn ended(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
