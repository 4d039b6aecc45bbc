//! Where a change is prepared, made, broken off and judged.

use harness::{
    faults::{Direct, Watched},
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use http::Method;
use serde_json::{Value, json};
use shared::connection::Connection;

use super::{Change, SWEPT_AFTER_SECONDS};
use crate::rights;

/// A stack with two servers that connections can be to.
pub struct Stage {
    pub watched: Watched,
    here: Peer,
    there: Peer,
    scenes: usize,
    /// Whether what a change has left is tried with another new credential.
    pub replaces: bool,
}

/// What a change begins with.
pub struct Scene {
    change: Change,
    name: String,
    /// Absent when it is the change that makes it.
    pub id: Option<String>,
    old: String,
    new: String,
}

impl Stage {
    pub async fn set() -> Self {
        Self {
            watched: TestStack::watched().await,
            here: Peer::hostile(Behaviour::Modern).start().await,
            there: Peer::hostile(Behaviour::Modern).start().await,
            scenes: 0,
            replaces: false,
        }
    }

    /// The writes that a change makes when nothing comes in between.
    pub async fn record(&mut self, change: Change) -> Vec<String> {
        let scene = self.prepare(change).await;
        self.watched.calm();
        let outcome = self.perform(&scene).await.expect("nothing crashes");
        let writes = self.watched.written();
        let happens = outcome < 300 || change == Change::RotateInVain && outcome == 422;
        assert!(happens, "{change:?}: {outcome}");
        for service in ["DynamoDB", "Secrets Manager"] {
            let touched = writes.iter().any(|write| write.starts_with(service));
            assert!(touched, "{change:?} writes only {writes:?}");
        }
        self.verify(&scene, Some(outcome), "undisturbed").await;
        writes
    }

    /// A connection that was checked, if the change is not to make it.
    pub async fn prepare(&mut self, change: Change) -> Scene {
        self.scenes += 1;
        let number = self.scenes;
        let mut scene = Scene {
            change,
            name: format!("scene {number}"),
            id: None,
            old: format!("old-{number}"),
            new: format!("new-{number}"),
        };
        self.watched.calm();
        self.here.clear_credential();
        self.there.clear_credential();
        scene.id = match change {
            Change::Create => None,
            Change::Adopt => Some(
                self.watched
                    .register_open(&scene.name, &self.here.url)
                    .await,
            ),
            _ => Some(
                self.watched
                    .register_bearer(&scene.name, &self.here.url, &scene.old)
                    .await,
            ),
        };
        if let Some(id) = &scene.id {
            self.check(id).await;
        }
        if change == Change::RotateInVain {
            self.here.set_bearer(&scene.old);
        }
        self.here.forget();
        self.there.forget();
        scene
    }

    /// Makes the change. Gives the answer's status, or nothing when the process died.
    pub async fn perform(&self, scene: &Scene) -> Option<u64> {
        let (function, request) = self.request(scene);
        let event = self.watched.event(&request).await;
        let invocation = self.watched.stack.invoke(function, event);
        let answer = self.watched.until_crash(invocation).await?;
        let answer = answer.expect("a function answers whatever happens");
        answer["statusCode"].as_u64()
    }

    fn request<'a>(&self, scene: &'a Scene) -> (&'static str, Direct<'a>) {
        let Scene { name, old, new, .. } = scene;
        let (function, method, below, body) = match scene.change {
            Change::Create => (
                "native-connections-create",
                "POST",
                "",
                Some(self.whole(name, new)),
            ),
            Change::Rotate | Change::RotateInVain => (
                "native-connections-rotate",
                "PUT",
                "/credential",
                Some(json!({ "bearerToken": new })),
            ),
            Change::Delete => ("native-connections-delete", "DELETE", "", None),
            Change::Replace => edit(json!({ "bearerToken": new })),
            Change::Move => edit(json!({ "serverUrl": self.there.url, "bearerToken": new })),
            Change::Discard => edit(json!({ "authType": "none" })),
            Change::Adopt => edit(json!({ "authType": "bearer", "bearerToken": new })),
        };
        let path = match &scene.id {
            Some(id) => format!("/api/mcp-connections/{id}{below}"),
            None => "/api/mcp-connections".to_owned(),
        };
        let headers = match scene.change {
            Change::Create => vec![("idempotency-key", old.as_str())],
            _ => Vec::new(),
        };
        let request = Direct {
            method,
            path,
            id: scene.id.as_deref(),
            headers,
            body,
        };
        (function, request)
    }

    fn whole(&self, name: &str, token: &str) -> Value {
        json!({ "name": name, "serverUrl": self.here.url, "authType": "bearer", "bearerToken": token })
    }

    async fn check(&self, id: &str) {
        let path = format!("/api/mcp-connections/{id}/test");
        let answer = self.watched.api().post(&path, &json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn row(&self, scene: &Scene) -> Option<Connection> {
        let items = stored::items(&self.watched.stack.stack);
        let mut rows = stored::rows(&items).into_iter();
        rows.find(|row| row.name.as_str() == scene.name)
    }

    /// Checks a connection in whatever state it is, and sees what its servers get to hear.
    pub async fn try_out(&self, scene: &Scene, point: &str) {
        if let Some(row) = self.row(scene).filter(Connection::is_visible) {
            self.check(&row.id.to_string()).await;
        }
        self.assert_no_token_strays(scene, point);
    }

    pub async fn sweep(&self, point: &str) {
        self.watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
        let first = self.watched.sweep().await;
        assert_eq!(first["failed"], 0, "{point}: {first}");
        let second = self.watched.sweep().await;
        let idle = json!({ "repaired": 0, "failed": 0, "oldestSeconds": 0 });
        assert_eq!(second, idle, "{point}");
    }

    /// Everything fits together, the credential is the old or the new one, and all works on. Tells whether the change has happened.
    pub async fn verify(&self, scene: &Scene, outcome: Option<u64>, point: &str) -> bool {
        self.assert_no_flaws(point);
        let row = self.row(scene);
        let has_happened = self.has_happened(scene, row.as_ref(), point);
        if outcome.is_some_and(|status| status < 300) {
            assert!(has_happened, "{point}: it was reported done");
        }

        let row = match (scene.change, row) {
            (Change::Create, row) => {
                let made = self.create_again(scene, point).await;
                if let Some(row) = row {
                    assert_eq!(made.id, row.id, "{point}: there are two now");
                }
                Some(made)
            }
            (_, row) => row,
        };
        let gone = match (row, &scene.id) {
            (Some(row), _) => {
                self.work_on(scene, &row, point).await;
                row.id.to_string()
            }
            (None, id) => id.clone().unwrap_or_default(),
        };
        self.assert_gone(&gone, point).await;
        self.assert_no_flaws(point);
        has_happened
    }

    /// Whether a connection is as it was before the change or as it is after it. Panics when it is neither.
    fn has_happened(&self, scene: &Scene, row: Option<&Connection>, point: &str) -> bool {
        let Scene { old, new, .. } = scene;
        let Some(row) = row else {
            let may_be_absent = matches!(scene.change, Change::Create | Change::Delete);
            assert!(may_be_absent, "{point}: the connection is lost");
            return scene.change == Change::Delete;
        };
        let token = stored::credential_of(&self.watched.stack.stack, row);
        let is_here = row.server_url.to_string() == self.here.url;
        let (before, after) = match scene.change {
            Change::Create => (None, Some((Some(new), true))),
            Change::Rotate | Change::Replace => (Some((Some(old), true)), Some((Some(new), true))),
            Change::RotateInVain | Change::Delete => (Some((Some(old), true)), None),
            Change::Move => (Some((Some(old), true)), Some((Some(new), false))),
            Change::Discard => (Some((Some(old), true)), Some((None, true))),
            Change::Adopt => (Some((None, true)), Some((Some(new), true))),
        };
        let found = Some((token.as_ref(), is_here));
        assert!(found == before || found == after, "{point}: {found:?}");
        found == after
    }

    /// Repeats the request, which must give one connection however far it came the first time.
    async fn create_again(&self, scene: &Scene, point: &str) -> Connection {
        let answer = self
            .watched
            .api()
            .send(
                Method::POST,
                "/api/mcp-connections",
                &[("idempotency-key", &scene.old)],
                Some(&self.whole(&scene.name, &scene.new)),
            )
            .await;
        assert_eq!(answer.status, 201, "{point}: {answer:?}");
        self.assert_no_flaws(point);
        let row = self.row(scene).expect("it was made just now");
        assert_eq!(answer.json()["id"], row.id.to_string(), "{point}");
        let token = stored::credential_of(&self.watched.stack.stack, &row);
        assert_eq!(token.as_ref(), Some(&scene.new), "{point}");
        row
    }

    /// The right credential is used, it can be replaced, and the connection can be removed.
    async fn work_on(&self, scene: &Scene, row: &Connection, point: &str) {
        let id = row.id.to_string();
        let peer = match row.server_url.to_string() == self.there.url {
            true => &self.there,
            false => &self.here,
        };
        let last_token = |peer: &Peer| {
            let last = peer.authorizations().pop().expect("it was asked");
            last.map(|header| header.trim_start_matches("Bearer ").to_owned())
        };
        self.check(&id).await;
        let token = stored::credential_of(&self.watched.stack.stack, row);
        assert_eq!(last_token(peer), token, "{point}");
        self.assert_no_token_strays(scene, point);

        if token.is_some() && self.replaces {
            peer.set_bearer("again");
            let path = format!("/api/mcp-connections/{id}/credential");
            let body = json!({ "bearerToken": "again" });
            let answer = self.watched.api().put(&path, &body).await;
            assert_eq!(answer.status, 200, "{point}: {answer:?}");
            self.check(&id).await;
            assert_eq!(last_token(peer).as_deref(), Some("again"), "{point}");
            self.assert_no_flaws(point);
        }

        let path = format!("/api/mcp-connections/{id}");
        let answer = self.watched.api().delete(&path).await;
        assert_eq!(answer.status, 204, "{point}: {answer:?}");
    }

    /// No server has heard of a token that was not given for it.
    fn assert_no_token_strays(&self, scene: &Scene, point: &str) {
        let (old, new) = (Some(&scene.old), Some(&scene.new));
        let (here, there) = match scene.change {
            Change::Create => (vec![new], vec![]),
            Change::Rotate | Change::RotateInVain | Change::Replace => (vec![old, new], vec![]),
            Change::Delete => (vec![old], vec![]),
            Change::Move => (vec![old], vec![new]),
            Change::Discard => (vec![old, None], vec![]),
            Change::Adopt => (vec![None, new], vec![]),
        };
        for (peer, allowed) in [(&self.here, here), (&self.there, there)] {
            let allowed: Vec<_> = allowed
                .into_iter()
                .map(|token| token.map(|token| format!("Bearer {token}")))
                .collect();
            for header in peer.authorizations() {
                assert!(allowed.contains(&header), "{point}: {header:?}");
            }
        }
    }

    /// Not even with everything going wrong has a function asked for what its policies do not allow.
    pub fn assert_within_rights(&self) {
        let template = &self.watched.stack.stack.template;
        let lacking = rights::lacking(template, &self.watched.seen());
        assert!(lacking.is_empty(), "template.yaml:\n{}", lacking.join("\n"));
    }

    fn assert_no_flaws(&self, point: &str) {
        let flaws = stored::flaws(&self.watched.stack.stack);
        assert!(flaws.is_empty(), "{point}: {flaws:#?}");
    }

    /// Nobody can find the connection any more, and nothing of it is left but history and counts that run out by themselves.
    async fn assert_gone(&self, id: &str, point: &str) {
        let path = format!("/api/mcp-connections/{id}");
        let answer = self.watched.api().get(&path).await;
        assert_eq!(answer.status, 404, "{point}: {answer:?}");
        let items = stored::items(&self.watched.stack.stack).into_iter();
        // The audit trail is to speak of it.
        for item in items.filter(|item| !item.pk().contains("#LIST#AUDIT")) {
            let speaks_of_it = item.0.to_string().contains(id);
            let may_stay = item.pk().contains("#HISTORY#") || item.sk().starts_with("REQUESTS#");
            let runs_out = may_stay && item.0["expiresAt"].is_number();
            assert!(!speaks_of_it || runs_out, "{point}: {item:?}");
        }
        let names = self.watched.stack.stack.secrets_manager.names();
        let has_secret = names.iter().any(|name| name.contains(id));
        assert!(!has_secret, "{point}: {names:?}");
    }
}

fn edit(body: Value) -> (&'static str, &'static str, &'static str, Option<Value>) {
    ("native-connections-update", "PATCH", "", Some(body))
}
