//! Makes every function do all that it can do.

use std::sync::Arc;

use harness::{
    faults::Watched,
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use http::Method;
use local::fault::{Fault, SeenRequest};
use serde_json::json;

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
    fail_at(watched, "CreateSecret", Fault::Throttle);
    let answer = api.post("/api/mcp-connections", &refused).await;
    assert_eq!(answer.status, 503, "{answer:?}");

    // There is one of that name.
    let mut there = body;
    there["name"] = json!("there");
    let_others_create(watched);
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
    fail_at(watched, "PutSecretValue", Fault::LoseAnswer);
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

async fn post_test(watched: &Watched, id: &str) {
    let path = format!("/api/mcp-connections/{id}/test");
    let answer = watched.api().post(&path, &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Lets this happen to one operation from now on, whoever asks for it.
pub fn fail_at(watched: &Watched, operation: &'static str, fault: Fault) {
    watched.disturb_where(move |seen, _| match seen.operation == operation {
        true => fault,
        false => Fault::Pass,
    });
}

/// Lets somebody else create each secret just before we do.
pub fn let_others_create(watched: &Watched) {
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
}
