//! The way to one server during one check: a connection that is used again while the server lets us, and made anew when it does not.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use shared::verdict::{Failure, Reason, StepName};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::{
    body::{self, Body, Kind},
    dial::{self, Connection},
    guard::{Dialable, Guard},
    limits::Limits,
    resolve::{self, Resolve},
    retry_after,
    room::Budget,
    rpc::Said,
    tls,
    transcript::Transcript,
};

/// Where a check goes, and what it always sends there.
pub(crate) struct Place<'a> {
    pub(crate) host: Host<&'a str>,
    pub(crate) port: u16,
    /// Present where the URL wants TLS.
    pub(crate) tls: Option<TlsConnector>,
    /// Path and query.
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    /// Whether there is a credential among the headers. It decides what a refusal means.
    pub(crate) credential: bool,
}

/// One request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) said: Said,
}

/// A way to a server. Dropping it closes the connection.
pub(crate) struct Channel<'a> {
    place: Place<'a>,
    guard: Guard,
    limits: &'a Limits,
    addresses: Vec<Dialable>,
    connection: Option<Connection>,
    /// What this check may still take.
    budget: Budget,
    /// The server leaves streams open after the answer, so waiting for their end is of no use.
    never_ends: bool,
    /// Something that was HTTP has come back once.
    heard: bool,
}

impl<'a> Channel<'a> {
    /// Resolves, connects and shakes hands, each as a step.
    pub(crate) async fn open(
        place: Place<'a>,
        guard: Guard,
        resolver: &dyn Resolve,
        limits: &'a Limits,
        budget: Budget,
        until: Instant,
        transcript: &mut Transcript,
    ) -> Result<Self, Reason> {
        transcript.step(StepName::Resolve);
        let limit = limits
            .resolve
            .min(until.saturating_duration_since(Instant::now()));
        let addresses = resolve::dialable(resolver, guard, &place.host, place.port, limit).await?;
        let mut channel = Self {
            place,
            guard,
            limits,
            addresses,
            connection: None,
            budget,
            never_ends: false,
            heard: false,
        };
        transcript.step(StepName::Connect);
        let connection = channel.dial(until, Some(transcript)).await?;
        channel.connection = Some(connection);
        Ok(channel)
    }

    async fn dial(
        &mut self,
        until: Instant,
        transcript: Option<&mut Transcript>,
    ) -> Result<Connection, Reason> {
        let until = until.min(Instant::now() + self.limits.connect);
        let (stream, address) = dial::connect(self.guard, &self.addresses, until).await?;
        // Should we have to come back, then to the same machine: a session lives there.
        self.addresses = vec![address];
        let Some(connector) = &self.place.tls else {
            return dial::speak_http(stream, self.limits.header_bytes).await;
        };
        if let Some(transcript) = transcript {
            transcript.step(StepName::Tls);
        }
        let handshake = tls::handshake(connector, &self.place.host, stream);
        let stream = timeout_at(until, handshake)
            .await
            .map_err(|_| Reason::ConnectTimeout)??;
        dial::speak_http(stream, self.limits.header_bytes).await
    }

    /// Sends a request and reads the answer to `id`. Statuses that settle a check whatever was asked come back as failures.
    pub(crate) async fn ask(
        &mut self,
        ask: &Ask,
        id: u64,
        until: Instant,
        transcript: &mut Transcript,
    ) -> Result<Reply, Failure> {
        let (response, connection) = self.send(ask, until).await?;
        let (parts, incoming) = response.into_parts();
        transcript.status(parts.status.as_u16());
        if let Some(failure) = self.settled(parts.status, &parts.headers) {
            return Err(failure);
        }
        let kind = body::kind(&parts.headers)?;
        let mut body = Body::new(incoming, self.limits, &mut self.budget, until);
        let said = body.answer(kind, parts.status, id).await?;
        if !self.never_ends {
            if body.ends_by(Instant::now() + self.limits.linger).await {
                self.connection = Some(connection);
            } else if kind == Kind::Events {
                self.never_ends = true;
            }
        }
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            said,
        })
    }

    /// Sends a request whose answer is of no interest beyond its status.
    pub(crate) async fn tell(
        &mut self,
        ask: &Ask,
        until: Instant,
        transcript: &mut Transcript,
    ) -> Result<StatusCode, Failure> {
        let (response, connection) = self.send(ask, until).await?;
        let (parts, incoming) = response.into_parts();
        transcript.status(parts.status.as_u16());
        if let Some(failure) = self.settled(parts.status, &parts.headers) {
            return Err(failure);
        }
        let mut body = Body::new(incoming, self.limits, &mut self.budget, until);
        if body.ends_by(Instant::now() + self.limits.linger).await {
            self.connection = Some(connection);
        }
        Ok(parts.status)
    }

    /// Whether a GET is answered as the deprecated HTTP+SSE transport does. Whatever goes wrong, it is not.
    pub(crate) async fn serves_old_transport(&mut self, ask: &Ask, until: Instant) -> bool {
        let until = until.min(Instant::now() + self.limits.old_transport);
        // The connection goes with the stream, which never ends; nothing is asked after this.
        let Ok((response, _connection)) = self.send(ask, until).await else {
            return false;
        };
        let (parts, incoming) = response.into_parts();
        if parts.status != StatusCode::OK || body::kind(&parts.headers) != Ok(Kind::Events) {
            return false;
        }
        let mut body = Body::new(incoming, self.limits, &mut self.budget, until);
        body.begins_with_endpoint().await == Ok(true)
    }

    async fn send(
        &mut self,
        ask: &Ask,
        until: Instant,
    ) -> Result<(Response<Incoming>, Connection), Reason> {
        if let Some(mut connection) = self.connection.take() {
            let used = std::mem::replace(&mut connection.used, true);
            match self.attempt(&mut connection, ask, until).await? {
                Ok(response) => return Ok((response, connection)),
                // The server closed an idle connection while we sent. That is its right, and no answer.
                Err(error) if used && !error.is_parse() => {}
                Err(error) => return Err(self.unheard(&error)),
            }
        }
        let mut connection = self.dial(until, None).await?;
        connection.used = true;
        match self.attempt(&mut connection, ask, until).await? {
            Ok(response) => Ok((response, connection)),
            Err(error) => Err(self.unheard(&error)),
        }
    }

    async fn attempt(
        &mut self,
        connection: &mut Connection,
        ask: &Ask,
        until: Instant,
    ) -> Result<hyper::Result<Response<Incoming>>, Reason> {
        let request = self.request(ask)?;
        let exchange = async {
            connection.requests.ready().await?;
            connection.requests.send_request(request).await
        };
        let result = timeout_at(until, exchange)
            .await
            .map_err(|_| Reason::ResponseTimeout)?;
        self.heard |= result.is_ok();
        Ok(result)
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, Reason> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(self.place.path)
            .body(Full::from(ask.body.clone()))
            .map_err(|_| Reason::InternalError)?;
        let headers = request.headers_mut();
        headers.extend(self.place.headers.clone());
        headers.extend(ask.headers.clone());
        Ok(request)
    }

    /// What it means that no response could be read.
    fn unheard(&self, error: &hyper::Error) -> Reason {
        if error.is_parse_too_large() {
            Reason::ResponseTooLarge
        } else if error.is_parse() && !self.heard {
            // It is not even HTTP.
            Reason::NotMcp
        } else {
            Reason::ProtocolError
        }
    }

    fn settled(&self, status: StatusCode, headers: &HeaderMap) -> Option<Failure> {
        let reason = match status.as_u16() {
            300..=399 => Reason::RedirectRefused,
            401 | 403 if !self.place.credential => Reason::AuthRequired,
            401 => Reason::CredentialRejected,
            403 => Reason::CredentialForbidden,
            429 => {
                return Some(Failure {
                    reason: Reason::RateLimited,
                    retry_after_seconds: retry_after::seconds(headers),
                });
            }
            407 | 408 | 421 | 425 | 500.. => Reason::HttpError,
            _ => return None,
        };
        Some(reason.into())
    }
}

/// The `Host` header: the port only where it is not the scheme's own.
pub(crate) fn host_header(url: &url::Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let value = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(value).ok()
}

/// The headers that every request carries, whatever it asks.
pub(crate) fn common_headers(host: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host);
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("mcp-steward/", env!("CARGO_PKG_VERSION"))),
    );
    // A compressed answer could be of any size once it is not.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers
}
