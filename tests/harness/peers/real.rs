//! Real servers: rmcp's, in the configurations that differ on the wire.

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        Implementation, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Seen, Shared};

/// A kind of real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rmcp {
    /// Speaks every revision; modern requests are answered as events.
    Modern,
    /// The same, answering in JSON.
    ModernJson,
    /// Only revisions with a handshake; sessions and events.
    LegacySession,
    /// Only revisions with a handshake; no sessions, events.
    LegacyStateless,
    /// Only revisions with a handshake; no sessions, JSON.
    LegacyStatelessJson,
}

impl Rmcp {
    pub const ALL: [Self; 5] = [
        Self::Modern,
        Self::ModernJson,
        Self::LegacySession,
        Self::LegacyStateless,
        Self::LegacyStatelessJson,
    ];

    pub fn is_modern(self) -> bool {
        matches!(self, Self::Modern | Self::ModernJson)
    }
}

/// Pages are short so that paging is exercised by every list of more than a few tools.
const PAGE: usize = 100;

struct Handler {
    kind: Rmcp,
    shared: Shared,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let mut info = ServerConfig::new(capabilities);
        let mut identity = Implementation::new("real-server", "1.2.3");
        identity.title = Some("A real server".to_owned());
        info.server_info = identity;
        info.instructions = Some(self.shared.lock().instructions.clone());
        info
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let all = ProtocolVersion::KNOWN_VERSIONS;
        if self.kind.is_modern() {
            return Cow::Borrowed(all);
        }
        all.iter()
            .filter(|version| version.has_initialize())
            .cloned()
            .collect()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let total = self.shared.lock().tools;
        let start: usize = request
            .and_then(|request| request.cursor)
            .and_then(|cursor| cursor.to_string().parse().ok())
            .unwrap_or(0);
        let end = total.min(start + PAGE);
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let schema = Arc::new(schema.as_object().cloned().unwrap_or_default());
        let tools = (start..end)
            .map(|n| Tool::new(format!("tool-{n:03}"), "Does something.", schema.clone()))
            .collect();
        let mut page = ListToolsResult::with_all_items(tools);
        page.next_cursor = (end < total).then(|| end.to_string());
        Ok(page)
    }
}

/// Serves one connection. The sessions are the peer's, since clients come back for them on other connections.
pub(super) async fn serve<S>(
    stream: S,
    kind: Rmcp,
    shared: Shared,
    sessions: Arc<LocalSessionManager>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = kind == Rmcp::LegacySession || kind == Rmcp::Modern;
    config.json_response = matches!(kind, Rmcp::ModernJson | Rmcp::LegacyStatelessJson);
    let handler_shared = shared.clone();
    let service = StreamableHttpService::new(
        move || {
            Ok(Handler {
                kind,
                shared: handler_shared.clone(),
            })
        },
        sessions,
        config,
    );
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(request, &service, &shared).await) }
    });
    // A client that hangs up in the middle is no failure of the peer's.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    service: &StreamableHttpService<Handler, LocalSessionManager>,
    shared: &Shared,
) -> Response<BoxBody<Bytes, Infallible>> {
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refusal(StatusCode::BAD_REQUEST),
    };
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let seen = Seen {
        method: parts.method.to_string(),
        rpc: json["method"].as_str().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
        body: json,
    };
    let allowed = {
        let mut state = shared.lock();
        let allowed = state
            .credential
            .as_ref()
            .is_none_or(|(name, value)| seen.header(name) == Some(value.as_str()));
        state.seen.push(seen);
        allowed
    };
    if !allowed {
        return refusal(StatusCode::UNAUTHORIZED);
    }
    service
        .handle(Request::from_parts(parts, Full::new(body)))
        .await
}

fn refusal(status: StatusCode) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"peer\""),
        );
    }
    response
}
