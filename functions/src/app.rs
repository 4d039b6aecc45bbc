//! The one place that names adapters and reads the environment.
//!
//! Each thing is made when a function asks for it, so that a binary holds only what its function uses: reading links no code
//! that writes, and most functions link neither the prober nor Secrets Manager.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use shared::{
    checkup::Checkup,
    closing::Closing,
    directory::Directory,
    error::{Error, Result},
    integrations::Sharing,
    oauth::{authorizations::Authorizations, consents::Consents, renewal::Renewal},
    ports::{AuthorizationServers, Clock, Connections, Credentials, Ids, Keys, Prober},
    registry::Registry,
    rotation::Rotation,
    scheduler::Scheduler,
    sessions::{Sessions, Submission},
    signing::Signer,
    sweep::Sweeper,
    tenant_creation::{SystemKeys, TenantCreator},
    timestamp::Timestamp,
    tokens::Tokens,
};
use shared_aws::{
    client::{Aws, AwsSettings},
    secrets::SecretsManagerStore,
    store::DynamoStore,
};
use shared_mcp::{McpProber, OauthPeers, ProberSettings};
use url::Url;
use uuid::{Builder, Uuid};

/// Where everything is kept. Functions know it by its ports alone, and link the operations of those that they use.
pub type Store = DynamoStore;

/// Keys that sign or hash are at least this long; a short one is a slip in the deployment.
const MIN_KEY_CHARACTERS: usize = 32;
/// Checks in flight at once in one scheduled invocation. Each holds a connection and a small answer; of those with large answers the
/// prober lets only a few be in flight, so that all of them fit into 256 MB.
const CONCURRENT_CHECKS: usize = 256;

/// What functions are made of. Cheap to clone; made once, before the first event.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    aws: Aws,
    clock: Arc<dyn Clock>,
    prober: OnceLock<Arc<McpProber>>,
    authorization_servers: OnceLock<Arc<OauthPeers>>,
}

/// The environment, read and checked.
#[derive(Clone)]
pub struct Settings {
    pub aws: AwsSettings,
    pub table: Option<String>,
    pub secret_prefix: Option<String>,
    pub signing_key: Option<String>,
    pub key_pepper: Option<String>,
    /// Where tools are called, without a slash at its end.
    pub gateway_url: Option<String>,
    /// Plain http and private addresses are allowed, for a developer's own servers.
    pub development: bool,
    /// Connections may ask that nobody has to vouch for their server.
    pub insecure_tls: bool,
    /// Roots that the prober trusts besides the public ones: a company's own authority.
    pub mcp_roots: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// Reads every variable there is. What a function does not need may be absent; it is missed when it is asked for.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mcp_roots = match get("STEWARD_MCP_CA_BUNDLE") {
            None => Vec::new(),
            Some(file) => CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|error| Error::internal(format!("STEWARD_MCP_CA_BUNDLE: {error}")))?,
        };
        Ok(Self {
            aws: AwsSettings::from_env(variable).map_err(Error::internal)?,
            table: get("STEWARD_TABLE"),
            secret_prefix: get("STEWARD_SECRET_PREFIX"),
            signing_key: get("STEWARD_SIGNING_KEY"),
            key_pepper: get("STEWARD_KEY_PEPPER"),
            gateway_url: get("STEWARD_GATEWAY_URL")
                .map(|text| base("STEWARD_GATEWAY_URL", &text))
                .transpose()?,
            development: get("STEWARD_DEVELOPMENT").is_some_and(|value| value == "true"),
            insecure_tls: get("STEWARD_ALLOW_INSECURE_TLS").is_some_and(|value| value == "true"),
            mcp_roots,
        })
    }
}

impl App {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place where the environment is read"
    )]
    pub fn from_environment() -> Result<Self> {
        Self::new(Settings::read(&|name| std::env::var(name).ok())?)
    }

    pub fn new(settings: Settings) -> Result<Self> {
        Self::with_clock(settings, Arc::new(SystemClock))
    }

    /// An app that lives by another clock than the system's.
    pub fn with_clock(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        let aws = Aws::new(settings.aws.clone()).map_err(Error::internal)?;
        let inner = Inner {
            settings,
            aws,
            clock,
            prober: OnceLock::new(),
            authorization_servers: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Opens the connection to DynamoDB while Lambda still runs the function unthrottled, so that the first request does not pay for it.
    pub async fn prime(&self) {
        if self.inner.settings.table.is_some() {
            self.inner.aws.prime_dynamodb().await;
        }
    }

    pub fn connections(&self) -> Result<impl Connections + use<>> {
        self.store()
    }

    pub fn keys(&self) -> Result<impl Keys + use<>> {
        self.store()
    }

    pub fn tenant_creator(&self) -> Result<TenantCreator> {
        Ok(TenantCreator {
            store: Arc::new(self.store()?),
            clock: self.clock(),
            ids: self.ids(),
            pepper: self.key_pepper()?,
        })
    }

    pub fn system_keys(&self) -> Result<SystemKeys<Store>> {
        Ok(SystemKeys {
            store: self.store()?,
            clock: self.clock(),
            ids: self.ids(),
            pepper: self.key_pepper()?,
        })
    }

    pub fn registry(&self) -> Result<Registry> {
        Ok(Registry {
            store: Arc::new(self.store()?),
            credentials: self.credentials()?,
            clock: self.clock(),
            ids: self.ids(),
            development: self.inner.settings.development,
            insecure_tls: self.inner.settings.insecure_tls,
        })
    }

    pub fn checkup(&self) -> Result<Checkup> {
        Ok(Checkup {
            store: Arc::new(self.store()?),
            credentials: self.credentials()?,
            prober: self.prober(),
            clock: self.clock(),
            renewal: Renewal {
                registry: self.registry()?,
                servers: self.authorization_servers(),
            },
        })
    }

    pub fn rotation(&self) -> Result<Rotation> {
        Ok(Rotation {
            registry: self.registry()?,
            checkup: self.checkup()?,
        })
    }

    pub fn scheduler(&self) -> Result<Scheduler> {
        Ok(Scheduler {
            schedule: Arc::new(self.store()?),
            checkup: self.checkup()?,
            clock: self.clock(),
            concurrency: CONCURRENT_CHECKS,
        })
    }

    pub fn sweeper(&self) -> Result<Sweeper<Store>> {
        Ok(Sweeper {
            registry: self.registry()?,
            tokens: self.tokens()?,
        })
    }

    pub fn sharing(&self) -> Result<Sharing<Store>> {
        Ok(Sharing {
            store: self.store()?,
            clock: self.clock(),
            ids: self.ids(),
        })
    }

    pub fn directory(&self) -> Result<Directory<Store>> {
        Ok(Directory {
            store: self.store()?,
            clock: self.clock(),
            ids: self.ids(),
        })
    }

    pub fn closing(&self) -> Result<Closing<Store>> {
        Ok(Closing {
            directory: self.directory()?,
            sharing: self.sharing()?,
            tokens: self.tokens()?,
            registry: self.registry()?,
        })
    }

    pub fn tokens(&self) -> Result<Tokens<Store>> {
        Ok(Tokens {
            store: self.store()?,
            credentials: self.credentials()?,
            clock: self.clock(),
            ids: self.ids(),
        })
    }

    pub fn sessions(&self) -> Result<Sessions<Store>> {
        Ok(Sessions {
            store: self.store()?,
            clock: self.clock(),
            ids: self.ids(),
        })
    }

    pub fn submission(&self) -> Result<Submission<Store>> {
        Ok(Submission {
            tokens: self.tokens()?,
            checkup: self.checkup()?,
        })
    }

    pub fn authorizations(&self) -> Result<Authorizations<Store>> {
        Ok(Authorizations {
            consents: self.consents()?,
            servers: self.authorization_servers(),
            signer: self.signer()?,
        })
    }

    pub fn consents(&self) -> Result<Consents<Store>> {
        Ok(Consents {
            store: self.store()?,
            registry: self.registry()?,
        })
    }

    pub fn signer(&self) -> Result<Signer> {
        key(
            "STEWARD_SIGNING_KEY",
            self.inner.settings.signing_key.as_ref(),
        )
        .map(Signer::new)
    }

    pub fn key_pepper(&self) -> Result<String> {
        key(
            "STEWARD_KEY_PEPPER",
            self.inner.settings.key_pepper.as_ref(),
        )
    }

    /// Where tools are called, if that is known.
    pub fn gateway_url(&self) -> Option<&str> {
        self.inner.settings.gateway_url.as_deref()
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    pub fn ids(&self) -> Arc<dyn Ids> {
        Arc::new(RandomIds(SystemRandom::new()))
    }

    pub fn store(&self) -> Result<Store> {
        let table = required("STEWARD_TABLE", self.inner.settings.table.as_ref())?;
        Ok(DynamoStore::new(self.inner.aws.dynamodb(), table))
    }

    pub fn credentials(&self) -> Result<Arc<dyn Credentials>> {
        let prefix = required(
            "STEWARD_SECRET_PREFIX",
            self.inner.settings.secret_prefix.as_ref(),
        )?;
        Ok(Arc::new(SecretsManagerStore::new(
            self.inner.aws.secrets_manager(),
            prefix,
        )))
    }

    /// One prober for all checks: its TLS configuration is the costly part. No connection outlives a check.
    fn prober(&self) -> Arc<dyn Prober> {
        let prober = self
            .inner
            .prober
            .get_or_init(|| Arc::new(McpProber::new(self.prober_settings())));
        prober.clone()
    }

    fn authorization_servers(&self) -> Arc<dyn AuthorizationServers> {
        let servers = self
            .inner
            .authorization_servers
            .get_or_init(|| Arc::new(OauthPeers::new(self.prober_settings())));
        servers.clone()
    }

    /// What is dialled, and whom we trust there, is the same for both.
    fn prober_settings(&self) -> ProberSettings {
        let Settings {
            development,
            insecure_tls,
            mcp_roots,
            ..
        } = &self.inner.settings;
        ProberSettings {
            development: *development,
            insecure_tls: *insecure_tls,
            extra_roots: mcp_roots.clone(),
            ..ProberSettings::default()
        }
    }
}

fn required(name: &'static str, value: Option<&String>) -> Result<String> {
    value
        .cloned()
        .ok_or_else(|| Error::internal(format!("the environment variable {name} is not set")))
}

/// An address that others are made from.
fn base(name: &'static str, text: &str) -> Result<String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.query().is_none()
            && url.fragment().is_none()
    });
    url.map(|url| url.as_str().trim_end_matches('/').to_owned())
        .ok_or_else(|| {
            Error::internal(format!(
                "the environment variable {name} is not an absolute http or https URL without query and fragment"
            ))
        })
}

fn key(name: &'static str, value: Option<&String>) -> Result<String> {
    let key = required(name, value)?;
    if key.chars().count() < MIN_KEY_CHARACTERS {
        return Err(Error::internal(format!(
            "the environment variable {name} has fewer than {MIN_KEY_CHARACTERS} characters"
        )));
    }
    Ok(key)
}

/// The system's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let wait = moment.millis_since(self.now());
        tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(0))).await;
    }
}

struct RandomIds(SystemRandom);

impl Ids for RandomIds {
    fn sortable(&self, now: Timestamp) -> Result<Uuid> {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        Ok(Builder::from_unix_timestamp_millis(millis, &self.fill()?).into_uuid())
    }

    fn random(&self) -> Result<Uuid> {
        Ok(Builder::from_random_bytes(self.fill()?).into_uuid())
    }

    fn secret(&self) -> Result<[u8; 32]> {
        self.fill()
    }
}

impl RandomIds {
    fn fill<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0
            .fill(&mut bytes)
            .map_err(|_| Error::internal("the system has no randomness"))?;
        Ok(bytes)
    }
}
