//! Something is made in a place while the place goes. Either it is there before, and goes with the place, or it is not made.

use std::sync::Arc;

use harness::{
    client::Answer,
    faults::{self, Watched},
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use http::Method;
use local::fault::{Fault, SeenRequest};
use serde_json::{Value, json};

use super::{SERVERS, create, enable, ok, open, refused, text};

const WORKSPACES: &str = "/v1/admin/workspaces";
const USER: &str = "7f000000-0000-4000-8000-000000000001";

/// A request, and the function that answers it.
struct Deed {
    function: &'static str,
    method: Method,
    path: String,
    body: Value,
    /// Whose key it comes with, where it is not the organisation's.
    key: Option<String>,
}

impl Deed {
    fn new(function: &'static str, method: Method, path: impl Into<String>, body: Value) -> Self {
        Self {
            function,
            method,
            path: path.into(),
            body,
            key: None,
        }
    }

    async fn ask(&self, stack: &TestStack) -> Answer {
        let key = &stack.acme().organisation_service_key;
        let client = stack.portkey_with(self.key.as_ref().unwrap_or(key));
        let body = (!self.body.is_null()).then_some(&self.body);
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

fn writes(seen: &SeenRequest, kind: &str, part: &str) -> bool {
    let items = seen.body["TransactItems"].as_array().unwrap();
    items
        .iter()
        .any(|item| item[kind].to_string().contains(part))
}

async fn watched() -> Arc<Watched> {
    let watched = Arc::new(TestStack::watched().await);
    let users = json!({ "users": [USER] });
    ok(&watched
        .portkey()
        .post(&format!("{WORKSPACES}/ws-default/users"), &users)
        .await);
    watched
}

fn key(kind: &str, workspace: &str) -> Deed {
    let user = (kind == "user").then_some(USER);
    let function = match user {
        Some(_) => "portkey-keys-create-workspace-user",
        None => "portkey-keys-create-workspace-service",
    };
    let body = json!({ "name": "late", "workspace_id": workspace, "user_id": user, "scopes": ["mcp_servers.list"] });
    let mut key = Deed::new(
        function,
        Method::POST,
        format!("/v1/api-keys/workspace/{kind}"),
        body,
    );
    key.body
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    key
}

fn removal(workspace: &str, force: bool) -> Deed {
    Deed::new(
        "portkey-workspaces-delete",
        Method::DELETE,
        format!("{WORKSPACES}/{workspace}"),
        json!({ "force_delete": force }),
    )
}

/// Everything that can be made in a workspace.
async fn all_in(watched: &Watched, workspace: &str, of_tenant: &str) -> Vec<Deed> {
    let mut own = open("late");
    own["workspace_id"] = json!(workspace);
    let mut with_secret = own.clone();
    with_secret["name"] = json!("late, with a secret");
    with_secret["auth_type"] = json!("headers");
    with_secret["configurations"] = json!({ "custom_headers": { "x-key": "s3cret" } });
    let server =
        json!({ "name": "late", "mcp_integration_id": of_tenant, "workspace_id": workspace });
    let access = json!({ "workspaces": [{ "id": workspace, "enabled": true }] });
    let other = create(&watched.portkey(), &open("other")).await;
    vec![
        key("user", workspace),
        key("service", workspace),
        Deed::new(
            "portkey-integrations-create",
            Method::POST,
            "/v1/mcp-integrations",
            own,
        ),
        Deed::new(
            "portkey-integrations-create",
            Method::POST,
            "/v1/mcp-integrations",
            with_secret,
        ),
        Deed::new("portkey-servers-create", Method::POST, SERVERS, server),
        Deed::new(
            "portkey-members-create",
            Method::POST,
            format!("{WORKSPACES}/{workspace}/users"),
            json!({ "users": ["7f000000-0000-4000-8000-000000000002"] }),
        ),
        Deed::new(
            "portkey-integrations-update-workspaces",
            Method::PUT,
            format!("/v1/mcp-integrations/{other}/workspaces"),
            access,
        ),
    ]
}

async fn founded(watched: &Watched, of_tenant: &str) -> String {
    let wanted = json!({ "name": "going", "users": [USER] });
    let id = text(&ok(&watched.portkey().post(WORKSPACES, &wanted).await)["id"]);
    enable(watched, of_tenant, &id, true).await;
    id
}

/// That nothing of a workspace is left, of whatever kind.
fn is_gone(watched: &Watched, workspace: &str) {
    assert_eq!(stored::flaws(&watched.stack.stack), Vec::<String>::new());
    for item in stored::items(&watched.stack.stack) {
        let is_record = item.pk().contains("#LIST#AUDIT");
        let names_it = item.pk().contains(workspace) || item.sk().contains(workspace);
        let is_count = item.sk().starts_with("COUNT#");
        assert!(
            is_record || is_count || !names_it,
            "{} {}",
            item.pk(),
            item.sk()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_made_in_a_workspace_that_goes_meanwhile() {
    let watched = watched().await;
    let of_tenant = create(&watched.portkey(), &open("of the tenant")).await;
    for which in 0.. {
        let workspace = founded(&watched, &of_tenant).await;
        let Some(deed) = all_in(&watched, &workspace, &of_tenant)
            .await
            .into_iter()
            .nth(which)
        else {
            break;
        };
        // The access by which the server may be made is the workspace's own, and goes with it.
        let (removed, made) = between(&watched, &deed, removal(&workspace, false), |_| true).await;
        ok(&removed);
        let told = refused(&made, 404, "AB08");
        assert_eq!(told, "workspace not found", "{}", deed.function);
        is_gone(&watched, &workspace);
    }
}

/// A connection with a secret is seen with its second write, so the workspace can go between the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_is_not_brought_to_life_in_a_workspace_that_went() {
    let watched = watched().await;
    let of_tenant = create(&watched.portkey(), &open("of the tenant")).await;
    let workspace = founded(&watched, &of_tenant).await;
    let deed = all_in(&watched, &workspace, &of_tenant).await.remove(3);
    let (removed, made) = between(&watched, &deed, removal(&workspace, false), |seen| {
        !writes(seen, "Put", "provision")
    })
    .await;
    ok(&removed);
    refused(&made, 404, "AB08");
    is_gone(&watched, &workspace);
}

/// The last thing that its removal does is to remove the row. What is asked for just before that is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_made_in_a_workspace_that_is_going() {
    let watched = watched().await;
    let of_tenant = create(&watched.portkey(), &open("of the tenant")).await;
    for force in [false, true] {
        for which in 0.. {
            let workspace = founded(&watched, &of_tenant).await;
            let Some(deed) = all_in(&watched, &workspace, &of_tenant)
                .await
                .into_iter()
                .nth(which)
            else {
                break;
            };
            // Its members and what it was given are gone by then, and these two would say so first.
            if matches!(
                deed.function,
                "portkey-keys-create-workspace-user" | "portkey-servers-create"
            ) {
                continue;
            }
            let function = deed.function;
            let row = format!("\"WORKSPACE#{workspace}\"");
            let (made, removed) =
                between(&watched, &removal(&workspace, force), deed, move |seen| {
                    writes(seen, "Delete", &row)
                })
                .await;
            ok(&removed);
            assert_eq!(
                refused(&made, 404, "AB08"),
                "workspace not found",
                "{function}"
            );
            is_gone(&watched, &workspace);
        }
    }
}

/// Who is not to go after all, because something is in it, goes on as before.
#[tokio::test]
async fn a_workspace_that_stays_can_be_filled_again() {
    let watched = watched().await;
    let of_tenant = create(&watched.portkey(), &open("of the tenant")).await;
    let workspace = founded(&watched, &of_tenant).await;
    let deeds = all_in(&watched, &workspace, &of_tenant).await;
    ok(&deeds[0].ask(&watched).await);
    refused(&removal(&workspace, false).ask(&watched).await, 409, "AB07");
    for deed in &deeds[1..] {
        ok(&deed.ask(&watched).await);
    }
    assert_eq!(stored::flaws(&watched.stack.stack), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_leaves_gets_no_key_meanwhile() {
    let watched = watched().await;
    let leaving = || {
        Deed::new(
            "portkey-members-delete",
            Method::DELETE,
            format!("{WORKSPACES}/ws-default/users/{USER}"),
            Value::Null,
        )
    };
    let before = ok(&watched.portkey().get("/v1/api-keys").await)["total"].clone();

    let (left, made) = between(&watched, &key("user", "ws-default"), leaving(), |_| true).await;
    ok(&left);
    assert_eq!(refused(&made, 404, "AB08"), "workspace user not found");
    assert_eq!(
        ok(&watched.portkey().get("/v1/api-keys").await)["total"],
        before
    );

    // The other way round: a key that is made while he leaves goes as well.
    let users = json!({ "users": [USER] });
    ok(&watched
        .portkey()
        .post(&format!("{WORKSPACES}/ws-default/users"), &users)
        .await);
    let (made, left) = between(&watched, &leaving(), key("user", "ws-default"), |_| true).await;
    ok(&left);
    ok(&made);
    assert_eq!(
        ok(&watched.portkey().get("/v1/api-keys").await)["total"],
        before
    );

    ok(&watched
        .portkey()
        .post(&format!("{WORKSPACES}/ws-default/users"), &users)
        .await);
    let (made, left) = between(&watched, &leaving(), key("user", "ws-default"), |seen| {
        writes(seen, "Delete", "MEMBER#")
    })
    .await;
    ok(&left);
    refused(&made, 404, "AB08");
    assert_eq!(
        ok(&watched.portkey().get("/v1/api-keys").await)["total"],
        before
    );
}

/// Keys are read a hundred at a time. One that is removed meanwhile moves the others forward, and none of his may slip through there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_key_of_his_is_passed_over_while_others_are_removed() {
    let watched = watched().await;
    let api = watched.portkey();
    let mut made = Vec::new();
    // The first and the one at the beginning of the second hundred are his; two came with the tenant.
    for number in 0..99 {
        let kind = if [0, 98].contains(&number) {
            "user"
        } else {
            "service"
        };
        made.push(ok(&key(kind, "ws-default").ask(&watched).await));
    }
    let other = format!("/v1/api-keys/{}", text(&made[1]["id"]));
    let removal = Deed::new("portkey-keys-delete", Method::DELETE, other, Value::Null);
    let leaving = Deed::new(
        "portkey-members-delete",
        Method::DELETE,
        format!("{WORKSPACES}/ws-default/users/{USER}"),
        Value::Null,
    );
    let (removed, left) = between(&watched, &leaving, removal, |seen| {
        writes(seen, "Delete", "KEY#")
    })
    .await;
    ok(&removed);
    ok(&left);
    for of_his in [&made[0], &made[98]] {
        let path = format!("/v1/api-keys/{}", text(&of_his["id"]));
        refused(&api.get(&path).await, 404, "AB08");
    }
}

/// What a user has on servers goes before he does, so nothing is given to him after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_leaves_is_given_nothing_meanwhile() {
    let watched = watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let wanted =
        json!({ "name": "oauth", "url": peer.url, "auth_type": "oauth_auto", "transport": "http" });
    let (_, server) = super::publish_of(&watched, "oauth", &wanted).await;
    let user = &watched.acme().user_id;
    let leaving = || {
        let path = format!("{WORKSPACES}/ws-default/users/{user}");
        Deed::new("portkey-members-delete", Method::DELETE, path, Value::Null)
    };
    let access = || {
        Deed::new(
            "portkey-servers-update-user-access",
            Method::PUT,
            format!("{SERVERS}/{server}/user-access?workspace_id=ws-default"),
            json!({ "user_access": [{ "user_id": user, "enabled": true }] }),
        )
    };
    let back = json!({ "users": [user] });
    let is_last = |seen: &SeenRequest| writes(seen, "Delete", "MEMBER#");
    let (said, left) = between(&watched, &leaving(), access(), is_last).await;
    ok(&left);
    assert_eq!(refused(&said, 404, "AB08"), "workspace user not found");
    ok(&watched
        .portkey()
        .post(&format!("{WORKSPACES}/ws-default/users"), &back)
        .await);
    let (left, said) = between(&watched, &access(), leaving(), |_| true).await;
    ok(&left);
    refused(&said, 404, "AB08");

    // His own tokens, stored by a request that was let in while he had a key.
    ok(&watched
        .portkey()
        .post(&format!("{WORKSPACES}/ws-default/users"), &back)
        .await);
    let body = json!({ "name": "x", "workspace_id": "ws-default", "user_id": user, "scopes": ["mcp.invoke"] });
    for is_second in [false, true] {
        let made = ok(&watched
            .portkey()
            .post("/v1/api-keys/workspace/user", &body)
            .await);
        let mut keep = Deed::new(
            "portkey-servers-write-tokens",
            Method::PUT,
            format!("{SERVERS}/{server}/tokens"),
            json!({ "access_token": "s3cret", "token_type": "Bearer" }),
        );
        keep.key = Some(text(&made["key"]));
        let (left, kept) = between(&watched, &keep, leaving(), move |seen| {
            is_second != writes(seen, "Put", "provision")
        })
        .await;
        // One whose tokens are just being written may have to be asked again.
        if left.status == 409 {
            watched.clock.turn_seconds(120);
            ok(&leaving().ask(&watched).await);
        }
        refused(&kept, 404, "AB08");
        assert_eq!(watched.sweep().await["failed"], 0);
        assert_eq!(stored::flaws(&watched.stack.stack), Vec::<String>::new());
        assert_eq!(
            stored::user_connections(&stored::items(&watched.stack.stack)),
            []
        );
        ok(&watched
            .portkey()
            .post(&format!("{WORKSPACES}/ws-default/users"), &back)
            .await);
    }
}

/// A server whose removal was begun and not ended takes tokens again once somebody edits it.
#[tokio::test]
async fn a_server_that_stays_takes_tokens_again() {
    let watched = watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let wanted =
        json!({ "name": "oauth", "url": peer.url, "auth_type": "oauth_auto", "transport": "http" });
    let (_, server) = super::publish_of(&watched, "oauth", &wanted).await;
    let path = format!("{SERVERS}/{server}");
    watched.disturb(1..1000, Fault::Throttle);
    let begun = watched.portkey().delete(&path).await;
    assert_ne!(begun.status, 200, "{begun:?}");
    watched.calm();
    let user = watched.portkey_with(&watched.acme().workspace_user_key);
    let tokens = json!({ "access_token": "s3cret", "token_type": "Bearer" });
    refused(
        &user.put(&format!("{path}/tokens"), &tokens).await,
        404,
        "AB08",
    );
    ok(&watched
        .portkey()
        .put(&path, &json!({ "name": "stays" }))
        .await);
    ok(&user.put(&format!("{path}/tokens"), &tokens).await);
}

/// Tokens are seen with their second write; a server can go before the first and between the two, and they can come just before it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_are_not_kept_for_a_server_that_goes() {
    let watched = watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    for meeting in ["before the first", "before the second", "at the end"] {
        let wanted = json!({ "name": "oauth", "url": peer.url, "auth_type": "oauth_auto", "transport": "http" });
        let (_, server) = super::publish_of(&watched, "oauth", &wanted).await;
        let mut keep = Deed::new(
            "portkey-servers-write-tokens",
            Method::PUT,
            format!("{SERVERS}/{server}/tokens"),
            json!({ "access_token": "s3cret", "token_type": "Bearer" }),
        );
        keep.key = Some(watched.acme().workspace_user_key.clone());
        let withdraw = Deed::new(
            "portkey-servers-delete",
            Method::DELETE,
            format!("{SERVERS}/{server}"),
            Value::Null,
        );
        let (withdrawn, kept) = if meeting == "at the end" {
            let (kept, withdrawn) = between(&watched, &withdraw, keep, |seen| {
                writes(seen, "Delete", "SERVER#")
            })
            .await;
            (withdrawn, kept)
        } else {
            let is_second = meeting == "before the second";
            between(&watched, &keep, withdraw, move |seen| {
                is_second != writes(seen, "Put", "provision")
            })
            .await
        };
        ok(&withdrawn);
        refused(&kept, 404, "AB08");
        assert_eq!(stored::flaws(&watched.stack.stack), Vec::<String>::new());
        assert_eq!(
            stored::user_connections(&stored::items(&watched.stack.stack)),
            []
        );
    }
}
