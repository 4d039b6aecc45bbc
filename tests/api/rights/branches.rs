//! Makes every function do all that it can do.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use harness::{
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use http::Method;
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use crate::crashes::{Change, Scene, Stage};

/// Every change breaks off after every one of its writes, and each function that takes up such work takes it up.
pub async fn after_crashes(change: Change) -> Vec<SeenRequest> {
    let mut stage = Stage::set().await;
    let writes = stage.record(change).await;
    for number in 0..writes.len() {
        for taken_up_by in ["sweep", "PATCH", "DELETE", "PUT"] {
            let scene = stage.prepare(change).await;
            stage.watched.disturb(number..number + 1, Fault::CrashAfter);
            assert_eq!(stage.perform(&scene).await, None);
            stage.watched.calm();
            if taken_up_by != "sweep" {
                stage.watched.clock.turn_seconds(61);
                take_up(&stage, &scene, taken_up_by).await;
            }
            stage.sweep("before the next").await;
        }
    }
    stage.watched.seen()
}

/// A creation is taken up by its repetition, everything else by whoever comes next.
async fn take_up(stage: &Stage, scene: &Scene, method: &str) {
    let Some(id) = &scene.id else {
        assert_eq!(stage.perform(scene).await, Some(201));
        return;
    };
    let (below, body) = match method {
        "PUT" => ("/credential", Some(json!({ "bearerToken": "next" }))),
        "PATCH" => ("", Some(json!({ "enabled": false }))),
        _ => ("", None),
    };
    let path = format!("/api/mcp-connections/{id}{below}");
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let api = stage.watched.api();
    let answer = api.send(method, &path, &[], body.as_ref()).await;
    assert!(answer.status < 500, "{answer:?}");
}

/// What there is besides work that broke off.
pub async fn in_every_branch() -> Vec<SeenRequest> {
    let watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    create(&watched, &peer).await;
    read(&watched, &peer).await;
    update(&watched, &peer).await;
    check(&watched, &peer, By::Test).await;
    check(&watched, &peer, By::Schedule).await;
    rotate(&watched, &peer).await;
    let created = json!({ "name": "Another", "keys": ["organisation-service"] });
    watched.invoke("create-tenant", created).await.unwrap();
    watched.seen()
}

async fn create(watched: &Watched, peer: &Peer) {
    let api = watched.api();
    let body = json!({ "name": "a", "serverUrl": peer.url, "authType": "api_key", "headerName": "x-key", "apiKey": "k" });
    for (key, name, expected) in [
        ("1", "a", 201),
        ("1", "a", 201),
        ("1", "b", 422),
        ("2", "a", 409),
    ] {
        let mut body = body.clone();
        body["name"] = json!(name);
        let headers = [("idempotency-key", key)];
        let path = "/api/mcp-connections";
        let answer = api.send(Method::POST, path, &headers, Some(&body)).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }

    // It cannot be made, so the row is given up.
    let mut refused = body.clone();
    refused["name"] = json!("refused");
    watched.disturb_where(|seen, _| match seen.operation.as_str() {
        "CreateSecret" => Fault::Throttle,
        _ => Fault::Pass,
    });
    let answer = api.post("/api/mcp-connections", &refused).await;
    assert_eq!(answer.status, 503, "{answer:?}");

    // There is one of that name.
    let mut there = body;
    there["name"] = json!("there");
    let secrets = Arc::clone(&watched.stack.stack.secrets_manager);
    watched.disturb_where(move |seen, _| {
        if seen.operation == "CreateSecret" {
            let foreign = json!({
                "Name": seen.body["Name"],
                "SecretString": "foreign",
                "ClientRequestToken": "a-token-of-somebody-else-altogether",
            });
            let made = secrets.call("CreateSecret", foreign.to_string().as_bytes());
            made.unwrap();
        }
        Fault::Pass
    });
    let answer = api.post("/api/mcp-connections", &there).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    watched.calm();
}

async fn read(watched: &Watched, peer: &Peer) {
    let api = watched.api();
    let id = watched.register_open("read", &peer.url).await;
    post_test(watched, &id).await;
    let unknown = "01890000-0000-7000-8000-000000000001";
    for (path, expected) in [
        ("/openapi.json".to_owned(), 200),
        ("/api/mcp-connections?limit=1".to_owned(), 200),
        (
            "/api/mcp-connections?search=e&status=active".to_owned(),
            200,
        ),
        (format!("/api/mcp-connections/{id}"), 200),
        (format!("/api/mcp-connections/{id}/tools"), 200),
        (format!("/api/mcp-connections/{id}/health"), 200),
        (format!("/api/mcp-connections/{unknown}"), 404),
        (format!("/api/mcp-connections/{unknown}/tools"), 404),
        (format!("/api/mcp-connections/{unknown}/health"), 404),
    ] {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, expected, "{path}: {answer:?}");
    }
    let nobody = watched
        .with_key("mcps_unknown")
        .get("/api/mcp-connections")
        .await;
    assert_eq!(nobody.status, 401);
}

async fn update(watched: &Watched, peer: &Peer) {
    let api = watched.api();
    let id = watched.register_bearer("update", &peer.url, "one").await;
    let path = format!("/api/mcp-connections/{id}");
    for (body, expected) in [
        (json!({ "name": "renamed" }), 200),
        (json!({ "name": "read" }), 409),
        (json!({ "name": "renamed" }), 200),
        (json!({ "checkIntervalSeconds": 60 }), 200),
        (json!({ "enabled": false }), 200),
        (json!({ "enabled": true }), 200),
        (json!({ "serverUrl": peer.named_url() }), 409),
    ] {
        let answer = api.patch(&path, &body).await;
        assert_eq!(answer.status, expected, "{body}: {answer:?}");
    }

    // What becomes something else ends the incident of what it was.
    peer.set_bearer("two");
    post_test(watched, &id).await;
    let answer = api.patch(&path, &json!({ "bearerToken": "two" })).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    // It cannot be staged, so it is given up.
    watched.disturb_where(|seen, _| match seen.operation.as_str() {
        "PutSecretValue" => Fault::LoseAnswer,
        _ => Fault::Pass,
    });
    let answer = api.patch(&path, &json!({ "bearerToken": "three" })).await;
    assert!(answer.status >= 500, "{answer:?}");
    watched.calm();
    let answer = api.delete(&path).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    peer.clear_credential();
}

async fn rotate(watched: &Watched, peer: &Peer) {
    let id = watched.register_bearer("rotate", &peer.url, "one").await;
    let path = format!("/api/mcp-connections/{id}/credential");
    post_test(watched, &id).await;
    // Another contract, and the end of an incident.
    peer.set_bearer("two");
    post_test(watched, &id).await;
    peer.behave(Behaviour::ManyTools(5));
    for (token, expected) in [("three", 422), ("two", 200)] {
        let body = json!({ "bearerToken": token });
        let answer = watched.api().put(&path, &body).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    peer.clear_credential();
    peer.heal();
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Test,
    Schedule,
}

/// All that a check can find, and all that can come in between.
async fn check(watched: &Watched, peer: &Peer, by: By) {
    let name = match by {
        By::Test => "tested",
        By::Schedule => "scheduled",
    };
    let function = match by {
        By::Test => "native-connections-test",
        By::Schedule => "check-due-connections",
    };
    let made = watched
        .register(json!({
            "name": name,
            "serverUrl": peer.url,
            "authType": "bearer",
            "bearerToken": "token",
            "checkIntervalSeconds": 60,
        }))
        .await;
    let id = harness::stack::id_of(&made);
    let path = format!("/api/mcp-connections/{id}");
    let run = || async {
        match by {
            By::Test => post_test(watched, &id).await,
            By::Schedule => {
                watched.clock.turn_to_next_minute();
                watched.tick().await;
            }
        }
    };
    run().await;
    let is_known = async |expected: &str| {
        let found = watched.read(&id).await;
        assert_eq!(found["status"], expected, "{name}: {found}");
    };
    is_known("active").await;

    // More tools than fit into one item, which then go.
    peer.behave(Behaviour::Lists(large_list()));
    run().await;
    let items = stored::items(&watched.stack.stack);
    let chunks = items
        .iter()
        .filter(|item| item.sk().starts_with(&format!("TOOLS#{id}")));
    assert!(chunks.count() > 1, "{name}");
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
        "{name}: nothing came in between"
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
    match by {
        By::Test => {
            let answer = watched
                .api()
                .post(&format!("{path}/test"), &json!({}))
                .await;
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        By::Schedule => {
            watched.clock.turn_to_next_minute();
            let tally = watched.tick().await;
            assert_ne!(tally["postponed"], 0, "{tally}");
        }
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

async fn post_test(watched: &Watched, id: &str) {
    let path = format!("/api/mcp-connections/{id}/test");
    let answer = watched.api().post(&path, &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
