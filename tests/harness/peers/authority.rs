//! An authorization server, and the MCP server that wants its tokens, at one address: what OAuth for clients is tried against.
//!
//! It holds clients to the letter of the standards: PKCE, the resource, the redirect, the way of authentication, codes and refresh tokens that are good
//! once.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Seen, answers};

pub const PROTECTED: &str = "/.well-known/oauth-protected-resource/mcp";
pub const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A request to it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// A client that it knows.
#[derive(Clone, Debug)]
struct Known {
    secret: Option<String>,
    /// `client_secret_basic`, `client_secret_post` or `none`.
    authentication: String,
    redirect_uris: Vec<String>,
}

/// What somebody consented to.
#[derive(Clone, Debug)]
struct Consent {
    client: String,
    redirect_uri: String,
    challenge: String,
    resource: String,
    scope: String,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    clients: BTreeMap<String, Known>,
    codes: BTreeMap<String, Consent>,
    /// Refresh tokens that are good, and whose they are.
    refresh: BTreeMap<String, Consent>,
    access: Option<String>,
    issued: usize,
    expires_in: Option<u64>,
    /// Answers to give in the place of its own.
    said: BTreeMap<String, (u16, Value)>,
    denies: bool,
    /// It gives no refresh tokens.
    keeps_refresh: bool,
}

/// A running one. Dropping it stops it.
pub struct Authority {
    /// Of the MCP server.
    pub url: String,
    pub origin: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Authority {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let origin = format!("http://{address}");
        let state = Arc::new(Mutex::new(State {
            expires_in: Some(3600),
            ..State::default()
        }));
        let server = tokio::spawn(serve(listener, origin.clone(), Arc::clone(&state)));
        let authority = Self {
            url: format!("{origin}/mcp"),
            origin,
            state,
            server,
        };
        authority.says_of_itself(&[]);
        authority
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Its metadata from now on: the usual one with these members in it, or without those that are null.
    pub fn says_of_itself(&self, changes: &[(&str, Value)]) {
        let origin = &self.origin;
        let mut metadata = json!({
            "issuer": origin,
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "registration_endpoint": format!("{origin}/register"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": true,
        });
        for (name, value) in changes {
            metadata[*name] = value.clone();
        }
        if let Some(members) = metadata.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        self.says(METADATA, 200, metadata);
    }

    /// Answers this to whatever is asked at a path.
    pub fn says(&self, path: &str, status: u16, body: Value) {
        self.lock().said.insert(path.to_owned(), (status, body));
    }

    /// Answers by itself again at a path.
    pub fn heals(&self, path: &str) {
        self.lock().said.remove(path);
    }

    /// Seconds that tokens are good for from now on; none are named without.
    pub fn expires_in(&self, seconds: Option<u64>) {
        self.lock().expires_in = seconds;
    }

    /// Gives no refresh tokens from now on.
    pub fn keeps_refresh_tokens(&self) {
        self.lock().keeps_refresh = true;
    }

    /// Whoever is asked says no.
    pub fn denies(&self) {
        self.lock().denies = true;
    }

    /// Knows a client that nobody registered.
    pub fn knows(&self, id: &str, secret: Option<&str>, authentication: &str, redirect_uri: &str) {
        let known = Known {
            secret: secret.map(str::to_owned),
            authentication: authentication.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
        };
        self.lock().clients.insert(id.to_owned(), known);
    }

    /// No refresh token is good any more.
    pub fn forgets_consent(&self) {
        self.lock().refresh.clear();
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// How often something was asked at a path.
    pub fn times(&self, path: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|asked| asked.path == path).count()
    }

    /// The secrets that it gave out: access and refresh tokens, and clients' secrets.
    pub fn secrets(&self) -> Vec<String> {
        let state = self.lock();
        let clients = state.clients.values();
        let mut secrets: Vec<String> = clients.filter_map(|known| known.secret.clone()).collect();
        secrets.extend((1..=state.issued).flat_map(|n| [access(n), refresh(n)]));
        secrets
    }

    /// Does what a person does who is sent here: consents, and is sent back. Gives where to.
    pub fn visit(&self, place: &str) -> String {
        let place = url::Url::parse(place).expect("a place to go to");
        assert_eq!(
            place.origin().ascii_serialization(),
            self.origin,
            "sent elsewhere"
        );
        assert_eq!(place.path(), "/authorize");
        let asked = parameters(place.query().unwrap_or_default());
        let mut state = self.lock();
        let known = state.clients[&asked["client_id"]].clone();
        assert!(known.redirect_uris.contains(&asked["redirect_uri"]));
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut back = url::Url::parse(&asked["redirect_uri"]).expect("a place to come back to");
        back.query_pairs_mut()
            .append_pair("state", &asked["state"])
            .append_pair("iss", &self.origin);
        if state.denies {
            back.query_pairs_mut().append_pair("error", "access_denied");
            return back.into();
        }
        let code = format!("code-{}-of-nobody-else", state.codes.len() + 1);
        let consent = Consent {
            client: asked["client_id"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            challenge: asked["code_challenge"].clone(),
            resource: asked["resource"].clone(),
            scope: asked.get("scope").cloned().unwrap_or_default(),
        };
        state.codes.insert(code.clone(), consent);
        back.query_pairs_mut().append_pair("code", &code);
        back.into()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn access(number: usize) -> String {
    format!("access-token-{number}-7f3a9c41")
}

fn refresh(number: usize) -> String {
    format!("refresh-token-{number}-7f3a9c41")
}

fn parameters(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

async fn serve(listener: TcpListener, origin: String, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (origin, state) = (origin.clone(), Arc::clone(&state));
        let service = service_fn(move |request: Request<Incoming>| {
            let (origin, state) = (origin.clone(), Arc::clone(&state));
            async move { Ok::<_, Infallible>(answer(request, &origin, &state).await) }
        });
        tokio::spawn(async move {
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    origin: &str,
    state: &Mutex<State>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    let text = |name: &str| {
        let value = head.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        authorization: text("authorization"),
        body,
    };
    let mut state = locked(state);
    state.asked.push(asked.clone());
    if let Some((status, body)) = state.said.get(&asked.path).cloned() {
        let mut response = json_response(status, &body);
        if let Some(place) = body["location"].as_str() {
            let place = place.parse().expect("a location is a header");
            response.headers_mut().insert(header::LOCATION, place);
        }
        return response;
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/mcp") => mcp(&asked, &head.headers, origin, &state),
        ("GET", PROTECTED) => json_response(
            200,
            &json!({
                "resource": format!("{origin}/mcp"),
                "authorization_servers": [origin],
                "scopes_supported": ["tools", "offline"],
            }),
        ),
        ("POST", "/register") => register(&mut state, &asked),
        ("POST", "/token") => token(&mut state, &asked),
        _ => json_response(404, &json!({})),
    }
}

fn mcp(
    asked: &Asked,
    headers: &http::HeaderMap,
    origin: &str,
    state: &State,
) -> Response<Full<Bytes>> {
    let wanted = state.access.as_ref().map(|token| format!("Bearer {token}"));
    if wanted.is_none() || asked.authorization != wanted {
        let mut response = json_response(401, &json!({}));
        let challenge = format!("Bearer resource_metadata=\"{origin}{PROTECTED}\"");
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            challenge.parse().expect("a challenge is a header"),
        );
        return response;
    }
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let headers = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    let seen = Seen {
        method: asked.method.clone(),
        rpc: body["method"].as_str().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    };
    let plain = answers::modern(&seen);
    let mut response = Response::new(Full::from(plain.body));
    *response.status_mut() = http::StatusCode::from_u16(plain.status).expect("a status");
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}

fn register(state: &mut State, asked: &Asked) -> Response<Full<Bytes>> {
    let wanted: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let number = state.clients.len() + 1;
    let authentication = wanted["token_endpoint_auth_method"]
        .as_str()
        .unwrap_or("client_secret_basic");
    let redirect_uris: Vec<String> =
        serde_json::from_value(wanted["redirect_uris"].clone()).unwrap_or_default();
    if redirect_uris.is_empty() {
        return json_response(400, &json!({ "error": "invalid_redirect_uri" }));
    }
    let id = format!("client-{number}:x");
    let secret = (authentication != "none").then(|| format!("client-secret-{number}:+/7f3a9c41"));
    let known = Known {
        secret: secret.clone(),
        authentication: authentication.to_owned(),
        redirect_uris,
    };
    let mut registered = wanted.clone();
    registered["client_id"] = json!(id);
    registered["token_endpoint_auth_method"] = json!(known.authentication);
    if let Some(secret) = secret {
        registered["client_secret"] = json!(secret);
    }
    state.clients.insert(id, known);
    json_response(201, &registered)
}

fn token(state: &mut State, asked: &Asked) -> Response<Full<Bytes>> {
    let form = parameters(&asked.body);
    let refused = |error: &str| json_response(400, &json!({ "error": error }));
    let Some(client) = authenticated(state, asked, &form) else {
        return json_response(401, &json!({ "error": "invalid_client" }));
    };
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    let consent = match get("grant_type").as_str() {
        "authorization_code" => {
            let Some(consent) = state.codes.remove(&get("code")) else {
                return refused("invalid_grant");
            };
            let verifier = Sha256::digest(get("code_verifier").as_bytes());
            let challenge = general_purpose::URL_SAFE_NO_PAD.encode(verifier);
            if consent.challenge != challenge || consent.redirect_uri != get("redirect_uri") {
                return refused("invalid_grant");
            }
            consent
        }
        "refresh_token" => match state.refresh.remove(&get("refresh_token")) {
            Some(consent) => consent,
            None => return refused("invalid_grant"),
        },
        _ => return refused("unsupported_grant_type"),
    };
    if consent.client != client {
        return refused("invalid_grant");
    }
    if consent.resource != get("resource") {
        return refused("invalid_target");
    }
    state.issued += 1;
    let number = state.issued;
    let mut issued = json!({
        "access_token": access(number),
        "refresh_token": refresh(number),
        "token_type": "Bearer",
        "scope": consent.scope,
    });
    if let Some(seconds) = state.expires_in {
        issued["expires_in"] = json!(seconds);
    }
    state.access = Some(access(number));
    if state.keeps_refresh {
        if let Some(members) = issued.as_object_mut() {
            members.remove("refresh_token");
        }
    } else {
        state.refresh.insert(refresh(number), consent);
    }
    json_response(200, &issued)
}

/// The client that asks, if it proves to be itself in the way that was agreed on.
fn authenticated(state: &State, asked: &Asked, form: &BTreeMap<String, String>) -> Option<String> {
    let (id, secret, way) = match &asked.authorization {
        Some(basic) => {
            let pair = general_purpose::STANDARD
                .decode(basic.strip_prefix("Basic ")?)
                .ok()?;
            let pair = String::from_utf8(pair).ok()?;
            let (id, secret) = pair.split_once(':')?;
            let decoded = |text: &str| parameters(&format!("x={text}")).remove("x");
            (decoded(id)?, decoded(secret), "client_secret_basic")
        }
        None => {
            let secret = form.get("client_secret").cloned();
            let way = match secret {
                Some(_) => "client_secret_post",
                None => "none",
            };
            (form.get("client_id")?.clone(), secret, way)
        }
    };
    let known = state.clients.get(&id)?;
    (known.secret == secret && known.authentication == way).then_some(id)
}

fn json_response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
