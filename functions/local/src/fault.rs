//! A proxy between the AWS SDK and an emulator, for tests: it notes each request with who sent it, and lets happen what
//! an emulator by itself never does: throttling, conflicts, half-done batches, lost answers, crashes in mid-call.
//!
//! `seen` reads a request, `answers` spells the failures as the services do; here is the proxy and its plan.

mod answers;
mod seen;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::request::Parts;
use http::{HeaderValue, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::seen::{Access, SeenRequest, Service};
use crate::server::{self, Dropped, Request, Response};

/// DynamoDB takes 16 MiB and answers no more.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing out of the ordinary.
    Pass,
    /// Refused because the table, or the service, is asked too much at the moment. The SDK tries again.
    Throttle,
    /// Refused because the account is. In Secrets Manager there is no difference.
    ThrottleAccount,
    /// Refused because another transaction has its hands on the items: all of them, in a transaction.
    Conflict,
    /// Of a batch only this many are done, in the order of the request; the others come back as unprocessed.
    Unprocessed { done: usize },
    /// Done, but the connection closes before the answer.
    LoseAnswer,
    /// The caller dies before the request is done: nothing is forwarded, and no answer ever comes.
    CrashBefore,
    /// The caller dies when the request is done and before the answer, which never comes.
    CrashAfter,
}

type Plan = Arc<dyn Fn(&SeenRequest) -> Fault + Send + Sync>;

/// The proxy before one emulator.
pub struct FaultLayer {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    plan: RwLock<Plan>,
    seen: Mutex<Vec<SeenRequest>>,
    crashes: watch::Sender<usize>,
}

impl FaultLayer {
    /// Passes everything on until it is given a plan.
    pub fn new(upstream: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            upstream,
            client: Client::builder(TokioExecutor::new()).build(connector),
            plan: RwLock::new(Arc::new(|_| Fault::Pass)),
            seen: Mutex::default(),
            crashes: watch::Sender::new(0),
        }
    }

    /// Answers requests on `listener` until `shutdown` resolves.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let handler = move |request: Request, _| {
            let layer = Arc::clone(&self);
            async move { layer.handle(request).await }
        };
        server::serve(listener, shutdown, handler).await;
    }

    /// Decides from now on what happens to each request, the SDK's own retries included.
    pub fn set_plan(&self, plan: impl Fn(&SeenRequest) -> Fault + Send + Sync + 'static) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }

    pub fn clear_plan(&self) {
        self.set_plan(|_| Fault::Pass);
    }

    /// Every request so far, in the order of arrival.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets what was seen, and numbers requests from zero again.
    pub fn forget(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Counts the crashes. A test waits for a change and then ends the task that plays the dead function.
    pub fn crashes(&self) -> watch::Receiver<usize> {
        self.crashes.subscribe()
    }

    async fn handle(&self, request: Request) -> Result<Response, Dropped> {
        let (head, body) = request.into_parts();
        let body = server::read_body(body, MAX_BODY)
            .await
            .map_err(|_| Dropped)?;
        let seen = self.note(SeenRequest::read(&head, &body));
        let plan = Arc::clone(&self.plan.read().unwrap_or_else(PoisonError::into_inner));
        match plan(&seen) {
            Fault::Pass => self.forward(&head, body).await,
            Fault::Throttle => Ok(answers::throttled(seen.service, false)),
            Fault::ThrottleAccount => Ok(answers::throttled(seen.service, true)),
            Fault::Conflict => Ok(answers::conflict(&seen)),
            Fault::Unprocessed { done } => self.in_part(&head, &seen, done).await,
            Fault::LoseAnswer => {
                self.forward(&head, body).await?;
                Err(Dropped)
            }
            Fault::CrashBefore => self.crash().await,
            Fault::CrashAfter => {
                self.forward(&head, body).await?;
                self.crash().await
            }
        }
    }

    fn note(&self, mut request: SeenRequest) -> SeenRequest {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        request.number = seen.len();
        seen.push(request.clone());
        request
    }

    async fn crash(&self) -> Result<Response, Dropped> {
        self.crashes.send_modify(|crashes| *crashes += 1);
        std::future::pending().await
    }

    /// Does part of a batch.
    async fn in_part(
        &self,
        head: &Parts,
        seen: &SeenRequest,
        done: usize,
    ) -> Result<Response, Dropped> {
        let Some((part, left)) = answers::split_batch(seen, done) else {
            return Ok(answers::does_not_apply(seen));
        };
        let answer = match part {
            Some(part) => {
                let response = self.forward(head, part.to_string().into()).await?;
                let (parts, body) = response.into_parts();
                let body = server::read_body(body, MAX_BODY)
                    .await
                    .map_err(|_| Dropped)?;
                if !parts.status.is_success() {
                    return Ok(http::Response::from_parts(parts, Full::new(body)));
                }
                serde_json::from_slice(&body).map_err(|_| Dropped)?
            }
            None => Json::Null,
        };
        Ok(answers::with_unprocessed(seen, answer, left))
    }

    async fn forward(&self, head: &Parts, body: Bytes) -> Result<Response, Dropped> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = http::Request::builder()
            .method(&head.method)
            .uri(format!("http://{}{path}", self.upstream));
        if let Some(headers) = request.headers_mut() {
            headers.extend(head.headers.clone());
            headers.remove(header::CONNECTION);
            headers.remove(header::TRANSFER_ENCODING);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let request = request.body(Full::new(body)).map_err(|_| Dropped)?;
        let (mut parts, body) = self
            .client
            .request(request)
            .await
            .map_err(|_| Dropped)?
            .into_parts();
        parts.headers.remove(header::TRANSFER_ENCODING);
        parts.headers.remove(header::CONNECTION);
        let body = server::read_body(body, MAX_BODY)
            .await
            .map_err(|_| Dropped)?;
        Ok(http::Response::from_parts(parts, Full::new(body)))
    }
}

#[cfg(test)]
mod tests;
