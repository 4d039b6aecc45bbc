//! A key is granted something while the key or the client goes. Either it is there before, and goes with it, or it is not granted.

use std::sync::Arc;

use harness::{
    client::Answer,
    faults::{self, Watched},
    stack::TestStack,
};
use http::Method;
use local::fault::SeenRequest;
use serde_json::{Value, json};

use super::{KEYS, NOWHERE, config, granted, grants_left, is_sound, make, ok, refused};

/// A request, and the function that answers it.
struct Deed {
    function: &'static str,
    method: Method,
    path: String,
    body: Value,
}

impl Deed {
    fn new(function: &'static str, method: Method, path: String, body: Value) -> Self {
        Self {
            function,
            method,
            path,
            body,
        }
    }

    async fn ask(&self, stack: &TestStack) -> Answer {
        let body = (!self.body.is_null()).then_some(&self.body);
        let client = stack.api();
        client
            .send(self.method.clone(), &self.path, &[], body)
            .await
    }
}

/// Lets `first` happen whole just before the transaction of `second` that `is_meant`.
async fn between(
    watched: &Arc<Watched>,
    second: &Deed,
    first: Deed,
    is_meant: impl Fn(&SeenRequest) -> bool + Send + Sync + 'static,
) -> (Answer, Answer) {
    let stack = Arc::clone(watched);
    let is_meant = move |seen: &SeenRequest| faults::is_transaction(seen) && is_meant(seen);
    let done = async move { first.ask(&stack).await };
    faults::between(
        watched,
        second.function,
        is_meant,
        second.ask(watched),
        done,
    )
    .await
}

/// A stack with a client and a key, and what can happen to them.
struct Scene {
    watched: Arc<Watched>,
    client: String,
    key: String,
}

impl Scene {
    async fn set() -> Self {
        let watched = Arc::new(TestStack::watched().await);
        let client = watched.register_open("github", NOWHERE).await;
        let (key, _) = make(&watched.api(), &json!({ "name": "ci" })).await;
        Self {
            watched,
            client,
            key,
        }
    }

    fn client_goes(&self) -> Deed {
        let path = format!("/api/mcp-connections/{}", self.client);
        Deed::new(
            "native-connections-delete",
            Method::DELETE,
            path,
            Value::Null,
        )
    }

    fn key_goes(&self) -> Deed {
        let path = format!("{KEYS}/{}", self.key);
        Deed::new("bifrost-keys-delete", Method::DELETE, path, Value::Null)
    }

    fn granting(&self) -> Deed {
        let body = json!({ "mcp_configs": [config(&self.client, &["*"])] });
        let path = format!("{KEYS}/{}", self.key);
        Deed::new("bifrost-keys-update", Method::PUT, path, body)
    }

    /// The same from the client's side, with a name for it.
    fn regranting(&self) -> Deed {
        let to = json!({ "virtual_key_id": self.key, "tools_to_execute": ["x"] });
        let path = format!("/api/mcp/client/{}", self.client);
        let body = json!({ "name": "renamed", "vk_configs": [to] });
        Deed::new("bifrost-clients-update", Method::PUT, path, body)
    }

    fn making(&self) -> Deed {
        let body = json!({ "name": "late", "mcp_configs": [config(&self.client, &["*"])] });
        Deed::new("bifrost-keys-create", Method::POST, KEYS.to_owned(), body)
    }

    fn is_sound(&self, grants: usize) {
        is_sound(&self.watched);
        assert_eq!(grants_left(&self.watched), grants);
    }
}

fn deletes(seen: &SeenRequest, part: &str) -> bool {
    let items = seen.body["TransactItems"].as_array().unwrap();
    items
        .iter()
        .any(|item| item["Delete"].to_string().contains(part))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_granted_of_a_client_that_goes_meanwhile() {
    for is_new in [false, true] {
        let scene = Scene::set().await;
        let deed = if is_new {
            scene.making()
        } else {
            scene.granting()
        };
        let (gone, asked) = between(&scene.watched, &deed, scene.client_goes(), |_| true).await;
        assert_eq!(gone.status, 204);
        refused(&asked, 400, Some("mcp_configs.0.mcp_client_id"));
        scene.is_sound(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_granted_of_a_client_that_is_going() {
    let scene = Scene::set().await;
    let row = format!("\"CONNECTION#{}\"", scene.client);
    let (asked, gone) = between(
        &scene.watched,
        &scene.client_goes(),
        scene.granting(),
        move |seen| deletes(seen, &row),
    )
    .await;
    assert_eq!(gone.status, 204);
    refused(&asked, 400, Some("mcp_configs.0.mcp_client_id"));
    scene.is_sound(0);
}

/// The client's removal has not begun when it is granted, so the grant goes with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_granted_before_goes_as_well() {
    let scene = Scene::set().await;
    let (asked, gone) = between(
        &scene.watched,
        &scene.client_goes(),
        scene.granting(),
        |_| true,
    )
    .await;
    ok(&asked);
    assert_eq!(gone.status, 204);
    scene.is_sound(0);
    assert_eq!(granted(&scene.watched.api(), &scene.key).await, json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_goes_is_granted_nothing() {
    let scene = Scene::set().await;
    let (gone, asked) = between(&scene.watched, &scene.granting(), scene.key_goes(), |_| {
        true
    })
    .await;
    ok(&gone);
    refused(&asked, 404, None);
    scene.is_sound(0);
}

/// Who removes a key that is granted something meanwhile is told to ask again, and nothing of it is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_is_granted_something_meanwhile_stays() {
    let scene = Scene::set().await;
    let (asked, gone) = between(&scene.watched, &scene.key_goes(), scene.granting(), |_| {
        true
    })
    .await;
    ok(&asked);
    refused(&gone, 409, None);
    scene.is_sound(2);
    ok(&scene.key_goes().ask(&scene.watched).await);
    scene.is_sound(1);
}

/// Two keys come to one client at once; the one that was slower begins again, and both are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_keys_come_to_one_client() {
    let scene = Scene::set().await;
    let (first, second) =
        between(&scene.watched, &scene.making(), scene.granting(), |_| true).await;
    ok(&first);
    let made = ok(&second)["virtual_key"].clone();
    scene.is_sound(3);
    let api = scene.watched.api();
    for key in [made["id"].as_str().unwrap(), &scene.key] {
        assert_eq!(granted(&api, key).await, json!({ "github": ["*"] }));
    }
}

/// A key goes and its client goes with it; whichever is first, nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn key_and_client_go_together() {
    for key_is_first in [false, true] {
        let scene = Scene::set().await;
        ok(&scene.granting().ask(&scene.watched).await);
        let (key, client) = (scene.key_goes(), scene.client_goes());
        let (second, first) = if key_is_first {
            (client, key)
        } else {
            (key, client)
        };
        let is_last = move |seen: &SeenRequest| {
            deletes(
                seen,
                if key_is_first {
                    "\"CONNECTION#"
                } else {
                    "\"KEY#"
                },
            )
        };
        let (first, second) = between(&scene.watched, &second, first, is_last).await;
        assert!(
            first.status < 300 && second.status < 300,
            "{first:?} {second:?}"
        );
        scene.is_sound(0);
    }
}

/// The same from the client's side: what is asked for is refused as a whole, or done as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_grants_nothing_to_a_key_that_goes() {
    let scene = Scene::set().await;
    let (gone, asked) = between(
        &scene.watched,
        &scene.regranting(),
        scene.key_goes(),
        |_| true,
    )
    .await;
    ok(&gone);
    refused(&asked, 400, Some("vk_configs.0.virtual_key_id"));
    scene.is_sound(0);
    let client = scene.watched.read(&scene.client).await;
    assert_eq!(client["name"], "github");

    let scene = Scene::set().await;
    let (asked, gone) = between(
        &scene.watched,
        &scene.key_goes(),
        scene.regranting(),
        |_| true,
    )
    .await;
    ok(&asked);
    refused(&gone, 409, None);
    scene.is_sound(2);
    ok(&scene.key_goes().ask(&scene.watched).await);
    scene.is_sound(1);
}

/// Key and client change what is granted at once. Who was slower begins again from what the other left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_sides_change_one_grant() {
    for client_is_first in [false, true] {
        let scene = Scene::set().await;
        let (key, client) = (scene.granting(), scene.regranting());
        let (second, first, expected) = if client_is_first {
            (key, client, ["*"])
        } else {
            (client, key, ["x"])
        };
        let (first, second) = between(&scene.watched, &second, first, |_| true).await;
        ok(&first);
        ok(&second);
        scene.is_sound(2);
        let found = granted(&scene.watched.api(), &scene.key).await;
        assert_eq!(found, json!({ "renamed": expected }));
    }
}
