//! All that is known about Lambda: how an event becomes a [`Call`], how a [`Reply`] becomes an answer, and how a function runs.

use std::{process::ExitCode, time::Instant};

use futures::future::BoxFuture;
use lambda_http::{
    Adapter, Body, Request, RequestExt as _, Response,
    http::header,
    lambda_runtime::{self, LambdaEvent, service_fn, tower::ServiceExt as _},
    request::{LambdaRequest, RequestContext},
};
use serde_json::Value;
use shared::{
    error::{Error, Result},
    right::Right,
    timestamp::Timestamp,
};

pub use lambda_http::lambda_runtime::Context;

use crate::{app::App, fields::Fields, log};
pub use crate::{
    call::{Call, Visit},
    reply::Reply,
};

/// One Lambda.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name of its binary and, in camel case, of its resource in template.yaml.
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy)]
pub enum Kind {
    /// Behind the HTTP API and its authorizer. There is no call without a caller, and none without one of the rights. Where there are several, which
    /// of them it takes depends on what the request is about, and the domain demands that one.
    Endpoint {
        vocabulary: &'static Vocabulary,
        rights: &'static [Right],
        handler: Handler,
    },
    /// Behind the HTTP API, for everybody.
    Open {
        vocabulary: &'static Vocabulary,
        handler: fn(App, Visit) -> BoxFuture<'static, Result<Reply>>,
    },
    /// Invoked with an event of its own.
    Event {
        handler: fn(App, Event) -> BoxFuture<'static, Result<Value>>,
    },
}

pub type Handler = fn(App, Call) -> BoxFuture<'static, Result<Reply>>;

/// How one of our vocabularies says things.
pub struct Vocabulary {
    /// What an error looks like to a caller. The last step of a request, once for each vocabulary.
    pub render: fn(&Error, request_id: &str) -> Reply,
    /// The header that names the request in every answer.
    pub request_id_header: &'static str,
}

impl Vocabulary {
    /// An endpoint that speaks this vocabulary.
    pub const fn endpoint(
        &'static self,
        name: &'static str,
        rights: &'static [Right],
        handler: Handler,
    ) -> Function {
        let kind = Kind::Endpoint {
            vocabulary: self,
            rights,
            handler,
        };
        Function { name, kind }
    }
}

/// An event that is no HTTP request.
pub struct Event {
    pub payload: Value,
    /// When Lambda will end this invocation.
    pub deadline: Timestamp,
}

impl Event {
    /// The members of an event that an operator wrote.
    pub fn fields(self) -> Result<Fields> {
        match self.payload {
            Value::Object(members) => Ok(Fields::of_body(members)),
            _ => Err(Error::invalid("", "must be a JSON object")),
        }
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
            log::crash(function.name, error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn serve(function: Function) -> Result<(), lambda_http::Error> {
    let app = App::from_environment()?;
    if !matches!(function.kind, Kind::Open { .. }) {
        app.prime().await;
    }
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
            rights,
            handler,
        } => {
            let outcome = match Call::admit(request, rights, &request_id) {
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
        } => (vocabulary, handler(app, Visit::new(request)).await),
        Kind::Event { .. } => return Err("not behind the HTTP API".into()),
    };
    let (reply, error) = match outcome {
        Ok(reply) => (reply, None),
        Err(error) => ((vocabulary.render)(&error, &request_id), Some(error)),
    };
    log::request(
        function.name,
        &request_id,
        tenant,
        reply.status,
        error.as_ref(),
        began.elapsed(),
    );
    http_response(reply, vocabulary.request_id_header, &request_id)
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
    log::event(
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

fn http_response(
    reply: Reply,
    request_id_header: &str,
    request_id: &str,
) -> Result<Response<Body>, lambda_http::Error> {
    let mut response = Response::builder()
        .status(reply.status)
        .header(request_id_header, request_id);
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
