//! Makes the functions of OAuth do all that they can do, and whatever checks renew tokens.

use harness::{faults::Watched, peers::authority::Authority, stack::TestStack};
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};
use shared::{connection::ConnectionId, oauth::held::Arranged};

use super::{branches::fail_at, checks::By};
use crate::oauth::{authorized, begun, completed, made, made_with, opened, sent_on, status};

const MINUTE: i64 = 60;

/// A client whose credential is there before anything was registered for it.
async fn arranged(watched: &Watched, authority: &Authority) -> ConnectionId {
    let arranged = Arranged {
        scopes: vec!["mine".to_owned()],
        ..Arranged::default()
    };
    made_with(watched, &authority.url, arranged).await
}

async fn gone(watched: &Watched, id: ConnectionId) {
    let path = format!("/api/mcp-connections/{id}");
    assert_eq!(watched.api().delete(&path).await.status, 204);
}

async fn ended(watched: &Watched, flow: &Value) -> u16 {
    let id = flow["oauth_config_id"].as_str().unwrap();
    let path = format!("/api/oauth/config/{id}");
    watched.api().delete(&path).await.status
}

/// What there is besides work that broke off.
pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;

    // A client that cannot be kept, and one that can.
    let flow = begun(&watched, id).await;
    fail_at(&watched, "CreateSecret", Fault::Throttle);
    assert_eq!(opened(&watched, &flow["authorize_url"]).await.status, 503);
    watched.calm();
    let back = authority.visit(&sent_on(&watched, &flow).await);
    // Tokens that cannot be kept, and others that can.
    fail_at(&watched, "PutSecretValue", Fault::Throttle);
    assert_eq!(opened(&watched, &json!(back)).await.status, 503);
    watched.calm();
    let flow = authorized(&watched, &authority, id).await;
    assert_eq!(completed(&watched, &flow).await.status, 200);
    // It works, and then it does not, which is to be confirmed; the completion sees that it works, and does not in turn.
    for works_at_the_end in [true, false] {
        let flow = authorized(&watched, &authority, id).await;
        crate::oauth::tick(&watched).await;
        authority.says("/mcp", 500, json!({}));
        let test = format!("/api/mcp-connections/{id}/test");
        assert_eq!(watched.api().post(&test, &json!({})).await.status, 200);
        if works_at_the_end {
            authority.heals("/mcp");
        }
        assert_eq!(completed(&watched, &flow).await.status, 200);
        authority.heals("/mcp");
    }
    let flow = authorized(&watched, &authority, id).await;
    assert_eq!(ended(&watched, &flow).await, 200);
    gone(&watched, id).await;

    let id = arranged(&watched, &authority).await;
    let flow = begun(&watched, id).await;
    fail_at(&watched, "PutSecretValue", Fault::Throttle);
    assert_eq!(opened(&watched, &flow["authorize_url"]).await.status, 503);
    watched.calm();
    let flow = authorized(&watched, &authority, id).await;
    status(&watched, &flow).await;
    fail_at(&watched, "PutSecretValue", Fault::Throttle);
    assert_eq!(ended(&watched, &flow).await, 503);
    watched.calm();

    // An error that consent ends.
    authority.forgets_consent();
    watched.clock.turn_seconds(3 * 60 * MINUTE);
    crate::oauth::tick(&watched).await;
    let flow = authorized(&watched, &authority, id).await;
    watched.clock.turn_seconds(50 * MINUTE);
    assert_eq!(completed(&watched, &flow).await.status, 200);
    assert_eq!(ended(&watched, &flow).await, 200);
    watched.seen()
}

/// A step of a flow that writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Of a client that has no credential yet.
    Start,
    /// Of one that has.
    StartAnew,
    Finish,
    End,
    /// Somebody takes away what is held.
    Forget,
}

impl Step {
    pub const ALL: [Self; 5] = [
        Self::Start,
        Self::StartAnew,
        Self::Finish,
        Self::End,
        Self::Forget,
    ];
}

/// A client, and flows in every state.
struct Scene {
    id: ConnectionId,
    /// Nobody has opened its link.
    fresh: Value,
    /// Where somebody comes back to from another one.
    back: Option<String>,
    /// Whose tokens are in use.
    used: Option<Value>,
}

impl Scene {
    async fn set(step: Step, watched: &Watched, authority: &Authority) -> Self {
        let id = match step {
            Step::Start => made(watched, authority).await,
            _ => arranged(watched, authority).await,
        };
        let (mut used, mut back) = (None, None);
        if !matches!(step, Step::Start | Step::StartAnew) {
            used = Some(authorized(watched, authority, id).await);
            let flow = begun(watched, id).await;
            back = Some(authority.visit(&sent_on(watched, &flow).await));
        }
        let fresh = begun(watched, id).await;
        Self {
            id,
            fresh,
            back,
            used,
        }
    }

    async fn perform(&self, step: Step, watched: &Watched) -> u16 {
        match step {
            Step::Start | Step::StartAnew => {
                opened(watched, &self.fresh["authorize_url"]).await.status
            }
            Step::Finish => match &self.back {
                Some(back) => opened(watched, &json!(back)).await.status,
                None => 0,
            },
            Step::End => match &self.used {
                Some(used) => ended(watched, used).await,
                None => ended(watched, &self.fresh).await,
            },
            Step::Forget => {
                let path = format!("/v1/mcp-integrations/{}", self.id);
                let body = json!({ "configurations": { "oauth": null, "scopes": null } });
                watched.portkey().put(&path, &body).await.status
            }
        }
    }
}

/// A step breaks off after each of its writes, and whatever comes next takes it up.
pub async fn after_it_broke_off(step: Step) -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let scene = Scene::set(step, &watched, &authority).await;
    watched.calm();
    let done = scene.perform(step, &watched).await;
    assert!(matches!(done, 200 | 302), "{step:?}: {done}");
    let writes = watched.written();
    assert!(writes.len() > 2, "{step:?} writes {writes:?}");
    gone(&watched, scene.id).await;
    for done in 1..writes.len() {
        for next in [None, Some(Step::Start), Some(Step::Finish), Some(Step::End)] {
            let scene = Scene::set(step, &watched, &authority).await;
            watched.disturb(done..usize::MAX, Fault::Throttle);
            scene.perform(step, &watched).await;
            watched.calm();
            watched.clock.turn_seconds(61);
            if let Some(next) = next {
                let status = scene.perform(next, &watched).await;
                assert!(status < 500, "{step:?}, {done}, {next:?}: {status}");
            }
            watched.clock.turn_seconds(6 * MINUTE);
            assert_eq!(watched.sweep().await["failed"], 0, "{step:?}, {done}");
            crate::oauth::the_row(&watched);
            gone(&watched, scene.id).await;
        }
    }
    watched.seen()
}

/// A check that renews the token first, in each way that can end.
pub async fn renewed(by: By) -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;
    authorized(&watched, &authority, id).await;
    let asked_at = by.path(&watched, &id.to_string()).await;
    let checked = async || {
        watched.clock.turn_seconds(52 * MINUTE);
        let Some(path) = &asked_at else {
            crate::oauth::tick(&watched).await;
            return;
        };
        let api = match by {
            By::Test | By::Reconnect | By::Refresh => watched.api(),
            _ => watched.portkey(),
        };
        let answer = api.post(path, &json!({})).await;
        assert!(matches!(answer.status, 200 | 422), "{answer:?}");
    };
    let known = async |status: &str| {
        assert_eq!(crate::oauth::known(&watched, id).await.0, status, "{by:?}");
        crate::oauth::the_row(&watched);
    };
    checked().await;
    known("active").await;
    assert_eq!(authority.times("/token"), 2, "{by:?}");
    // The issuer does not answer; then the new token cannot be kept.
    authority.says("/token", 503, json!({}));
    checked().await;
    known("active").await;
    authority.heals("/token");
    fail_at(&watched, "PutSecretValue", Fault::Throttle);
    checked().await;
    watched.calm();
    // It was good once, and is lost.
    checked().await;
    known("error").await;
    watched.seen()
}
