//! Users' tokens, and the connections that they make.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use local::fault::Fault;
use serde_json::{Value, json};

use super::{SERVERS, Scene, UNKNOWN, ask, grant};
use crate::rights::branches::{fail_at, let_others_create};

pub async fn in_every_branch(scene: &Scene) {
    write(scene).await;
    read(scene).await;
    delete(scene).await;
    while_the_server_is_closed(scene).await;
}

/// A server that each user has his own tokens for; gives its path.
async fn server(scene: &Scene) -> String {
    let mut body = scene.open("per user");
    body["auth_type"] = json!("oauth_auto");
    let integration = scene.integration(&body).await;
    format!("{SERVERS}/{}", scene.server(&integration).await)
}

async fn write(scene: &Scene) {
    let Scene { watched, user, .. } = scene;
    let path = server(scene).await;
    let put = |token: &str, expected: u16| [("PUT", "/tokens", grant(token), expected)];
    // They cannot be stored, so the row is given up.
    fail_at(watched, "CreateSecret", Fault::Throttle);
    ask(user, &path, &put("refused", 503)).await;
    let_others_create(watched);
    ask(user, &path, &put("there", 500)).await;
    watched.calm();
    ask(user, &path, &put("one", 200)).await;
    ask(user, &path, &put("two", 200)).await;
    fail_at(watched, "PutSecretValue", Fault::LoseAnswer);
    let answer = user.put(&format!("{path}/tokens"), &grant("three")).await;
    assert!(answer.status >= 500, "{answer:?}");
    watched.calm();
    let in_workspace = [("PUT", "/tokens?workspace_id=ws-default", grant("four"), 200)];
    ask(user, &path, &in_workspace).await;
    for name in ["unknown", UNKNOWN] {
        let path = format!("{SERVERS}/{name}");
        ask(user, &path, &put("x", 404)).await;
    }
}

async fn read(scene: &Scene) {
    let Scene {
        watched,
        api,
        user,
        gateway,
        ..
    } = scene;
    let path = server(scene).await;
    let system = watched.portkey_with(&watched.acme().system_key);
    let of_user = format!("?workspace_id=ws-default&user_id={}", scene.user_id());
    for (expected, stored) in [(404, Value::Null), (200, grant("one"))] {
        if !stored.is_null() {
            ask(user, &path, &[("PUT", "/tokens", stored, 200)]).await;
        }
        for below in ["/tokens", "/client-info"] {
            ask(gateway, &path, &[("GET", below, Value::Null, expected)]).await;
            let named = format!("{below}{of_user}");
            ask(&system, &path, &[("GET", &named, Value::Null, expected)]).await;
        }
    }
    for below in ["/tokens", "/client-info"] {
        let path = format!("{SERVERS}/unknown");
        ask(gateway, &path, &[("GET", below, Value::Null, 404)]).await;
    }
    // Everybody's, one's own, and those of another one where one leads.
    let of_nobody = format!("/connections?user_id={UNKNOWN}");
    let of_user = format!("/connections{of_user}");
    for (client, below) in [
        (api, "/connections?workspace_id=ws-default"),
        (api, &of_user),
        (user, "/connections"),
        (user, &of_nobody),
    ] {
        ask(client, &path, &[("GET", below, Value::Null, 200)]).await;
    }
    let unknown = format!("{SERVERS}/unknown");
    ask(user, &unknown, &[("GET", "/connections", Value::Null, 404)]).await;
}

async fn delete(scene: &Scene) {
    let Scene { api, user, .. } = scene;
    let path = server(scene).await;
    let of_user = format!(
        "/connections?workspace_id=ws-default&user_id={}",
        scene.user_id()
    );
    let of_nobody = format!("/connections?user_id={UNKNOWN}");
    for (client, below) in [
        (user, "/tokens"),
        (user, "/connections"),
        (user, &of_nobody),
        (api, &of_user),
    ] {
        ask(user, &path, &[("PUT", "/tokens", grant("one"), 200)]).await;
        // The second time there is nothing.
        for _ in 0..2 {
            ask(client, &path, &[("DELETE", below, Value::Null, 200)]).await;
        }
    }
    let unknown = format!("{SERVERS}/unknown");
    for below in ["/tokens", "/connections"] {
        ask(user, &unknown, &[("DELETE", below, Value::Null, 404)]).await;
    }
    // With the server go all that there are.
    ask(user, &path, &[("PUT", "/tokens", grant("one"), 200)]).await;
    ask(api, &path, &[("DELETE", "", Value::Null, 200)]).await;
}

/// What was stored for a server that is gone by then goes as well.
async fn while_the_server_is_closed(scene: &Scene) {
    let Scene { watched, user, .. } = scene;
    let path = server(scene).await;
    let closed = Arc::new(AtomicBool::new(false));
    let (api, server, once) = (watched.portkey(), path.clone(), Arc::clone(&closed));
    watched.disturb_where(move |seen, _| {
        if seen.operation == "CreateSecret" && !once.swap(true, Ordering::SeqCst) {
            let closing = api.delete(&server);
            let now = tokio::runtime::Handle::current();
            let answer = tokio::task::block_in_place(|| now.block_on(closing));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        Fault::Pass
    });
    ask(user, &path, &[("PUT", "/tokens", grant("late"), 404)]).await;
    assert!(closed.load(Ordering::SeqCst), "nothing came in between");
    watched.calm();
}
