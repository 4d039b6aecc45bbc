//! Reading the body of a response: no more of it than is needed, and never more than is allowed.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use shared::verdict::Reason;
use tokio::time::{Instant, timeout_at};

use crate::{
    limits::Limits,
    room::Budget,
    rpc::{self, Message, Said},
    sse::{Event, Flow, Parser},
};

/// How a response says its body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Events,
    /// Nothing that MCP uses.
    Other,
}

/// Judges the headers that say what the body is. Two answers to that question are as bad as an encoding that we refused: a body that
/// can be read in two ways is not read at all.
pub(crate) fn kind(headers: &HeaderMap) -> Result<Kind, Reason> {
    let encoded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next();
    if encoded || types.any(|other| Some(other) != first) {
        return Err(Reason::ProtocolError);
    }
    let essence = first
        .map(|value| value.as_bytes())
        .and_then(|value| value.split(|byte| *byte == b';').next())
        .unwrap_or_default()
        .trim_ascii();
    Ok(if essence.eq_ignore_ascii_case(b"application/json") {
        Kind::Json
    } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
        Kind::Events
    } else {
        Kind::Other
    })
}

/// A body that is being read.
pub(crate) struct Body<'a> {
    incoming: Incoming,
    /// What this response may still send.
    left: usize,
    /// What the whole check may still take.
    budget: &'a mut Budget,
    until: Instant,
}

impl<'a> Body<'a> {
    pub(crate) fn new(
        incoming: Incoming,
        limits: &Limits,
        budget: &'a mut Budget,
        until: Instant,
    ) -> Self {
        Self {
            incoming,
            left: limits.response_bytes,
            budget,
            until,
        }
    }

    /// Reads what a server says to the request `id`.
    pub(crate) async fn answer(
        &mut self,
        kind: Kind,
        status: StatusCode,
        id: u64,
    ) -> Result<Said, Reason> {
        // A length over the limit is refused before a byte is read.
        if self.incoming.size_hint().lower() > self.left as u64 && kind != Kind::Other {
            return Err(Reason::ResponseTooLarge);
        }
        match kind {
            Kind::Json => {
                let mut body = Vec::new();
                while let Some(chunk) = self.chunk().await? {
                    body.extend_from_slice(&chunk);
                }
                if rpc::is_excessive(&body) {
                    return Err(Reason::ResponseTooLarge);
                }
                Ok(rpc::judge_body(&body, id))
            }
            Kind::Events => self.answer_among_events(id).await,
            Kind::Other if self.incoming.is_end_stream() || status == StatusCode::NO_CONTENT => {
                Ok(Said::Nothing)
            }
            // Only whether there is anything matters; what it is does not.
            Kind::Other => Ok(match self.chunk().await? {
                Some(_) => Said::Foreign,
                None => Said::Nothing,
            }),
        }
    }

    async fn answer_among_events(&mut self, id: u64) -> Result<Said, Reason> {
        let found = self.find_event(|event| {
            // Empty data primes a client for reconnecting.
            let named = !matches!(&event.kind[..], b"" | b"message");
            if named || event.data.iter().all(u8::is_ascii_whitespace) {
                return None;
            }
            if rpc::is_excessive(&event.data) {
                return Some(Err(Reason::ResponseTooLarge));
            }
            match rpc::judge_event(&event.data, id) {
                Message::Answer(said) => Some(Ok(said)),
                Message::Other => None,
            }
        });
        // A stream that ends without an answer was meant to have one.
        found.await?.unwrap_or(Ok(Said::Broken))
    }

    /// Whether the first event is the one that the deprecated HTTP+SSE transport begins with.
    pub(crate) async fn begins_with_endpoint(&mut self) -> Result<bool, Reason> {
        let found = self
            .find_event(|event| Some(event.kind == b"endpoint"))
            .await?;
        Ok(found == Some(true))
    }

    /// Reads events until one is what is looked for.
    async fn find_event<T>(
        &mut self,
        mut wanted: impl FnMut(&Event) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        let mut parser = Parser::default();
        let mut found = None;
        while let Some(chunk) = self.chunk().await? {
            let flow = parser.feed(&chunk, |event| {
                found = wanted(&event);
                if found.is_some() {
                    Flow::Stop
                } else {
                    Flow::GoOn
                }
            });
            if flow == Flow::Stop {
                break;
            }
        }
        Ok(found)
    }

    /// Waits for the end of a body that should be over, so that its connection can be used again. Says whether it came.
    pub(crate) async fn ends_by(&mut self, until: Instant) -> bool {
        const ENOUGH: usize = 16 * 1024;
        self.until = self.until.min(until);
        self.left = self.left.min(ENOUGH);
        loop {
            match self.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Reason> {
        loop {
            let frame = match timeout_at(self.until, self.incoming.frame()).await {
                Err(_) => return Err(Reason::ResponseTimeout),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) if error.is_parse_too_large() => {
                    return Err(Reason::ResponseTooLarge);
                }
                // The connection broke in the middle, or the framing did.
                Ok(Some(Err(_))) => return Err(Reason::ProtocolError),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers say nothing that we want to know.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.left = self
                .left
                .checked_sub(data.len())
                .ok_or(Reason::ResponseTooLarge)?;
            self.budget.take(&data, self.until).await?;
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(headers: &[(http::HeaderName, &'static str)]) -> Result<Kind, Reason> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        kind(&headers)
    }

    #[test]
    fn the_type_decides_and_its_parameters_do_not() {
        let with = |value| of(&[(header::CONTENT_TYPE, value)]);
        assert_eq!(with("application/json"), Ok(Kind::Json));
        assert_eq!(with("Application/JSON ; charset=utf-8"), Ok(Kind::Json));
        assert_eq!(with("text/event-stream;charset=UTF-8"), Ok(Kind::Events));
        assert_eq!(with("text/html"), Ok(Kind::Other));
        assert_eq!(with("application/jsonp"), Ok(Kind::Other));
        assert_eq!(of(&[]), Ok(Kind::Other));
    }
}
