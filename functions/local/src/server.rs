//! The HTTP/1.1 server shell that the gateway, the emulators and the fault layer share.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub type Request = http::Request<Incoming>;
pub type Response = http::Response<Full<Bytes>>;

/// An answer that is withheld: the connection is closed without a byte.
#[derive(Debug)]
pub struct Dropped;

/// No request of ours carries more headers; hyper answers 431 beyond it.
const MAX_HEADERS: usize = 100;

/// A client that opens a connection and says nothing holds a socket no longer than this. It also ends idle
/// connections, so it is longer than the 90 seconds for which clients usually keep them in their pool.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);

/// Requests that are still running when the server is told to stop get this long to finish.
const GRACE: Duration = Duration::from_secs(5);

/// How much of a body that is too large is still read, so that the client gets to see the refusal
/// instead of a reset connection.
const DRAIN: usize = 32 * 1024 * 1024;

/// Answers every request on `listener` until `shutdown` resolves, then lets running requests finish for a moment.
pub async fn serve<H, F>(listener: TcpListener, shutdown: impl Future<Output = ()>, handler: H)
where
    H: Fn(Request, SocketAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Dropped>> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, handler.clone(), stopped.clone()));
            }
            // Out of file descriptors, or a peer that vanished: the listener itself is still good.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Nobody receives when every connection is closed already.
    let _ = stop.send(true);
    while connections.join_next().await.is_some() {}
}

async fn connection<H, F>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: H,
    mut stopped: watch::Receiver<bool>,
) where
    H: Fn(Request, SocketAddr) -> F,
    F: Future<Output = Result<Response, Dropped>>,
{
    // Small answers must not wait for the acknowledgement of the ones before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handler(request, peer));
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
    );
    // What goes wrong on a connection (bad bytes, a client that left, an answer withheld) ends this connection only.
    tokio::select! {
        _ = serving.as_mut() => {}
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, serving).await;
        }
    }
}

/// Why a request body could not be had.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    /// The client broke off or sent a framing that makes no sense.
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        seen += data.len();
        if seen <= limit {
            bytes.extend_from_slice(data);
        } else if seen > limit + DRAIN {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if seen > limit {
        return Err(BodyError::TooLarge);
    }
    Ok(bytes.into())
}

/// An answer with a body of the given type.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is withheld")
    }
}

impl std::error::Error for Dropped {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn started() -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(
            listener,
            async {
                let _ = stopped.await;
            },
            |request: Request, _| async move {
                if request.uri().path() == "/silent" {
                    return Err(Dropped);
                }
                let body = read_body(request.into_body(), 10).await;
                Ok(answer(StatusCode::OK, "text/plain", format!("{body:?}")))
            },
        ));
        (address, stop, server)
    }

    /// Whatever bytes arrive, the server answers the next connection.
    #[tokio::test]
    async fn malformed_requests_do_not_harm_the_server() {
        let (address, stop, server) = started().await;
        let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(300));
        let long_header = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(2_000_000));
        for bytes in [
            b"\x00\xff\xfe\r\n\r\n".as_slice(),
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            many_headers.as_bytes(),
            long_header.as_bytes(),
        ] {
            let answer = exchange(address, bytes).await;
            assert!(
                !answer.starts_with("HTTP/1.1 200") || answer.contains("Broken"),
                "{answer}"
            );
        }
        let answer = exchange(address, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        stop.send(()).unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_withheld_answer_closes_the_connection_without_a_byte() {
        let (address, _stop, _server) = started().await;
        assert_eq!(exchange(address, b"GET /silent HTTP/1.1\r\n\r\n").await, "");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_named_as_such() {
        let (address, _stop, _server) = started().await;
        let head = "POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: ";
        let fits = exchange(address, format!("{head}10\r\n\r\n0123456789").as_bytes()).await;
        assert!(fits.ends_with("Ok(b\"0123456789\")"), "{fits}");
        let large = exchange(address, format!("{head}11\r\n\r\n0123456789a").as_bytes()).await;
        assert!(large.ends_with("Err(TooLarge)"), "{large}");
    }

    #[tokio::test]
    async fn stopping_ends_idle_connections() {
        let (address, stop, server) = started().await;
        let _idle = TcpStream::connect(address).await.unwrap();
        tokio::task::yield_now().await;
        stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(4), server)
            .await
            .unwrap()
            .unwrap();
    }
}
