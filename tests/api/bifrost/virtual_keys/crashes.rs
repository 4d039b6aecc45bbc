//! Work on keys and clients breaks off at any write. What was granted is there or not, and fits together; who asks again comes to the end.

use harness::faults::{Direct, Watched};
use local::fault::Fault;
use serde_json::{Value, json};

use super::{KEYS, NOWHERE, config, grants_left, is_sound, make, ok};

/// A key with more clients than one transaction has room for, or a client with its key.
struct Scene {
    clients: Vec<String>,
    key: String,
}

impl Scene {
    async fn set(watched: &Watched, clients: usize) -> Self {
        let mut made = Vec::new();
        for number in 0..clients {
            made.push(
                watched
                    .register_bearer(&format!("client {number}"), NOWHERE, "t")
                    .await,
            );
        }
        let configs: Vec<_> = made.iter().map(|client| config(client, &["*"])).collect();
        let api = watched.api();
        let first = json!({ "name": "ci", "mcp_configs": configs[..clients.min(25)] });
        let (key, _) = make(&api, &first).await;
        ok(&api
            .put(&format!("{KEYS}/{key}"), &json!({ "mcp_configs": configs }))
            .await);
        watched.calm();
        Self { clients: made, key }
    }

    fn request<'a>(&'a self, method: &'a str, below: &str, id: &'a str, body: Value) -> Direct<'a> {
        Direct {
            method,
            path: format!("{below}/{id}"),
            id: Some(id),
            headers: Vec::new(),
            body: (!body.is_null()).then_some(body),
        }
    }
}

#[tokio::test]
async fn a_removed_key_takes_all_along_in_the_end() {
    let watched = harness::stack::TestStack::watched().await;
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for number in 0..2 {
            let scene = Scene::set(&watched, 27).await;
            let removal = scene.request("DELETE", KEYS, &scene.key, Value::Null);
            watched.disturb(number..number + 1, fault);
            let work = watched.call("bifrost-keys-delete", &removal);
            assert!(watched.until_crash(work).await.is_none());
            watched.calm();
            // The key is there with what is left to it, or gone with all.
            is_sound(&watched);
            let path = format!("{KEYS}/{}", scene.key);
            let again = watched.api().delete(&path).await;
            let is_gone = number == 1 && fault == Fault::CrashAfter;
            assert_eq!(again.status, if is_gone { 404 } else { 200 }, "{again:?}");
            is_sound(&watched);
            assert_eq!(grants_left(&watched), 27);
            for client in &scene.clients {
                let path = format!("/api/mcp-connections/{client}");
                assert_eq!(watched.api().delete(&path).await.status, 204);
            }
            assert_eq!(grants_left(&watched), 0);
        }
    }
}

#[tokio::test]
async fn a_removed_client_takes_all_along_in_the_end() {
    let watched = harness::stack::TestStack::watched().await;
    let mut number = 0;
    loop {
        let scene = Scene::set(&watched, 1).await;
        let removal = scene.request(
            "DELETE",
            "/api/mcp-connections",
            &scene.clients[0],
            Value::Null,
        );
        watched.disturb(number..number + 1, Fault::CrashAfter);
        let work = watched.call("native-connections-delete", &removal);
        let has_ended = watched.until_crash(work).await.is_some();
        watched.calm();
        watched.clock.turn_seconds(400);
        watched.sweep().await;
        is_sound(&watched);
        assert_eq!(grants_left(&watched), 0, "after write {number}");
        ok(&watched.api().delete(&format!("{KEYS}/{}", scene.key)).await);
        if has_ended {
            break;
        }
        number += 1;
    }
    assert!(number >= 4, "a removal writes only {number} times");
}

/// A change whose answer is lost is done once; who asks is told that it was.
#[tokio::test]
async fn a_lost_answer_is_no_loss() {
    let watched = harness::stack::TestStack::watched().await;
    let scene = Scene::set(&watched, 1).await;
    let api = watched.api();
    let path = format!("{KEYS}/{}", scene.key);
    let client = &scene.clients[0];
    let put = |tools: &[&str]| json!({ "mcp_configs": [config(client, tools)] });
    let to = |tools: &[&str]| json!({ "vk_configs": [{ "virtual_key_id": scene.key, "tools_to_execute": tools }] });
    for (path, body) in [
        (path.clone(), put(&["a"])),
        (path.clone(), json!({ "mcp_configs": [] })),
        (path.clone(), put(&["b"])),
        (format!("/api/mcp/client/{client}"), to(&["c"])),
        (
            format!("/api/mcp/client/{client}"),
            json!({ "vk_configs": [] }),
        ),
        (format!("/api/mcp/client/{client}"), to(&["d"])),
    ] {
        watched.disturb(0..1, Fault::LoseAnswer);
        ok(&api.put(&path, &body).await);
        watched.calm();
        is_sound(&watched);
    }
    assert_eq!(
        super::granted(&api, &scene.key).await,
        json!({ "client 0": ["d"] })
    );
    watched.disturb(0..1, Fault::LoseAnswer);
    ok(&api.delete(&path).await);
    watched.calm();
    is_sound(&watched);
    assert_eq!(grants_left(&watched), 1);
}
