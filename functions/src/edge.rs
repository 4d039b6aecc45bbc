//! All that is known about Lambda: how an event becomes a [`Call`], how a [`Reply`] becomes an answer, and how a function runs.

use std::{process::ExitCode, str::FromStr, time::Instant};

use futures::future::BoxFuture;
use lambda_http::{
    Adapter, Body, Request, RequestExt as _, Response,
    http::{HeaderValue, header},
    lambda_runtime::{self, LambdaEvent, service_fn, tower::ServiceExt as _},
    request::{LambdaRequest, RequestContext},
};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    caller::{Caller, Right},
    connection::Version,
    error::{Error, Noun, Problem, Result},
    tenant::TenantId,
    timestamp::Timestamp,
};

pub use lambda_http::lambda_runtime::Context;

use crate::{app::App, context, fields::Fields, journal};

/// What a request body may weigh.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// One Lambda.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name of its binary and, in camel case, of its resource in template.yaml.
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy)]
pub enum Kind {
    /// Behind the HTTP API and its authorizer. There is no call without a caller, and none without the right.
    Endpoint {
        vocabulary: &'static Vocabulary,
        right: Right,
        handler: Handler,
    },
    /// Behind the HTTP API, for everybody.
    Open {
        vocabulary: &'static Vocabulary,
        handler: fn(App) -> Result<Reply>,
    },
    /// Invoked with an event of its own.
    Event {
        handler: fn(App, Event) -> BoxFuture<'static, Result<Value>>,
    },
}

pub type Handler = fn(App, Call) -> BoxFuture<'static, Result<Reply>>;

/// How one of our three vocabularies says things.
pub struct Vocabulary {
    /// What an error looks like to a caller. The last step of a request, once for each vocabulary.
    pub render: fn(&Error, request_id: &str) -> Reply,
}

/// An event that is no HTTP request.
pub struct Event {
    pub payload: Value,
    /// When Lambda will end this invocation.
    pub deadline: Timestamp,
}

/// A request of a known caller.
pub struct Call {
    pub caller: Caller,
    request: Request,
}

impl Call {
    pub const fn tenant(&self) -> TenantId {
        self.caller.tenant
    }

    /// The id in the path. What cannot be an id is as unknown as an id that does not exist, and gets the same answer.
    pub fn id<T: FromStr>(&self, noun: Noun) -> Result<T> {
        let parameters = self.request.path_parameters_ref();
        let id = parameters.and_then(|parameters| parameters.first("id"));
        id.and_then(|id| id.parse().ok())
            .ok_or(Error::NotFound(noun))
    }

    /// The members of the JSON object in the body.
    pub fn fields(&self) -> Result<Fields> {
        let body = self.body();
        if body.len() > MAX_BODY_BYTES {
            return Err(Error::TooLarge);
        }
        let content_type = self
            .header(header::CONTENT_TYPE.as_str())?
            .unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Error::UnsupportedMediaType);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(members)) => Ok(Fields::of_body(members)),
            Ok(_) => Err(Error::invalid("", "must be a JSON object")),
            // The position, and not serde's sentence, which quotes what it found.
            Err(error) => Err(Error::invalid(
                "",
                format!(
                    "is not valid JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            )),
        }
    }

    /// The parameters of the query.
    pub fn query(&self) -> Result<Fields> {
        let query = self.request.query_string_parameters();
        let mut members = Map::new();
        let mut problems = Vec::new();
        for (name, value) in query.iter() {
            if members.insert(name.to_owned(), value.into()).is_some() {
                problems.push(Problem::new(name, "must be given only once"));
            }
        }
        if problems.is_empty() {
            Ok(Fields::of_query(members))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// The version that the caller saw, from `If-Match`. `*` is any.
    pub fn if_match(&self) -> Result<Option<Version>> {
        match self.header(header::IF_MATCH.as_str())? {
            None | Some("*") => Ok(None),
            // A tag that was never ours is as stale as one that is not current any more.
            Some(tag) => {
                let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                version
                    .and_then(|version| version.parse().ok())
                    .map(|version| Some(Version(version)))
                    .ok_or(Error::Stale)
            }
        }
    }

    /// The header `Idempotency-Key`.
    pub fn idempotency_key(&self) -> Result<Option<&str>> {
        const NAME: &str = "Idempotency-Key";
        match self.header(NAME)? {
            Some(key) if key.is_empty() || key.len() > 255 => {
                Err(Error::invalid(NAME, "must be 1 to 255 characters"))
            }
            key => Ok(key),
        }
    }

    pub fn body(&self) -> &[u8] {
        self.request.body().as_ref()
    }

    /// This request's address with another `cursor`.
    pub fn address_at(&self, cursor: &str) -> String {
        let uri = self.request.uri();
        let kept = self.request.query_string_parameters();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(kept.iter().filter(|(name, _)| *name != "cursor"))
            .append_pair("cursor", cursor);
        let path = format!("{}?{}", uri.path(), query.finish());
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}{path}"),
            _ => path,
        }
    }

    /// The path of this request with `segment` below it.
    pub fn path_below(&self, segment: impl std::fmt::Display) -> String {
        format!(
            "{}/{segment}",
            self.request.uri().path().trim_end_matches('/')
        )
    }

    fn header(&self, name: &str) -> Result<Option<&str>> {
        let value = self.request.headers().get(name);
        value
            .map(HeaderValue::to_str)
            .transpose()
            .map_err(|_| Error::invalid(name, "must be visible ASCII"))
    }
}

/// What a function answers.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

impl Reply {
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::json(200, body)
    }

    pub fn created(location: String, body: &impl Serialize) -> Result<Self> {
        Ok(Self::json(201, body)?.with("location", location))
    }

    pub const fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body),
        })
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The entity tag that `If-Match` takes back.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        self.with("etag", format!("\"{}\"", version.0))
    }
}

/// Runs one function until Lambda ends it.
///
/// Neither async nor generic, and it owns the runtime: so all of this is compiled here once and not again in every binary.
pub fn run(function: Function) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(serve(function)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal::crash(function.name, error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn serve(function: Function) -> Result<(), lambda_http::Error> {
    let app = App::from_environment()?;
    app.prime(function).await;
    match function.kind {
        Kind::Endpoint { .. } | Kind::Open { .. } => {
            lambda_http::run(service_fn(move |request| {
                respond(function, app.clone(), request)
            }))
            .await
        }
        Kind::Event { .. } => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
                handle(function, app.clone(), event)
            }))
            .await
        }
    }
}

/// Answers one event without a Lambda around it, through the same conversions: this is how the local stack calls.
pub async fn invoke(
    function: Function,
    app: App,
    payload: Value,
    context: Context,
) -> Result<Value, lambda_http::Error> {
    match function.kind {
        Kind::Endpoint { .. } | Kind::Open { .. } => {
            let request: LambdaRequest = serde_json::from_value(payload)?;
            let service = Adapter::from(service_fn(move |request| {
                respond(function, app.clone(), request)
            }));
            let answer = service.oneshot(LambdaEvent::new(request, context)).await?;
            Ok(serde_json::to_value(answer)?)
        }
        Kind::Event { .. } => handle(function, app, LambdaEvent::new(payload, context)).await,
    }
}

async fn respond(
    function: Function,
    app: App,
    request: Request,
) -> Result<Response<Body>, lambda_http::Error> {
    let began = Instant::now();
    let request_id = request_id(&request);
    let mut tenant = None;
    let (vocabulary, outcome) = match function.kind {
        Kind::Endpoint {
            vocabulary,
            right,
            handler,
        } => {
            let outcome = match admit(request, right) {
                Ok(call) => {
                    tenant = Some(call.tenant());
                    handler(app, call).await
                }
                Err(error) => Err(error),
            };
            (vocabulary, outcome)
        }
        Kind::Open {
            vocabulary,
            handler,
        } => (vocabulary, handler(app)),
        Kind::Event { .. } => return Err("not behind the HTTP API".into()),
    };
    let reply = outcome.as_ref().map_or_else(
        |error| (vocabulary.render)(error, &request_id),
        |_| Reply::no_content(),
    );
    journal::request(
        function.name,
        &request_id,
        tenant,
        outcome.as_ref().map_or(reply.status, |reply| reply.status),
        outcome.as_ref().err(),
        began.elapsed(),
    );
    http_response(outcome.unwrap_or(reply), &request_id)
}

/// A call exists only with a caller who has the right.
fn admit(request: Request, right: Right) -> Result<Call> {
    let caller = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(http)) => http
            .authorizer
            .as_ref()
            .and_then(|authorizer| context::caller(&authorizer.fields)),
        _ => None,
    };
    let caller = caller.ok_or(Error::Unauthenticated)?;
    if !caller.may(right) {
        return Err(Error::Forbidden(right));
    }
    Ok(Call { caller, request })
}

async fn handle(
    function: Function,
    app: App,
    event: LambdaEvent<Value>,
) -> Result<Value, lambda_http::Error> {
    let Kind::Event { handler } = function.kind else {
        return Err("behind the HTTP API".into());
    };
    let began = Instant::now();
    let deadline =
        Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
    let outcome = handler(
        app,
        Event {
            payload: event.payload,
            deadline,
        },
    )
    .await;
    journal::event(
        function.name,
        &event.context.request_id,
        outcome.as_ref().err(),
        began.elapsed(),
    );
    // What Lambda shows of an error is its sentence; the chain behind it is in the log alone.
    outcome.map_err(|error| error.to_string().into())
}

fn request_id(request: &Request) -> String {
    let gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(http)) => http.request_id.clone(),
        _ => None,
    };
    gateway
        .or_else(|| {
            request
                .lambda_context_ref()
                .map(|context| context.request_id.clone())
        })
        .unwrap_or_default()
}

fn http_response(reply: Reply, request_id: &str) -> Result<Response<Body>, lambda_http::Error> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("x-request-id", request_id);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    // The answer of a control plane is nobody's to keep.
    response = response.header(header::CACHE_CONTROL, "no-store");
    let body = reply.body.map_or(Ok(Body::Empty), |body| {
        String::from_utf8(body).map(Body::Text)
    })?;
    Ok(response.body(body)?)
}
