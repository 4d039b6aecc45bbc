//! HTTP by hand: reading a request, and writing whatever bytes a misbehaviour needs.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Seen;

/// Reads requests from a stream.
pub(super) struct Wire<S> {
    pub(super) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The next request; nothing when the client has gone.
    pub(super) async fn request(&mut self) -> Option<Seen> {
        let head_end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..head_end]).into_owned();
        let mut lines = head.lines();
        let method = lines.next()?.split(' ').next()?.to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0);
        while self.read.len() < head_end + length {
            self.more().await?;
        }
        let body =
            serde_json::from_slice(&self.read[head_end..head_end + length]).unwrap_or(Value::Null);
        self.read.drain(..head_end + length);
        Some(Seen {
            method,
            rpc: body["method"].as_str().unwrap_or_default().to_owned(),
            headers,
            body,
        })
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.read).await.ok()?;
        (read > 0).then_some(())
    }

    /// Writes bytes at once; nothing when the client has gone.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }

    /// Writes bytes in pieces with a pause after each.
    pub(super) async fn drip(
        &mut self,
        bytes: &[u8],
        piece: usize,
        pause: std::time::Duration,
    ) -> Option<()> {
        for piece in bytes.chunks(piece) {
            self.write(piece).await?;
            tokio::time::sleep(pause).await;
        }
        Some(())
    }

    /// Writes the same bytes until the client has gone.
    pub(super) async fn flood(&mut self, bytes: &[u8]) -> Option<()> {
        loop {
            self.write(bytes).await?;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// A response that is as it should be.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Plain {
    pub(super) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut response = Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        if !kind.is_empty() {
            response = response.with("Content-Type", kind);
        }
        response
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Status line and headers, up to and with the empty line; the length is the caller's business.
    pub(super) fn head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(framing);
        head.push_str("\r\n");
        head.into_bytes()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head(&format!("Content-Length: {}\r\n", self.body.len()));
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The head of a response in chunks.
pub(super) fn chunked_head(status: u16, kind: &str) -> Vec<u8> {
    Plain::new(status, kind, "").head("Transfer-Encoding: chunked\r\n")
}

/// One chunk; an empty one is the last.
pub(super) fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// One event with a message.
pub(super) fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}
