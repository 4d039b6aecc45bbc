//! What users bring is kept whole or not at all, and goes with whatever it is for, however the two meet.

use std::sync::Arc;

use harness::{
    client::Answer,
    faults::{self, Direct, Watched, is_transaction},
    peers::Peer,
    stack::TestStack,
    stored,
};
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use super::{
    CLIENT, create, ok, open,
    sessions::{FLOWS, SESSIONS, VALUE, asked, client, picky, submitted, user, values},
};

/// Longer than the sweeper leaves work alone.
const SWEPT_AFTER_SECONDS: i64 = 6 * 60;
const OTHER_VALUE: &str = "an-0ther-value";

fn there(watched: &Watched) -> Vec<String> {
    let secrets = watched.stack.stack.secrets_manager.secrets();
    let mut values: Vec<_> = secrets
        .iter()
        .flat_map(|secret| &secret.versions)
        .filter(|version| version.stages.iter().any(|stage| stage == "AWSCURRENT"))
        .map(|version| String::from_utf8_lossy(&version.value).into_owned())
        .filter(|value| value.contains("x-user-key"))
        .collect();
    values.sort();
    values
}

fn kept(value: &str) -> Vec<String> {
    vec![json!({ "x-user-key": value }).to_string()]
}

/// A crash before and after every write, of first values, of others and of their end, and then the sweeper.
#[tokio::test]
async fn a_crash_leaves_whole_values_or_none() {
    let watched = TestStack::watched().await;
    let (api, user) = (watched.api(), user(&watched));
    let peer = Peer::rmcp(harness::peers::Rmcp::Modern).start().await;
    let id = create(&api, &client("per_user", &peer.url)).await;
    for (before, change) in [
        (None, Some(VALUE)),
        (Some(OTHER_VALUE), Some(VALUE)),
        (Some(OTHER_VALUE), None),
    ] {
        let prepare = async || {
            watched.calm();
            watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
            watched.sweep().await;
            let session = asked(&user, &id).await;
            assert_eq!(
                user.delete(&format!("{SESSIONS}/{session}")).await.status,
                204
            );
            let mut session = asked(&user, &id).await;
            if let Some(before) = before {
                ok(&submitted(&user, &session, before).await);
                session = asked(&user, &id).await;
            }
            session
        };
        let perform = async |session: &str| {
            let (function, method, path) = match change {
                Some(_) => ("bifrost-headers-submit", "PUT", FLOWS),
                None => ("bifrost-sessions-delete", "DELETE", SESSIONS),
            };
            let request = Direct {
                method,
                path: format!("{path}/{session}"),
                id: Some(session),
                body: change.map(values),
                ..Direct::default()
            };
            let key = &watched.acme().workspace_user_key;
            let event = watched.event_of(key, &request).await;
            watched
                .until_crash(watched.stack.invoke(function, event))
                .await
        };
        let session = prepare().await;
        watched.calm();
        let done = perform(&session).await.unwrap().unwrap();
        assert!(done["statusCode"].as_u64().unwrap() < 300, "{done}");
        let writes = watched.written().len();
        assert!(writes >= 3, "{writes}");
        for number in 0..writes {
            for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LoseAnswer] {
                let point = format!("{before:?} -> {change:?}, {fault:?} {number}");
                let session = prepare().await;
                watched.disturb(number..number + 1, fault);
                perform(&session).await;
                watched.calm();
                watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
                assert_eq!(watched.sweep().await["failed"], 0, "{point}");
                assert_eq!(
                    stored::flaws(&watched.stack.stack),
                    Vec::<String>::new(),
                    "{point}"
                );
                let (there, none) = (there(&watched), Vec::new());
                let [before, after] = [before, change].map(|of| of.map_or(none.clone(), kept));
                assert!(there == before || there == after, "{point}: {there:?}");
            }
        }
    }
}

/// A client that goes takes its users' values along, and a crash at any write of that is finished by the sweeper.
#[tokio::test]
async fn a_client_goes_with_what_its_users_brought_whatever_happens() {
    let watched = TestStack::watched().await;
    let (api, user) = (watched.api(), user(&watched));
    let peer = Peer::rmcp(harness::peers::Rmcp::Modern).start().await;
    let mut name = 0;
    let mut prepare = async || {
        watched.calm();
        name += 1;
        let id = create(&api, &client(&format!("c{name}"), &peer.url)).await;
        let session = asked(&user, &id).await;
        ok(&submitted(&user, &session, VALUE).await);
        id
    };
    let perform = async |id: &str| {
        let request = Direct {
            method: "DELETE",
            path: format!("{CLIENT}/{id}"),
            id: Some(id),
            ..Direct::default()
        };
        let key = &watched.acme().organisation_service_key;
        let event = watched.event_of(key, &request).await;
        watched
            .until_crash(watched.stack.invoke("bifrost-clients-delete", event))
            .await
    };
    let id = prepare().await;
    watched.calm();
    assert_eq!(perform(&id).await.unwrap().unwrap()["statusCode"], 200);
    let writes = watched.written().len();
    assert!(writes >= 5, "{writes}");
    for number in 1..writes {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let id = prepare().await;
            watched.disturb(number..number + 1, fault);
            perform(&id).await;
            watched.calm();
            watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
            assert_eq!(watched.sweep().await["failed"], 0, "{fault:?} {number}");
            nothing_left(&watched);
        }
    }
}

fn nothing_left(watched: &Watched) {
    assert_eq!(stored::flaws(&watched.stack.stack), Vec::<String>::new());
    let items = stored::items(&watched.stack.stack);
    assert_eq!(stored::user_connections(&items), []);
    assert_eq!(there(watched), [""; 0]);
}

/// Lets `first` happen whole just before the write of `function` that `is_meant`.
async fn between<F>(
    watched: &Arc<Watched>,
    function: &'static str,
    is_meant: impl Fn(&SeenRequest) -> bool + Send + Sync + 'static,
    second: impl Future<Output = Answer>,
    first: impl Fn(Arc<Watched>) -> F + Send + Sync + 'static,
) -> (Answer, Answer)
where
    F: Future<Output = Answer> + Send,
{
    let stack = Arc::clone(watched);
    faults::between(watched, function, is_meant, second, async move {
        first(stack).await
    })
    .await
}

/// A user is asked, or brings his values, while the client goes: in the end there is nothing of either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_brought_for_a_client_that_goes_meanwhile() {
    let watched = Arc::new(TestStack::watched().await);
    let (api, user, peer) = (watched.api(), user(&watched), picky().await);

    // It goes before he is asked.
    let id = create(&api, &client("one", &peer.url)).await;
    let path = format!("{CLIENT}/{id}");
    let ask = format!("{path}/sessions");
    let nothing = json!({});
    let gone = path.clone();
    let (removed, begun) = between(
        &watched,
        "bifrost-sessions-create",
        is_transaction,
        user.post(&ask, &nothing),
        move |stack| {
            let gone = gone.clone();
            async move { stack.api().delete(&gone).await }
        },
    )
    .await;
    assert_eq!((removed.status, begun.status), (200, 404), "{begun:?}");
    nothing_left(&watched);

    // It is marked as going, and then he is asked.
    let id = create(&api, &client("two", &peer.url)).await;
    let path = format!("{CLIENT}/{id}");
    let ask = format!("{path}/sessions");
    let (begun, removed) = between(
        &watched,
        "bifrost-clients-delete",
        |seen| is_transaction(seen) && deletes(seen, "CONNECTION#"),
        api.delete(&path),
        move |stack| {
            let ask = ask.clone();
            async move { user_of(&stack).post(&ask, &json!({})).await }
        },
    )
    .await;
    assert_eq!((removed.status, begun.status), (200, 404), "{begun:?}");
    nothing_left(&watched);

    // It goes while his values are on their way, before and after the row says so.
    for (name, operation) in [("three", "TransactWriteItems"), ("four", "CreateSecret")] {
        let id = create(&api, &client(name, &peer.url)).await;
        let session = asked(&user, &id).await;
        let path = format!("{CLIENT}/{id}");
        let (removed, brought) = between(
            &watched,
            "bifrost-headers-submit",
            move |seen| seen.operation == operation,
            submitted(&user, &session, VALUE),
            move |stack| {
                let path = path.clone();
                async move { stack.api().delete(&path).await }
            },
        )
        .await;
        assert_eq!(removed.status, 200, "{removed:?}");
        assert!([200, 404, 409].contains(&brought.status), "{brought:?}");
        watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
        watched.sweep().await;
        nothing_left(&watched);
    }
}

fn user_of(watched: &Watched) -> harness::client::Client {
    user(watched)
}

fn deletes(seen: &SeenRequest, part: &str) -> bool {
    let items = seen.body["TransactItems"].as_array().unwrap();
    items
        .iter()
        .any(|item| item["Delete"].to_string().contains(part))
}

/// With a user who leaves his workspace, and with a workspace, goes what was brought there.
#[tokio::test]
async fn who_leaves_takes_his_values_along() {
    const WORKSPACES: &str = "/v1/admin/workspaces";
    const USER: &str = "7f000000-0000-4000-8000-000000000001";
    let watched = TestStack::watched().await;
    let (api, portkey) = (watched.api(), watched.portkey());
    let peer = Peer::rmcp(harness::peers::Rmcp::Modern).start().await;
    let id = create(&api, &client("per_user", &peer.url)).await;
    let other = create(&api, &open("other", &peer.url)).await;
    for leaves in [true, false] {
        let wanted = json!({ "name": "going", "users": [USER] });
        let workspace = ok(&portkey.post(WORKSPACES, &wanted).await)["id"].clone();
        let workspace = workspace.as_str().unwrap();
        let key = json!({ "name": "his", "scopes": ["mcp.invoke"], "workspace_id": workspace, "user_id": USER });
        let key = ok(&portkey.post("/v1/api-keys/workspace/user", &key).await)["key"].clone();
        let user = watched.with_key(key.as_str().unwrap());
        let session = asked(&user, &id).await;
        ok(&submitted(&user, &session, VALUE).await);
        let place = format!("{WORKSPACES}/{workspace}");
        if leaves {
            let path = format!("{place}/users/{USER}");
            ok(&portkey.delete(&path).await);
        }
        let force = |force: bool| json!({ "force_delete": force });
        let remove = async |body: Value| {
            portkey
                .send(http::Method::DELETE, &place, &[], Some(&body))
                .await
        };
        if !leaves {
            assert_eq!(remove(force(false)).await.status, 409);
            assert_eq!(there(&watched), kept(VALUE));
        }
        ok(&remove(force(!leaves)).await);
        nothing_left(&watched);
    }
    assert_eq!(api.delete(&format!("{CLIENT}/{other}")).await.status, 200);
}
