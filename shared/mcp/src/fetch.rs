//! One request and its answer, for what is no conversation: the URL and every address pass the guard, no redirect is followed, and no
//! more of the answer is read than is allowed.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use shared::verdict::Reason;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::{
    channel,
    dial::{self, Connection},
    guard::Guard,
    limits::Limits,
    prober::ProberSettings,
    resolve::{self, Resolve},
    tls,
};

/// What any answer may weigh.
const MAX_BYTES: usize = 256 * 1024;

/// A request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Nobody needs the body of the answer, which may never end.
    pub(crate) head_only: bool,
}

impl Ask {
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            head_only: false,
        }
    }

    pub(crate) fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        let content_type = http::HeaderValue::from_static(content_type);
        Self {
            method: Method::POST,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]),
            body,
            ..Self::get(url)
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Fetches, each time over a connection of its own.
pub(crate) struct Fetcher {
    pub(crate) guard: Guard,
    limits: Limits,
    resolver: Arc<dyn Resolve>,
    settings: ProberSettings,
    tls: OnceLock<Result<TlsConnector, Reason>>,
}

impl Fetcher {
    pub(crate) fn new(settings: ProberSettings, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            guard: Guard {
                development: settings.development,
            },
            limits: settings.limits,
            resolver,
            settings,
            tls: OnceLock::new(),
        }
    }

    /// Never takes longer than to the deadline.
    pub(crate) async fn fetch(&self, ask: Ask, deadline: Instant) -> Result<Fetched, Reason> {
        timeout_at(deadline, self.run(ask, deadline))
            .await
            .unwrap_or(Err(Reason::ResponseTimeout))
    }

    async fn run(&self, ask: Ask, deadline: Instant) -> Result<Fetched, Reason> {
        self.guard
            .admit_url(&ask.url)
            .map_err(|_| Reason::AddressBlocked)?;
        let mut connection = self.connect(&ask.url, deadline).await?;
        let request = request(&ask)?;
        let exchange = async {
            connection.requests.ready().await?;
            connection.requests.send_request(request).await
        };
        let response = exchange.await.map_err(|error: hyper::Error| {
            if error.is_parse_too_large() {
                Reason::ResponseTooLarge
            } else {
                Reason::ProtocolError
            }
        })?;
        let (head, incoming) = response.into_parts();
        let body = match ask.head_only {
            true => Vec::new(),
            false => read(&head.headers, incoming).await?,
        };
        Ok(Fetched {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    async fn connect(&self, url: &Url, deadline: Instant) -> Result<Connection, Reason> {
        let host = url.host().ok_or(Reason::AddressBlocked)?;
        let port = url.port_or_known_default().ok_or(Reason::AddressBlocked)?;
        let limits = &self.limits;
        let addresses =
            resolve::dialable(&*self.resolver, self.guard, &host, port, limits.resolve).await?;
        let until = deadline.min(Instant::now() + limits.connect);
        let (stream, _) = dial::connect(self.guard, &addresses, until).await?;
        if url.scheme() != "https" {
            return dial::speak_http(stream, limits.header_bytes).await;
        }
        let connector = self
            .tls
            .get_or_init(|| tls::connector(&self.settings.extra_roots, None))
            .as_ref()
            .map_err(|reason| *reason)?;
        let handshake = tls::handshake(connector, &host, stream);
        let stream = timeout_at(until, handshake)
            .await
            .map_err(|_| Reason::ConnectTimeout)??;
        dial::speak_http(stream, limits.header_bytes).await
    }
}

fn request(ask: &Ask) -> Result<Request<Full<bytes::Bytes>>, Reason> {
    let host = channel::host_header(&ask.url).ok_or(Reason::InternalError)?;
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(&ask.url[Position::BeforePath..Position::AfterQuery])
        .body(Full::from(ask.body.clone()))
        .map_err(|_| Reason::InternalError)?;
    let headers = request.headers_mut();
    headers.extend(channel::common_headers(host));
    headers.insert(
        header::ACCEPT,
        http::HeaderValue::from_static("application/json"),
    );
    headers.extend(ask.headers.clone());
    Ok(request)
}

async fn read(headers: &HeaderMap, mut incoming: Incoming) -> Result<Vec<u8>, Reason> {
    let encoded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Reason::ProtocolError);
    }
    // A length over the limit is refused before a byte is read.
    if incoming.size_hint().lower() > MAX_BYTES as u64 {
        return Err(Reason::ResponseTooLarge);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| Reason::ProtocolError)?;
        if let Ok(data) = frame.into_data() {
            if body.len() + data.len() > MAX_BYTES {
                return Err(Reason::ResponseTooLarge);
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(body)
}
