//! One check, from the first step to the finding, within one deadline.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use shared::{
    capability::Capability,
    configuration::Configuration,
    connection::Auth,
    contract::Contract,
    credential::Secret,
    ports::{Prober, Target},
    trust::Trust,
    verdict::{Era, Failure, Finding, Reason},
};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Position;
use zeroize::Zeroizing;

use crate::{
    channel::{self, Channel, Place},
    client::Client,
    guard::Guard,
    limits::Limits,
    redact,
    resolve::{PlatformResolver, Resolve},
    room::{self, Budget, Room},
    tls,
    transcript::Transcript,
};

/// How late a deadline may be noticed.
const LATE: Duration = Duration::from_millis(500);

/// How checks are made.
#[derive(Clone, Debug, Default)]
pub struct ProberSettings {
    /// Lets checks reach plain http and private addresses. See [`Guard::development`].
    pub development: bool,
    /// Authorities to trust besides the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Heeds connections that want their server's certificate not to be judged. Others are checked as if they had not asked.
    pub insecure_tls: bool,
    pub limits: Limits,
}

/// Speaks MCP to tenants' servers. Costs nothing until the first check over TLS.
pub struct McpProber {
    settings: ProberSettings,
    resolver: Arc<dyn Resolve>,
    /// For connections that trust as the public does.
    public_tls: OnceLock<Result<TlsConnector, Reason>>,
    /// Shared by all checks of this prober.
    room: Room,
}

impl McpProber {
    pub fn new(settings: ProberSettings) -> Self {
        Self::with_resolver(settings, Arc::new(PlatformResolver))
    }

    /// The same with other answers to names.
    pub fn with_resolver(settings: ProberSettings, resolver: Arc<dyn Resolve>) -> Self {
        let room = Room::new(&settings.limits);
        Self {
            settings,
            room,
            resolver,
            public_tls: OnceLock::new(),
        }
    }

    /// What judges the server's certificate. Made for this check alone where the connection says something of it, so that nobody's authority
    /// comes into another's check.
    fn tls(&self, trust: &Trust) -> Result<TlsConnector, Reason> {
        let ProberSettings {
            extra_roots,
            insecure_tls,
            ..
        } = &self.settings;
        match &trust.ca {
            _ if trust.skip_verification && *insecure_tls => tls::lenient(),
            Some(own) => tls::connector(extra_roots, Some(own)),
            None => self
                .public_tls
                .get_or_init(|| tls::connector(extra_roots, None))
                .clone(),
        }
    }

    /// Everything about the target that is known before anything is done.
    fn place<'a>(&'a self, guard: Guard, target: &Target<'a>) -> Result<Place<'a>, Reason> {
        let url = target.url.url();
        let credential = credential(target.auth, target.secret)?;
        let has_credential = !credential.is_empty();
        guard.admit_url(url).map_err(|_| Reason::AddressBlocked)?;
        let host = channel::host_header(url).ok_or(Reason::InternalError)?;
        let mut headers = channel::common_headers(host);
        headers.extend(credential);
        Ok(Place {
            host: url.host().ok_or(Reason::InternalError)?,
            port: url.port_or_known_default().ok_or(Reason::InternalError)?,
            tls: target
                .url
                .is_https()
                .then(|| self.tls(target.trust))
                .transpose()?,
            path: &url[Position::BeforePath..Position::AfterQuery],
            headers,
            credential: has_credential,
        })
    }

    /// Runs a check. `era` is kept up to date, so that it is known even where the deadline cuts the check short.
    async fn run(
        &self,
        target: &Target<'_>,
        deadline: Instant,
        place_in_room: room::Place,
        (era, others): (&mut Option<Era>, Option<&mut Vec<Capability>>),
        transcript: &mut Transcript,
    ) -> Result<Contract, Failure> {
        let limits = &self.settings.limits;
        let guard = Guard {
            development: self.settings.development,
        };
        let place = self.place(guard, target)?;
        let resolver = &*self.resolver;
        let budget = Budget::new(limits, &self.room, place_in_room);
        let channel =
            Channel::open(place, guard, resolver, limits, budget, deadline, transcript).await?;
        let mut client = Client::new(channel, limits, deadline, target.era);
        let outcome = client.learn(others, transcript).await;
        *era = client.era();
        transcript.close(outcome.as_ref().err().map(|failure| failure.reason));
        client.end_session(transcript).await;
        outcome
    }
}

#[async_trait]
impl Prober for McpProber {
    async fn check(&self, target: Target<'_>) -> Finding {
        self.converse(target, None).await
    }

    async fn explore(&self, target: Target<'_>) -> (Finding, Vec<Capability>) {
        let mut others = Vec::new();
        let finding = self.converse(target, Some(&mut others)).await;
        (finding, others)
    }
}

impl McpProber {
    async fn converse(
        &self,
        target: Target<'_>,
        mut others: Option<&mut Vec<Capability>>,
    ) -> Finding {
        let mut transcript = Transcript::begin();
        let mut era = target.era;
        let deadline = Instant::now() + self.settings.limits.total;
        let place = room::Place::default();
        // Every wait inside has its own end; this one is for the wait that somebody forgets.
        let learned = (&mut era, others.as_deref_mut());
        let run = self.run(&target, deadline, place.clone(), learned, &mut transcript);
        let mut outcome = timeout_at(deadline, run)
            .await
            .unwrap_or(Err(Reason::ResponseTimeout.into()));
        if Instant::now() > deadline + LATE {
            outcome = outcome.map_err(blame_ourselves);
        }
        transcript.close(outcome.as_ref().err().map(|failure| failure.reason));
        if let (Ok(contract), Some(secret)) = (&mut outcome, target.secret) {
            let secrets = secrets(target.auth, secret);
            redact::contract(contract, &secrets);
            redact::capabilities(others.into_iter().flatten(), &secrets);
        }
        let (latency_ms, steps) = transcript.finish();
        Finding {
            outcome,
            era,
            latency_ms,
            steps,
            reserved: Some(place),
        }
    }
}

/// A wait that ended long after its end says that we had no time to look, and nothing about the server.
fn blame_ourselves(failure: Failure) -> Failure {
    match failure.reason {
        Reason::ConnectTimeout | Reason::ResponseTimeout => Reason::InternalError.into(),
        _ => failure,
    }
}

/// The headers that carry the credential, marked so that nothing prints them.
fn credential(
    auth: &Auth,
    secret: Option<&Secret>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Reason> {
    let Some(secret) = secret else {
        return match auth.needs_credential() {
            true => Err(Reason::CredentialMissing),
            false => Ok(Vec::new()),
        };
    };
    let sent = Configuration::of(auth, Some(secret)).map_err(|_| Reason::InternalError)?;
    let headers = sent.sent_headers();
    if headers.is_empty() && auth.needs_credential() {
        return Err(Reason::CredentialMissing);
    }
    let header = |(name, value): (String, Zeroizing<String>)| {
        let name = HeaderName::try_from(name).map_err(|_| Reason::InternalError)?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| Reason::InternalError)?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    headers.into_iter().map(header).collect()
}

/// Every text that must not come back in what the server says: values as they are, but of a value with a scheme such as `Bearer` only what follows it.
fn secrets(auth: &Auth, secret: &Secret) -> Vec<Zeroizing<String>> {
    let mut texts = match Configuration::of(auth, Some(secret)) {
        Ok(configuration) => configuration.secrets(),
        Err(_) => vec![Zeroizing::new(secret.expose().to_owned())],
    };
    for text in &mut texts {
        // The word in front is no secret, and what a server says of it reads better with it.
        if let Some((_, rest)) = text.split_once(' ').filter(|(scheme, _)| is_scheme(scheme)) {
            *text = Zeroizing::new(rest.to_owned());
        }
    }
    texts
}

fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "token"].contains(&&*word.to_ascii_lowercase())
}
