//! The AWS clients, assembled by hand from settings that are all given.
//!
//! `aws-config` is not used: it looks for profiles, files and instance metadata that a Lambda does not have, and brings a
//! second cryptography library whose first use costs more than a hundred cold starts of ours. The rest of this file leaves
//! out of each request what a Lambda has no use for.

use std::{
    fmt,
    sync::{Arc, OnceLock},
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
        dyn_dispatch_hint,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use http::Uri;

pub use crate::settings::{AwsSettings, SettingsError};
use crate::{answers::ReadsItems, connector::Connector, signer::SigV4};

/// How long a TLS connection may take to open. Within a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer may take. Both services answer within tens of milliseconds; a silent connection is given up for another.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// The first pause before a retry. A caller waits, and a throttled partition recovers fast.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// The clients, each made when it is first asked for. They share their connections, and none is opened before it is needed
/// or [primed](Aws::prime_dynamodb). Cheap to clone.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    region: Region,
    credentials: Credentials,
    connector: Connector,
    dynamodb_uri: Uri,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    secrets_manager_uri: Uri,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Result<Self, SettingsError> {
        let connector = Connector::new(&settings.extra_roots()?).map_err(|error| {
            SettingsError::Invalid("AWS_CA_BUNDLE", format!("is refused: {error}"))
        })?;
        let inner = Inner {
            connector,
            dynamodb_uri: settings.dynamodb_uri()?,
            dynamodb: OnceLock::new(),
            secrets_manager_uri: settings.secrets_manager_uri()?,
            secrets_manager: OnceLock::new(),
            region: Region::new(settings.region),
            credentials: settings.credentials,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let Inner {
            region,
            dynamodb_uri,
            ..
        } = &*self.inner;
        let make = || {
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(region.clone())
                .credentials_provider(self.inner.credentials.clone())
                .identity_cache(IdentityCache::no_cache())
                .push_auth_scheme(SigV4::new(region, "dynamodb"))
                .endpoint_resolver(Fixed::at(dynamodb_uri))
                .http_client(SharedHttpClient::new(self.inner.connector.clone()))
                .timeout_config(timeouts())
                .retry_config(retries())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .interceptor(WithoutExtras)
                .interceptor(ReadsItems)
                .build();
            aws_sdk_dynamodb::Client::from_conf(config)
        };
        self.inner.dynamodb.get_or_init(make).clone()
    }

    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let Inner {
            region,
            secrets_manager_uri,
            ..
        } = &*self.inner;
        let make = || {
            let config = aws_sdk_secretsmanager::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(region.clone())
                .credentials_provider(self.inner.credentials.clone())
                .identity_cache(IdentityCache::no_cache())
                .push_auth_scheme(SigV4::new(region, "secretsmanager"))
                .endpoint_resolver(Fixed::at(secrets_manager_uri))
                .http_client(SharedHttpClient::new(self.inner.connector.clone()))
                .timeout_config(timeouts())
                .retry_config(retries())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .interceptor(WithoutExtras)
                .build();
            aws_sdk_secretsmanager::Client::from_conf(config)
        };
        self.inner.secrets_manager.get_or_init(make).clone()
    }

    /// Makes the DynamoDB client and opens its connection ahead of the first request.
    ///
    /// Lambda runs a function's start unthrottled, so the handshake costs a fraction there of what it costs the first caller.
    /// Nothing is requested, so no right is needed; and a failure is no failure: the first request opens its own connection
    /// and reports what is wrong.
    pub async fn prime_dynamodb(&self) {
        self.dynamodb();
        let Inner {
            connector,
            dynamodb_uri,
            ..
        } = &*self.inner;
        let _ = connector.prime(dynamodb_uri, CONNECT_TIMEOUT).await;
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("dynamodb", &self.inner.dynamodb_uri)
            .field("secrets_manager", &self.inner.secrets_manager_uri)
            .finish_non_exhaustive()
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()
}

/// Three attempts, as every AWS SDK makes them.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(FIRST_BACKOFF)
}

/// An endpoint that was settled when the client was made. The SDK's own resolver evaluates its rules anew for each request.
#[derive(Debug)]
struct Fixed(Endpoint);

impl Fixed {
    fn at(uri: &Uri) -> Self {
        Self(Endpoint::builder().url(uri.to_string()).build())
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
/// Together they would cost more than sending the request does. A Lambda's clock is right, and the connector names the
/// client in one constant header.
#[derive(Debug)]
struct WithoutExtras;

#[dyn_dispatch_hint]
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
