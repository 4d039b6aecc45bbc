//! Makes every function of Portkey's API do all that it can do.

mod directory;
mod integrations;
mod servers;
mod tokens;
mod unfinished;

use harness::{
    client::Client,
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
};
use http::Method;
use local::fault::SeenRequest;
use serde_json::{Value, json};

pub use self::unfinished::{Change, after_it_broke_off};

const INTEGRATIONS: &str = "/v1/mcp-integrations";
const SERVERS: &str = "/v1/mcp-servers";
const WORKSPACES: &str = "/v1/admin/workspaces";
const KEYS: &str = "/v1/api-keys";
/// An id that nothing has.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

/// What there is besides checks and work that broke off.
pub async fn in_every_branch() -> Vec<SeenRequest> {
    let scene = Scene::set().await;
    integrations::in_every_branch(&scene).await;
    servers::in_every_branch(&scene).await;
    tokens::in_every_branch(&scene).await;
    directory::in_every_branch(&scene).await;
    scene.watched.seen()
}

/// A tenant, and those who ask for something there.
struct Scene {
    watched: Watched,
    peer: Peer,
    /// With an organisation's key.
    api: Client,
    /// With the key of a user who leads the default workspace.
    user: Client,
    /// The gateway, for that user.
    gateway: Client,
}

impl Scene {
    async fn set() -> Self {
        let watched = TestStack::watched().await;
        let acme = watched.acme().clone();
        let system = format!("Bearer {}", acme.system_key);
        Self {
            peer: Peer::hostile(Behaviour::Modern).start().await,
            api: watched.portkey(),
            user: watched.portkey_with(&acme.workspace_user_key),
            gateway: watched
                .with_authorization(Some(&system))
                .with_header("x-portkey-api-key", &acme.workspace_user_key),
            watched,
        }
    }

    /// The body of an integration without a credential.
    fn open(&self, name: &str) -> Value {
        json!({ "name": name, "url": self.peer.url, "auth_type": "none", "transport": "http" })
    }

    /// The body of an integration that sends a token.
    fn with_token(&self, name: &str, token: &str) -> Value {
        let mut body = self.open(name);
        body["auth_type"] = json!("headers");
        body["configurations"] = configurations(token);
        body
    }

    /// Makes an integration that the default workspace may use, and gives its id.
    async fn integration(&self, body: &Value) -> String {
        let made = ok(self.api.post(INTEGRATIONS, body).await);
        let id = id_of(&made);
        let path = format!("{INTEGRATIONS}/{id}/workspaces");
        ok(self.api.put(&path, &shared(true)).await);
        id
    }

    /// Makes a server of an integration in the default workspace, and gives its id.
    async fn server(&self, integration: &str) -> String {
        let body = json!({ "name": "published", "mcp_integration_id": integration, "workspace_id": "ws-default" });
        id_of(&ok(self.api.post(SERVERS, &body).await))
    }

    fn user_id(&self) -> &str {
        &self.watched.acme().user_id
    }
}

fn configurations(token: &str) -> Value {
    json!({ "custom_headers": { "Authorization": format!("Bearer {token}") } })
}

/// That the default workspace may use an integration, or not.
fn shared(enabled: bool) -> Value {
    json!({ "workspaces": [{ "id": "ws-default", "enabled": enabled }] })
}

fn grant(token: &str) -> Value {
    json!({ "access_token": token, "client_metadata": { "client_id": "c1" } })
}

/// What a request must have been answered with.
fn ok(answer: harness::client::Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Makes requests below a path, one after another, each of which is answered with its status. Null is no body.
async fn ask(client: &Client, path: &str, requests: &[(&str, &str, Value, u16)]) {
    for (method, below, body, expected) in requests {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path = format!("{path}{below}");
        let sent = (!body.is_null()).then_some(body);
        let answer = client.send(method.clone(), &path, &[], sent).await;
        assert_eq!(
            answer.status, *expected,
            "{method} {path} {body}: {answer:?}"
        );
    }
}
