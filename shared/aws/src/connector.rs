//! The HTTP/1.1 connection to AWS: hyper over rustls with ring and the Mozilla roots compiled in.
//!
//! The SDK's own HTTP client is built for every case: proxies, HTTP/2, streaming bodies, a background task per connection. A Lambda
//! sends one small request at a time and is frozen in between, so this connector does less, and that less is what a cold start
//! is made of:
//!
//! - A connection is driven by the request that uses it, and by nothing else. No task runs while the process is frozen,
//!   and a request that is given up takes its connection with it, so a late answer can never reach the next request.
//! - An answer is read to its end before it is handed on. DynamoDB's and Secrets Manager's answers are small, and an answer
//!   that breaks off half way is then an I/O error, which the SDK retries.
//! - A kept connection is asked whether it still lives before it is used again, because AWS closes idle connections while a
//!   Lambda sleeps. The dead one is replaced at once and without cost to the SDK's retry budget.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{HOST, USER_AGENT},
    uri::PathAndQuery,
};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How many unused connections are kept: as many as a scheduled run has checks in flight, so that none of them pays for a
/// handshake again. A function behind the API keeps one or two.
const KEPT: usize = 256;

/// Who asks, as AWS's logs show it.
const CLIENT: &str = concat!("mcp-steward/", env!("CARGO_PKG_VERSION"));

/// Opens, keeps and reuses connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connector {
    pool: Arc<Pool>,
}

struct Pool {
    tls: TlsConnector,
    kept: Mutex<Vec<Connection>>,
}

impl Connector {
    /// Trusts the Mozilla roots, and `extra_roots` besides them.
    pub(crate) fn new(extra_roots: &[CertificateDer<'_>]) -> Result<Connector, rustls::Error> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in extra_roots {
            roots.add(root.clone())?;
        }
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        // Two services, so a handful of resumable sessions is plenty; the default makes room for 256.
        config.resumption = Resumption::in_memory_sessions(8);
        let pool = Pool {
            tls: TlsConnector::from(Arc::new(config)),
            kept: Mutex::new(Vec::new()),
        };
        Ok(Connector {
            pool: Arc::new(pool),
        })
    }

    /// Opens a connection to `endpoint` and keeps it for the first request.
    pub(crate) async fn prime(
        &self,
        endpoint: &Uri,
        within: Duration,
    ) -> Result<(), ConnectorError> {
        let connection = self.pool.open(Origin::of(endpoint)?, Some(within)).await?;
        self.pool.keep(connection);
        Ok(())
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(TimedConnector {
            pool: self.pool.clone(),
            connect_timeout: settings.connect_timeout(),
            read_timeout: settings.read_timeout(),
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// A [`Connector`] with the timeouts of one request.
struct TimedConnector {
    pool: Arc<Pool>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl HttpConnector for TimedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (pool, connect_timeout, read_timeout) =
            (self.pool.clone(), self.connect_timeout, self.read_timeout);
        HttpConnectorFuture::new(async move {
            let mut request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let origin = Origin::of(request.uri())?;
            address(&mut request, &origin)?;

            let response = pool
                .send(origin, request, connect_timeout, read_timeout)
                .await?;

            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl fmt::Debug for TimedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedConnector")
    }
}

/// Puts the request into the form that travels: the path alone in its first line, the host in a header.
fn address(request: &mut Request<SdkBody>, origin: &Origin) -> Result<(), ConnectorError> {
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(&origin.authority)
            .map_err(|error| ConnectorError::user(error.into()))?;
        request.headers_mut().insert(HOST, host);
    }
    request
        .headers_mut()
        .insert(USER_AGENT, HeaderValue::from_static(CLIENT));
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok(())
}

impl Pool {
    async fn send(
        &self,
        origin: Origin,
        mut request: Request<SdkBody>,
        connect_timeout: Option<Duration>,
        read_timeout: Option<Duration>,
    ) -> Result<Response<SdkBody>, ConnectorError> {
        loop {
            let (mut connection, kept) = match self.live(&origin).await {
                Some(connection) => (connection, true),
                None => (self.open(origin.clone(), connect_timeout).await?, false),
            };
            match within(read_timeout, "read", connection.exchange(request)).await? {
                Ok(response) => {
                    // A server that answers with a fault of its own may be on its way down, as the SDK assumes, too.
                    if !response.status().is_server_error() {
                        self.keep(connection);
                    }
                    return Ok(response);
                }
                // The connection died after the question whether it lives, but before a byte of the request went out.
                Err(Lost {
                    unsent: Some(unsent),
                    ..
                }) if kept => request = *unsent,
                Err(lost) => return Err(classify(lost.error)),
            }
        }
    }

    /// A kept connection to `origin` that still lives. The dead ones are dropped on the way.
    async fn live(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                let newest = kept
                    .iter()
                    .rposition(|connection| connection.origin == *origin)?;
                kept.swap_remove(newest)
            };
            // Lets the runtime look at its sockets first: after a freeze it does not know yet that the peer hung up.
            tokio::task::yield_now().await;
            if connection.is_live().await {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.driver.is_some() && kept.len() < KEPT {
            kept.push(connection);
        }
    }

    async fn open(
        &self,
        origin: Origin,
        connect_timeout: Option<Duration>,
    ) -> Result<Connection, ConnectorError> {
        let opening = async {
            let tcp = TcpStream::connect((origin.host(), origin.port)).await?;
            tcp.set_nodelay(true)?;
            let stream: Box<dyn Stream> = if origin.tls {
                let name =
                    ServerName::try_from(origin.host().to_owned()).map_err(io::Error::other)?;
                Box::new(self.tls.connect(name, tcp).await?)
            } else {
                Box::new(tcp)
            };
            http1::handshake(TokioIo::new(stream))
                .await
                .map_err(io::Error::other)
        };
        let (sender, driver) = within(connect_timeout, "connect", opening)
            .await
            .and_then(|opened| opened.map_err(|error| ConnectorError::io(error.into())))
            .map_err(ConnectorError::never_connected)?;
        Ok(Connection {
            origin,
            sender,
            driver: Some(Box::pin(driver)),
        })
    }
}

/// What a connection is opened to, and what it is found by again.
#[derive(Clone, PartialEq)]
struct Origin {
    tls: bool,
    /// Host, and port unless it is the scheme's own: the form of the `Host` header that the SDK signs.
    authority: String,
    /// Length of the host within `authority`.
    host: usize,
    port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Result<Origin, ConnectorError> {
        let refused = |problem: &str| ConnectorError::user(format!("{uri}: {problem}").into());
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refused("is neither https nor http")),
        };
        let host = uri.host().ok_or_else(|| refused("has no host"))?;
        let usual = if tls { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let authority = if port == usual {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        Ok(Origin {
            tls,
            host: host.len(),
            authority,
            port,
        })
    }

    /// The host as a resolver wants it: an IPv6 address without its brackets.
    fn host(&self) -> &str {
        let host = &self.authority[..self.host];
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Driver = http1::Connection<TokioIo<Box<dyn Stream>>, SdkBody>;

struct Connection {
    origin: Origin,
    sender: http1::SendRequest<SdkBody>,
    /// What reads and writes the socket; `None` once it has ended.
    driver: Option<Pin<Box<Driver>>>,
}

/// A request that got no answer, and the request itself when nothing of it was sent.
struct Lost {
    error: hyper::Error,
    unsent: Option<Box<Request<SdkBody>>>,
}

impl Connection {
    async fn is_live(&mut self) -> bool {
        let ready = drive(&mut self.driver, self.sender.ready()).await.is_ok();
        ready && self.driver.is_some()
    }

    async fn exchange(&mut self, request: Request<SdkBody>) -> Result<Response<SdkBody>, Lost> {
        let sent = self.sender.try_send_request(request);
        let answer = async {
            let (head, body) = sent
                .await
                .map_err(|mut lost| Lost {
                    unsent: lost.take_message().map(Box::new),
                    error: lost.into_error(),
                })?
                .into_parts();
            let body = body.collect().await.map_err(|error| Lost {
                error,
                unsent: None,
            })?;
            Ok(Response::from_parts(head, SdkBody::from(body.to_bytes())))
        };
        drive(&mut self.driver, answer).await
    }
}

/// Waits for `work` on a connection while moving the connection's bytes.
async fn drive<F: Future>(driver: &mut Option<Pin<Box<Driver>>>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(output) = work.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        // How the connection ended is not asked here: whoever waits on it is told. Dropping it is what tells them.
        if driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(context).is_ready())
        {
            *driver = None;
        }
        work.as_mut().poll(context)
    })
    .await
}

async fn within<F: Future>(
    limit: Option<Duration>,
    what: &str,
    work: F,
) -> Result<F::Output, ConnectorError> {
    match limit {
        None => Ok(work.await),
        Some(limit) => timeout(limit, work).await.map_err(|_| {
            ConnectorError::timeout(
                format!("{what} timed out after {} ms", limit.as_millis()).into(),
            )
        }),
    }
}

/// Says what kind of failure this was, which is what the SDK decides by whether to try again.
fn classify(error: hyper::Error) -> ConnectorError {
    let (user, timeout) = (error.is_user(), error.is_timeout());
    let error: BoxError = error.into();
    if user {
        ConnectorError::user(error)
    } else if timeout {
        ConnectorError::timeout(error)
    } else {
        // A hang-up, a reset, half an answer or bytes that are no HTTP: another connection may do better.
        ConnectorError::io(error)
    }
}

#[cfg(test)]
mod tests;
