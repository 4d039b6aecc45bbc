//! The AWS clients, assembled by hand from settings that are all given.
//!
//! `aws-config` is not used: it looks for profiles, files and instance metadata that a Lambda does not have, and brings a second
//! cryptography library whose first use costs more than a hundred cold starts of ours. What a Lambda needs is in its environment.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_runtime::{
    invocation_id::InvocationIdInterceptor, request_info::RequestInfoInterceptor,
    service_clock_skew::ServiceClockSkewInterceptor, user_agent::UserAgentInterceptor,
};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, SharedHttpClient, StalledStreamProtectionConfig,
    endpoint::{Endpoint, EndpointFuture},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::interceptors::{
        Intercept, context::BeforeSerializationInterceptorContextRef, disable_interceptor,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use http::Uri;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{connector::Connector, signer::SigV4};

/// How long a TLS connection may take to open. Within a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer may take. Both services answer within tens of milliseconds; a silent connection is given up for another.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// The first pause before a retry. DynamoDB's own SDKs start at 50 ms as well: a caller waits, and a throttled partition recovers fast.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Where AWS is, and as whom it is called.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    pub region: String,
    pub credentials: Credentials,
    /// Replaces the endpoint of the region: a local stack, or a VPC endpoint.
    pub dynamodb_endpoint: Option<String>,
    pub secrets_manager_endpoint: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones.
    pub ca_bundle: Option<PathBuf>,
}

impl AwsSettings {
    /// Reads the variables that AWS defines, and no others. An empty variable counts as absent.
    pub fn from_env(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<AwsSettings, SettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| optional(name).ok_or(SettingsError::Missing(name));
        let endpoint = |name: &'static str| match optional(name) {
            Some(url) if parse_endpoint(&url).is_none() => Err(SettingsError::Invalid(
                name,
                "is not an http or https URL of a host without a path".into(),
            )),
            other => Ok(other),
        };

        let region = required("AWS_REGION")?;
        if !region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(SettingsError::Invalid(
                "AWS_REGION",
                "is not the name of a region".into(),
            ));
        }
        Ok(AwsSettings {
            region,
            credentials: Credentials::new(
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
                optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            dynamodb_endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB")?,
            secrets_manager_endpoint: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER")?,
            ca_bundle: optional("AWS_CA_BUNDLE").map(PathBuf::from),
        })
    }
}

/// Settings that no client can be built from. Names the variable that is to be set or corrected.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{0} {1}")]
    Invalid(&'static str, String),
}

/// Makes the clients. They share their connections, and none is opened before it is needed or [primed](Aws::prime_dynamodb).
#[derive(Clone)]
pub struct Aws {
    region: Region,
    credentials: Credentials,
    dynamodb: Uri,
    secrets_manager: Uri,
    connector: Connector,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Result<Aws, SettingsError> {
        let AwsSettings {
            region,
            credentials,
            dynamodb_endpoint,
            secrets_manager_endpoint,
            ca_bundle,
        } = settings;
        let extra_roots = ca_bundle
            .as_deref()
            .map(read_bundle)
            .transpose()?
            .unwrap_or_default();
        let connector = Connector::new(&extra_roots).map_err(|error| {
            SettingsError::Invalid("AWS_CA_BUNDLE", format!("is refused: {error}"))
        })?;
        Ok(Aws {
            dynamodb: endpoint(
                "dynamodb",
                &region,
                dynamodb_endpoint,
                "AWS_ENDPOINT_URL_DYNAMODB",
            )?,
            secrets_manager: endpoint(
                "secretsmanager",
                &region,
                secrets_manager_endpoint,
                "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            )?,
            region: Region::new(region),
            credentials,
            connector,
        })
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .identity_cache(IdentityCache::no_cache())
            .endpoint_resolver(Fixed::at(&self.dynamodb))
            .http_client(SharedHttpClient::new(self.connector.clone()))
            .retry_config(retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .push_auth_scheme(SigV4::new(self.region.as_ref(), "dynamodb"))
            .interceptor(WithoutExtras)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .identity_cache(IdentityCache::no_cache())
            .endpoint_resolver(Fixed::at(&self.secrets_manager))
            .http_client(SharedHttpClient::new(self.connector.clone()))
            .retry_config(retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .push_auth_scheme(SigV4::new(self.region.as_ref(), "secretsmanager"))
            .interceptor(WithoutExtras)
            .build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    /// Opens the connection to DynamoDB ahead of the first request.
    ///
    /// Lambda runs a function's start unthrottled, so the handshake costs a fraction there of what it costs the first caller.
    /// Nothing is requested, so no right is needed; and a failure is no failure: the first request opens its own connection
    /// and reports what is wrong.
    pub async fn prime_dynamodb(&self) {
        let _ = self.connector.prime(&self.dynamodb, CONNECT_TIMEOUT).await;
    }

    /// The same for Secrets Manager, for functions that need a secret in every request.
    pub async fn prime_secrets_manager(&self) {
        let _ = self
            .connector
            .prime(&self.secrets_manager, CONNECT_TIMEOUT)
            .await;
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("dynamodb", &self.dynamodb)
            .field("secrets_manager", &self.secrets_manager)
            .finish_non_exhaustive()
    }
}

/// Three attempts, as every AWS SDK makes them.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(FIRST_BACKOFF)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()
}

/// An endpoint that was settled when the client was built. The SDK's own resolver evaluates its rules anew for each request.
#[derive(Debug)]
struct Fixed(Endpoint);

impl Fixed {
    fn at(uri: &Uri) -> Fixed {
        Fixed(
            Endpoint::builder()
                .url(uri.to_string().trim_end_matches('/').to_owned())
                .build(),
        )
    }
}

impl aws_sdk_dynamodb::config::endpoint::ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(
        &'a self,
        _: &'a aws_sdk_dynamodb::config::endpoint::Params,
    ) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

impl aws_sdk_secretsmanager::config::endpoint::ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(
        &'a self,
        _: &'a aws_sdk_secretsmanager::config::endpoint::Params,
    ) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

/// Switches off what the SDK adds to each request for statistics and for clocks that are wrong.
///
/// Together they would cost more than sending the request does. A Lambda's clock is right, and the connector names
/// the client in one constant header.
#[derive(Debug)]
struct WithoutExtras;

impl Intercept for WithoutExtras {
    fn name(&self) -> &'static str {
        "WithoutExtras"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const WHY: &str = "costs more than it tells";
        config
            .interceptor_state()
            .store_put(disable_interceptor::<UserAgentInterceptor>(WHY))
            .store_put(disable_interceptor::<InvocationIdInterceptor>(WHY))
            .store_put(disable_interceptor::<RequestInfoInterceptor>(WHY))
            .store_put(disable_interceptor::<ServiceClockSkewInterceptor>(WHY));
        Ok(())
    }
}

fn endpoint(
    service: &str,
    region: &str,
    given: Option<String>,
    variable: &'static str,
) -> Result<Uri, SettingsError> {
    let url = given.unwrap_or_else(|| format!("https://{service}.{region}.{}", dns_suffix(region)));
    parse_endpoint(&url).ok_or_else(|| {
        SettingsError::Invalid(
            variable,
            "is not an http or https URL of a host without a path".into(),
        )
    })
}

/// Takes an origin and nothing more: requests go to `/`, and a port that the scheme implies is not part of what is signed.
fn parse_endpoint(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let usual = match uri.scheme_str()? {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority()?.as_str();
    if uri.host()?.is_empty() || authority.contains('@') || uri.path_and_query()?.as_str() != "/" {
        return None;
    }
    if uri.port_u16() != Some(usual) {
        return Some(uri);
    }
    format!("{}://{}/", uri.scheme_str()?, uri.host()?)
        .parse()
        .ok()
}

/// The domain of the partition that a region belongs to, told by the region's prefix as AWS itself does.
fn dns_suffix(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

fn read_bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let refused = |problem: String| SettingsError::Invalid("AWS_CA_BUNDLE", problem);
    let roots = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(format!("cannot be read as PEM: {error}")))?;
    if roots.is_empty() {
        return Err(refused("holds no certificate".into()));
    }
    Ok(roots)
}
