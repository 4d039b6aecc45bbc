//! All that a check can find, by whichever function it is made.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use harness::{
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::{TestStack, id_of},
    stored,
};
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

/// What makes a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    Test,
    Integration,
    /// A sync with nothing to say.
    Sync,
    Server,
    /// Of a client.
    Reconnect,
    Refresh,
    Schedule,
}

impl By {
    pub const ALL: [Self; 7] = [
        Self::Test,
        Self::Integration,
        Self::Sync,
        Self::Server,
        Self::Reconnect,
        Self::Refresh,
        Self::Schedule,
    ];

    pub const fn function(self) -> &'static str {
        match self {
            Self::Test => "native-connections-test",
            Self::Integration => "portkey-integrations-test",
            Self::Sync => "portkey-integrations-sync",
            Self::Server => "portkey-servers-test",
            Self::Reconnect => "bifrost-clients-reconnect",
            Self::Refresh => "bifrost-clients-refresh-tools",
            Self::Schedule => "check-due-connections",
        }
    }

    /// Where this check of a connection is asked for; nothing where nobody has to ask.
    pub async fn path(self, watched: &Watched, id: &str) -> Option<String> {
        match self {
            Self::Test => Some(format!("/api/mcp-connections/{id}/test")),
            Self::Integration => Some(format!("/v1/mcp-integrations/{id}/test")),
            Self::Sync => Some(format!("/v1/mcp-integrations/{id}/sync")),
            Self::Server => {
                let path = format!("/v1/mcp-integrations/{id}/workspaces");
                let body = json!({ "workspaces": [{ "id": "ws-default", "enabled": true }] });
                let answer = watched.portkey().put(&path, &body).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let server = json!({ "name": "checked", "mcp_integration_id": id, "workspace_id": "ws-default" });
                let made = watched.portkey().post("/v1/mcp-servers", &server).await;
                assert_eq!(made.status, 200, "{made:?}");
                Some(format!("/v1/mcp-servers/{}/test", id_of(&made.json())))
            }
            Self::Reconnect => Some(format!("/api/mcp/client/{id}/reconnect")),
            Self::Refresh => Some(format!("/api/mcp/client/{id}/refresh-tools")),
            Self::Schedule => None,
        }
    }
}

/// All that a check can find, and all that can come in between.
pub async fn made(by: By) -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let function = by.function();
    let made = watched
        .register(json!({
            "name": function,
            "serverUrl": peer.url,
            "authType": "bearer",
            "bearerToken": "token",
            "checkIntervalSeconds": 60,
        }))
        .await;
    let id = id_of(&made);
    let path = format!("/api/mcp-connections/{id}");
    let asked_at = by.path(&watched, &id).await;
    let ask = async |expected: u16| {
        let Some(path) = &asked_at else {
            watched.clock.turn_to_next_minute();
            return watched.tick().await;
        };
        let api = match by {
            By::Test | By::Reconnect | By::Refresh => watched.api(),
            _ => watched.portkey(),
        };
        let answer = api.post(path, &json!({})).await;
        // For clients it is an error that a server does not work.
        let is_told = matches!(by, By::Reconnect | By::Refresh) && answer.status == 422;
        assert!(
            answer.status == expected || (expected == 200 && is_told),
            "{answer:?}"
        );
        answer.json()
    };
    let run = async || drop(ask(200).await);
    run().await;
    let is_known = async |expected: &str| {
        let found = watched.read(&id).await;
        assert_eq!(found["status"], expected, "{by:?}: {found}");
    };
    is_known("active").await;

    // More tools than fit into one item, which then go.
    peer.behave(Behaviour::Lists(large_list()));
    run().await;
    let items = stored::items(&watched.stack.stack);
    let chunks = items
        .iter()
        .filter(|item| item.sk().starts_with(&format!("TOOLS#{id}")));
    assert!(chunks.count() > 1, "{by:?}");
    peer.heal();
    run().await;

    // Down, which is confirmed, and up again.
    peer.behave(Behaviour::Status(500));
    for _ in 0..4 {
        run().await;
    }
    is_known("error").await;
    peer.heal();
    // The longer it was down the later it is looked at again.
    for _ in 0..20 {
        run().await;
    }
    is_known("active").await;

    // Told to come back later, while somebody moves the connection to another slot.
    peer.behave(Behaviour::RetryAfter(429, "600".into()));
    let patched = Arc::new(AtomicBool::new(false));
    let (api, target, once) = (watched.api(), path.clone(), Arc::clone(&patched));
    let about = id.clone();
    watched.disturb_where(move |seen, _| {
        let is_result = seen.access_key_id.as_deref() == Some(function)
            && seen.operation == "TransactWriteItems"
            && is_about(&seen.body, &["skipUntil", &about]);
        if is_result && !once.swap(true, Ordering::SeqCst) {
            let body = json!({ "checkIntervalSeconds": 3600 });
            let patch = api.patch(&target, &body);
            let now = tokio::runtime::Handle::current();
            let answer = tokio::task::block_in_place(|| now.block_on(patch));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        Fault::Pass
    });
    run().await;
    assert!(
        patched.load(Ordering::SeqCst),
        "{by:?}: nothing came in between"
    );
    peer.heal();
    watched.calm();

    // A result that cannot be stored.
    watched.disturb_where(move |seen, _| {
        let is_result = seen.access_key_id.as_deref() == Some(function) && is_health(&seen.body);
        if is_result {
            Fault::Throttle
        } else {
            Fault::Pass
        }
    });
    let answer = watched
        .api()
        .patch(&path, &json!({ "bearerToken": "other" }))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = ask(503).await;
    if by == By::Schedule {
        assert_ne!(told["postponed"], 0, "{told}");
    }
    watched.calm();
    watched.clock.turn_seconds(10 * 60);
    run().await;
    is_known("active").await;
    let answer = watched.api().delete(&path).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    // Its last place on the list is looked at once more.
    watched.clock.turn_to_next_minute();
    watched.tick().await;
    watched.seen()
}

/// A list of tools of 600 KB.
fn large_list() -> &'static str {
    let tool = |number: usize| {
        let schema = json!({ "type": "object", "description": "x".repeat(1500) });
        json!({ "name": format!("tool-{number}"), "inputSchema": schema })
    };
    let tools: Vec<Value> = (0..400).map(tool).collect();
    let list =
        json!({ "tools": tools, "resultType": "complete", "ttlMs": 0, "cacheScope": "private" });
    list.to_string().leak()
}

fn is_about(body: &Value, words: &[&str]) -> bool {
    let body = body.to_string();
    words.iter().all(|word| body.contains(word))
}

/// Whether a write is that of a health.
fn is_health(body: &Value) -> bool {
    let ends = |item: &Value| {
        item["SK"]["S"]
            .as_str()
            .is_some_and(|sk| sk.ends_with("#HEALTH"))
    };
    let mut parts = body["TransactItems"].as_array().into_iter().flatten();
    ends(&body["Item"]) || parts.any(|part| ends(&part["Put"]["Item"]))
}
