//! From a list of allowed addresses to a connection that speaks HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use shared::verdict::Reason;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use crate::guard::{Dialable, Guard};

/// Shorter than this, an attempt fails on any line that is merely long.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(300);

/// An open HTTP connection. Dropping it closes it.
pub(crate) struct Connection {
    pub(crate) requests: SendRequest<Full<Bytes>>,
    /// Whether it has carried a request, so that the server may have had enough of it.
    pub(crate) used: bool,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects to the first address that answers. An address that does not gets its share of the time and no more, so that one dead
/// address (most often IPv6 where there is none) does not hide the others.
pub(crate) async fn connect(
    guard: Guard,
    addresses: &[Dialable],
    until: Instant,
) -> Result<(TcpStream, Dialable), Reason> {
    let mut reason = Reason::ConnectTimeout;
    for (index, &address) in addresses.iter().enumerate() {
        // Judged again: this is the line that protects, whatever way the address took to get here.
        let address = guard
            .admit(address.address())
            .map_err(|_| Reason::AddressBlocked)?;
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return Err(Reason::ConnectTimeout);
        }
        let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = (left / others).max(SHORTEST_ATTEMPT).min(left);
        match timeout_at(now + share, TcpStream::connect(address.address())).await {
            Ok(Ok(stream)) => {
                // Requests are small and written whole; waiting for more to send would only add delay.
                let _ = stream.set_nodelay(true);
                return Ok((stream, address));
            }
            Ok(Err(_)) => reason = Reason::ConnectRefused,
            Err(_) => reason = Reason::ConnectTimeout,
        }
    }
    Err(reason)
}

/// Starts HTTP/1.1 on a connected stream.
pub(crate) async fn speak_http<S>(stream: S, header_bytes: usize) -> Result<Connection, Reason>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, connection) = http1::Builder::new()
        .max_buf_size(header_bytes.max(8192))
        .max_header_size(header_bytes)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Reason::InternalError)?;
    let driver = tokio::spawn(async move {
        // Its errors come out at the request that they concern.
        let _ = connection.await;
    });
    Ok(Connection {
        requests,
        used: false,
        driver: driver.abort_handle(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    const DEVELOPMENT: Guard = Guard { development: true };

    fn admitted(address: SocketAddr) -> Dialable {
        DEVELOPMENT.admit(address).unwrap()
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_live_one() -> std::io::Result<()> {
        let dead = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let live = TcpListener::bind("127.0.0.1:0").await?;
        let addresses = [admitted(dead), admitted(live.local_addr()?)];
        let until = Instant::now() + Duration::from_secs(3);
        let found = connect(DEVELOPMENT, &addresses, until).await;
        assert_eq!(found.map(|(_, address)| address), Ok(addresses[1]));
        let found = connect(DEVELOPMENT, &addresses[..1], until).await;
        assert_eq!(found.map(drop), Err(Reason::ConnectRefused));
        Ok(())
    }

    /// An address that somehow was admitted by a laxer guard is judged again, and never dialled.
    #[tokio::test]
    async fn the_last_word_is_at_the_socket() -> std::io::Result<()> {
        let inside = TcpListener::bind("127.0.0.1:0").await?;
        let addresses = [admitted(inside.local_addr()?)];
        let until = Instant::now() + Duration::from_secs(3);
        let found = connect(Guard::default(), &addresses, until).await;
        assert_eq!(found.map(drop), Err(Reason::AddressBlocked));
        let accepted = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
        assert!(accepted.is_err());
        Ok(())
    }
}
