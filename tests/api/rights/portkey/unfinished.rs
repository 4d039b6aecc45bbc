//! Changes that break off after each of their writes, and each function that takes up what was left.

use harness::{
    client::{Answer, Client},
    stack::id_of,
    stored,
};
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use super::{INTEGRATIONS, KEYS, SERVERS, Scene, UNKNOWN, WORKSPACES, configurations, grant, ok};

/// What is done to something that holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Gives an integration a credential.
    Configure,
    /// Takes it away.
    Unconfigure,
    Describe,
    Share,
    Deregister,
    /// Stores a user's tokens.
    Store,
    Forget,
    Disconnect,
    /// Removes a server.
    Withdraw,
    /// Removes a workspace with all that is in it.
    Close,
}

/// A change that breaks off, and what is done next; or nothing, until it is swept up.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    deed: Deed,
    /// Whether there is a secret already.
    has_secret: bool,
    next: &'static [Option<Deed>],
}

impl Change {
    pub const ALL: [Self; 9] = [
        Self::of_integration(Deed::Configure, false),
        Self::of_integration(Deed::Configure, true),
        Self::of_integration(Deed::Unconfigure, true),
        Self::of_integration(Deed::Deregister, true),
        Self::of_tokens(Deed::Store, false),
        Self::of_tokens(Deed::Store, true),
        Self::of_tokens(Deed::Forget, true),
        Self {
            deed: Deed::Withdraw,
            has_secret: true,
            next: &[Some(Deed::Withdraw)],
        },
        Self {
            deed: Deed::Close,
            has_secret: true,
            next: &[Some(Deed::Close)],
        },
    ];

    const fn of_integration(deed: Deed, has_secret: bool) -> Self {
        Self {
            deed,
            has_secret,
            next: &[
                None,
                Some(Deed::Describe),
                Some(Deed::Share),
                Some(Deed::Deregister),
            ],
        }
    }

    const fn of_tokens(deed: Deed, has_secret: bool) -> Self {
        Self {
            deed,
            has_secret,
            next: &[
                None,
                Some(Deed::Store),
                Some(Deed::Forget),
                Some(Deed::Disconnect),
                Some(Deed::Withdraw),
            ],
        }
    }
}

pub async fn after_it_broke_off(change: Change) -> Vec<SeenRequest> {
    let scene = Scene::set().await;
    let watched = &scene.watched;
    let subject = Subject::of(change, &scene).await;
    watched.calm();
    ok(subject.suffer(change.deed, &scene).await);
    let writes = watched.written().len();
    assert!(writes > 2, "{change:?} writes {:?}", watched.written());
    for done in 1..writes {
        for next in change.next {
            let subject = Subject::of(change, &scene).await;
            // As after a crash, nothing more comes through.
            watched.disturb(done..usize::MAX, Fault::Throttle);
            subject.suffer(change.deed, &scene).await;
            watched.calm();
            if let Some(next) = next {
                watched.clock.turn_seconds(61);
                let answer = subject.suffer(*next, &scene).await;
                let point = format!("{change:?}, {done} of {writes}, {next:?}");
                assert!(matches!(answer.status, 200 | 404), "{point}: {answer:?}");
            }
            watched.clock.turn_seconds(6 * 60);
            assert_eq!(watched.sweep().await["failed"], 0, "{change:?}, {done}");
        }
    }
    let flaws = stored::flaws(&watched.stack.stack);
    assert!(flaws.is_empty(), "{change:?}: {flaws:#?}");
    watched.seen()
}

/// An integration, a server of it and a user.
struct Subject {
    workspace: String,
    integration: String,
    server: String,
    user: Client,
}

impl Subject {
    async fn of(change: Change, scene: &Scene) -> Self {
        let api = &scene.api;
        let watched = &scene.watched;
        let is_of_tokens = matches!(change.deed, Deed::Store | Deed::Forget | Deed::Withdraw);
        let is_of_both = change.deed == Deed::Close;
        let mut integration = match change.has_secret && !is_of_tokens {
            true => scene.with_token("subject", "old"),
            false => scene.open("subject"),
        };
        // A workspace that is closed is one of its own, and so is what is in it.
        let (workspace, user, integration) = if is_of_both {
            let workspace = json!({ "name": "subject", "users": [UNKNOWN] });
            let workspace = id_of(&ok(api.post(WORKSPACES, &workspace).await));
            let key = json!({ "name": "a key", "workspace_id": workspace, "user_id": UNKNOWN, "scopes": ["mcp.invoke"] });
            let key = ok(api.post(&format!("{KEYS}/workspace/user"), &key).await);
            integration["workspace_id"] = json!(workspace);
            let integration = id_of(&ok(api.post(INTEGRATIONS, &integration).await));
            (
                workspace,
                key["key"].as_str().unwrap().to_owned(),
                integration,
            )
        } else {
            let key = watched.acme().workspace_user_key.clone();
            (
                "ws-default".to_owned(),
                key,
                scene.integration(&integration).await,
            )
        };
        let server = json!({ "name": "subject", "mcp_integration_id": integration, "workspace_id": workspace });
        let server = id_of(&ok(api.post(SERVERS, &server).await));
        let subject = Self {
            workspace: format!("{WORKSPACES}/{workspace}"),
            integration: format!("{INTEGRATIONS}/{integration}"),
            server: format!("{SERVERS}/{server}"),
            user: watched.portkey_with(&user),
        };
        if change.has_secret && (is_of_tokens || is_of_both) {
            ok(subject.suffer(Deed::Store, scene).await);
        }
        subject
    }

    async fn suffer(&self, deed: Deed, scene: &Scene) -> Answer {
        let (api, user) = (&scene.api, &self.user);
        let integration = &self.integration;
        match deed {
            Deed::Configure => {
                let body =
                    json!({ "auth_type": "headers", "configurations": configurations("new") });
                api.put(integration, &body).await
            }
            Deed::Unconfigure => {
                let body = json!({ "auth_type": "none", "configurations": { "custom_headers": Value::Null } });
                api.put(integration, &body).await
            }
            Deed::Describe => api.put(integration, &json!({ "description": "new" })).await,
            Deed::Share => {
                let body =
                    json!({ "workspaces": [], "global_workspace_access": { "enabled": true } });
                api.put(&format!("{integration}/workspaces"), &body).await
            }
            Deed::Deregister => api.delete(integration).await,
            Deed::Store => {
                user.put(&format!("{}/tokens", self.server), &grant("new"))
                    .await
            }
            Deed::Forget => user.delete(&format!("{}/tokens", self.server)).await,
            Deed::Disconnect => user.delete(&format!("{}/connections", self.server)).await,
            Deed::Withdraw => api.delete(&self.server).await,
            Deed::Close => {
                let body = json!({ "force_delete": true });
                let delete = http::Method::DELETE;
                api.send(delete, &self.workspace, &[], Some(&body)).await
            }
        }
    }
}
