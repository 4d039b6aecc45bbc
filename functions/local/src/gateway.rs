//! API Gateway's HTTP API, as far as a client or a function can tell: routes and authorizers as the template has them,
//! events in payload format 2.0, and the answers that API Gateway gives by itself, word for word.
//!
//! `routes` finds the function, `event` describes the request to it, `authorizer` asks who is calling and remembers the
//! answer, `reply` turns what the function returned into HTTP.

mod authorizer;
mod event;
mod reply;
mod routes;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{StatusCode, header};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use self::authorizer::{Authorizers, Verdict};
use self::event::Asked;
use self::routes::Routes;
use crate::server::{self, BodyError, Request, Response};
use crate::template::Template;

/// API Gateway's own limits: the body, all header lines together, and the wait for a function and an authorizer.
const MAX_BODY: usize = 10 * 1024 * 1024;
const MAX_HEADERS: usize = 10_240;
const INTEGRATION_LIMIT: Duration = Duration::from_secs(30);
const AUTHORIZER_LIMIT: Duration = Duration::from_secs(10);

/// Lambda's limit for an event and for an answer.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// Runs functions.
pub trait Invoke: Send + Sync {
    /// Hands `event` to the function of this binary and waits for what it returns.
    fn invoke(&self, function: &str, event: Json) -> BoxFuture<'_, Result<Json, InvokeError>>;
}

/// The function failed: it returned an error, panicked, ran out of time or is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeError(pub String);

pub struct Gateway {
    routes: Routes,
    authorizers: Authorizers,
    functions: Arc<dyn Invoke>,
    integration_limit: Duration,
}

/// What API Gateway answers without a function having been asked, or because of one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    BodyTooLarge,
    HeadersTooLarge,
    FunctionFailed,
    FunctionSlow,
}

impl Gateway {
    pub fn new(template: &Template, functions: Arc<dyn Invoke>) -> Self {
        Self {
            routes: Routes::new(template),
            authorizers: Authorizers::new(template),
            functions,
            integration_limit: INTEGRATION_LIMIT,
        }
    }

    /// Answers requests on `listener` until `shutdown` resolves.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let port = listener
            .local_addr()
            .map(|address| address.port())
            .unwrap_or_default();
        let handler = move |request: Request, peer: SocketAddr| {
            let gateway = Arc::clone(&self);
            async move { Ok(gateway.handle(request, peer, port).await) }
        };
        server::serve(listener, shutdown, handler).await;
    }

    async fn handle(&self, request: Request, peer: SocketAddr, port: u16) -> Response {
        match self.answer(request, peer, port).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn answer(
        &self,
        request: Request,
        peer: SocketAddr,
        port: u16,
    ) -> Result<Response, Refusal> {
        let (head, body) = request.into_parts();
        let body = match server::read_body(body, MAX_BODY).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Err(Refusal::BodyTooLarge),
            Err(BodyError::Broken) => return Err(Refusal::BadRequest),
        };
        let lines = head
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        if lines.sum::<usize>() > MAX_HEADERS {
            return Err(Refusal::HeadersTooLarge);
        }
        let mut asked = Asked::new(&head, body, peer, port).ok_or(Refusal::BadRequest)?;
        let found = self
            .routes
            .find(&asked.method, &asked.path)
            .ok_or(Refusal::NotFound)?;
        asked.route_key.clone_from(&found.route.key);
        asked.path_parameters = found.parameters;

        let context = match &found.route.authorizer {
            Some(name) => self.authorize(name, &asked).await?,
            None => Json::Null,
        };
        let event = asked.event(context);
        if event.to_string().len() > MAX_PAYLOAD {
            return Err(Refusal::BodyTooLarge);
        }
        let returned = self
            .invoke(&found.route.function, event, self.integration_limit)
            .await?;
        reply::convert(&returned).ok_or(Refusal::FunctionFailed)
    }

    /// The context that the authorizer gave for this caller, or the refusal.
    async fn authorize(&self, name: &str, asked: &Asked) -> Result<Json, Refusal> {
        let authorizer = self
            .authorizers
            .named(name)
            .ok_or(Refusal::FunctionFailed)?;
        let identity = authorizer.identity(asked).ok_or(Refusal::Unauthorized)?;
        let verdict = match authorizer.remembered(&identity) {
            Some(verdict) => verdict,
            None => {
                let event = asked.authorizer_event(&identity);
                // An authorizer that is too slow has failed; only an integration is told to be unavailable.
                let returned = self
                    .invoke(&authorizer.function, event, AUTHORIZER_LIMIT)
                    .await
                    .map_err(|_| Refusal::FunctionFailed)?;
                let verdict = Verdict::read(&returned).ok_or(Refusal::FunctionFailed)?;
                authorizer.remember(identity, verdict.clone());
                verdict
            }
        };
        if verdict.allowed {
            Ok(verdict.context)
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Runs a function to its end whatever becomes of the client, as Lambda does.
    async fn invoke(&self, function: &str, event: Json, limit: Duration) -> Result<Json, Refusal> {
        let functions = Arc::clone(&self.functions);
        let name = function.to_owned();
        let run = tokio::spawn(async move { functions.invoke(&name, event).await });
        match tokio::time::timeout(limit, run).await {
            Ok(Ok(Ok(returned))) => Ok(returned),
            Ok(Ok(Err(_)) | Err(_)) => Err(Refusal::FunctionFailed),
            Err(_) => Err(Refusal::FunctionSlow),
        }
    }
}

impl Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
            ),
            Self::FunctionFailed => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::FunctionSlow => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        let mut response = server::answer(
            status,
            "application/json",
            json!({ "message": message }).to_string(),
        );
        if self == Self::BadRequest {
            // Nothing that follows on this connection can be trusted to be a request.
            response.headers_mut().insert(
                header::CONNECTION,
                header::HeaderValue::from_static("close"),
            );
        }
        response
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvokeError {}

#[cfg(test)]
mod tests;
