//! Sessions: what each user brings for a client, from being asked to being forgotten.

use harness::{
    client::{Answer, Client},
    peers::{Peer, Rmcp},
    stack::TestStack,
    stored,
};
use serde_json::{Value, json};

use super::{CLIENT, UNKNOWN, change, create, ok, open, refused, wrong};

pub const SESSIONS: &str = "/api/mcp/sessions";
pub const FLOWS: &str = "/api/mcp/per-user-headers/flows";
const CREDENTIAL: &str = "/api/mcp/per-user-headers/credential";
pub const VALUE: &str = "v4lue-of-a-user";
const OTHER: &str = "7f000000-0000-4000-8000-000000000001";
const QUARTER_OF_AN_HOUR: i64 = 15 * 60;

/// A client whose users bring a key, beside a header that is the same for all of them.
pub fn client(name: &str, url: &str) -> Value {
    let mut body = open(name, url);
    body["auth_type"] = json!("per_user_headers");
    body["per_user_header_keys"] = json!(["X-User-Key"]);
    body["headers"] = json!({ "X-All": "for-all" });
    body
}

/// A server that lets nobody in without the value.
pub async fn picky() -> Peer {
    let peer = Peer::rmcp(Rmcp::Modern).api_key("x-user-key", VALUE);
    peer.start().await
}

pub fn values(value: &str) -> Value {
    json!({ "headers": { "X-User-Key": value } })
}

pub fn user(stack: &TestStack) -> Client {
    stack.with_key(&stack.acme().workspace_user_key)
}

/// A second member of the default workspace, with a key that may call tools alone.
async fn other_user(stack: &TestStack) -> Client {
    let users = json!({ "users": [OTHER] });
    let path = "/v1/admin/workspaces/ws-default/users";
    ok(&stack.portkey().post(path, &users).await);
    let body = json!({ "name": "other", "scopes": ["mcp.invoke"], "workspace_id": "ws-default", "user_id": OTHER });
    let made = ok(&stack
        .portkey()
        .post("/v1/api-keys/workspace/user", &body)
        .await);
    stack.with_key(made["key"].as_str().unwrap())
}

/// Asks the caller himself; the id of his session.
pub async fn asked(by: &Client, id: &str) -> String {
    let begun = ok(&by
        .post(&format!("{CLIENT}/{id}/sessions"), &json!({}))
        .await);
    begun["session_id"].as_str().unwrap().to_owned()
}

pub async fn submitted(by: &Client, session: &str, value: &str) -> Answer {
    by.put(&format!("{FLOWS}/{session}"), &values(value)).await
}

async fn listed(by: &Client, query: &str) -> Vec<Value> {
    let page = ok(&by.get(&format!("{SESSIONS}?{query}")).await);
    let sessions = page["sessions"].as_array().cloned().unwrap();
    assert_eq!(page["count"], sessions.len());
    sessions
}

async fn status(by: &Client) -> Value {
    listed(by, "limit=1").await[0]["status"].clone()
}

#[tokio::test]
async fn a_user_is_asked_brings_his_headers_and_takes_them_back() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let id = create(&api, &client("per_user", &peer.url)).await;

    let path = format!("{CLIENT}/{id}/sessions");
    let begun = ok(&user.post(&path, &json!({})).await);
    let session = begun["session_id"].as_str().unwrap();
    assert_eq!(begun["kind"], "headers");
    assert_eq!(begun["user_id"], json!(stack.acme().user_id));
    let submit_url = begun["submit_url"].as_str().unwrap();
    assert!(
        submit_url.ends_with(&format!("{FLOWS}/{session}")),
        "{begun}"
    );
    let pending = &listed(&user, "").await[0];
    assert_eq!(pending["kind"], "flow");
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["expires_at"], begun["expires_at"]);
    assert_eq!(pending["can_reauth"], false);
    assert_eq!(
        pending["mcp_client"],
        json!({ "client_id": id, "name": "per_user" })
    );

    let form = ok(&user.get(&format!("{FLOWS}/{session}")).await);
    assert_eq!(form["required_header_keys"], json!(["x-user-key"]));
    assert_eq!(form["admin_header_keys"], json!(["X-All"]));
    assert_eq!(form["submitted_keys"], json!([]));
    assert_eq!(form["has_active_credential"], false);

    peer.forget();
    let kept = ok(&submitted(&user, session, VALUE).await);
    assert_eq!(
        (&kept["status"], &kept["credential_id"]),
        (&json!("success"), &json!(session))
    );
    let seen = peer.seen();
    assert!(!seen.is_empty(), "it is tried before it is kept");
    for request in seen {
        assert_eq!(request.header("x-user-key"), Some(VALUE));
        assert_eq!(request.header("x-all"), Some("for-all"));
    }
    let active = listed(&user, "").await.remove(0);
    assert_eq!(
        (&active["kind"], &active["status"]),
        (&json!("header"), &json!("active"))
    );
    assert_eq!(active["submitted_keys"], json!(["x-user-key"]));
    assert_eq!(
        (&active["can_reauth"], &active["expires_at"]),
        (&json!(true), &Value::Null)
    );
    refused(
        &user.get(&format!("{FLOWS}/{session}")).await,
        404,
        "not_found",
    );
    refused(&submitted(&user, session, VALUE).await, 404, "not_found");

    // Asked again, he may leave everything as it is.
    let again = ok(&user
        .post(&format!("{SESSIONS}/{session}/reauth"), &json!({}))
        .await);
    assert_eq!(again["session_id"], session);
    let form = ok(&user.get(&format!("{FLOWS}/{session}")).await);
    assert_eq!(form["has_active_credential"], true);
    assert_eq!(form["submitted_keys"], json!(["x-user-key"]));
    ok(&submitted(&user, session, "").await);
    assert_eq!(status(&user).await, "active");

    // Two ways to forget it; of the one that is for credentials an invitation is none.
    for (below, again) in [(CREDENTIAL, true), (SESSIONS, false)] {
        let session = asked(&user, &id).await;
        if below == CREDENTIAL {
            ok(&submitted(&user, &session, VALUE).await);
        }
        let path = format!("{below}/{session}");
        assert_eq!(user.delete(&path).await.status, 204);
        refused(&user.delete(&path).await, 404, "not_found");
        assert_eq!(listed(&api, "").await, [json!(null); 0]);
        assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
        assert_eq!(stored::user_connections(&stored::items(&stack.stack)), []);
        if again {
            let invited = asked(&user, &id).await;
            refused(
                &user.delete(&format!("{CREDENTIAL}/{invited}")).await,
                404,
                "not_found",
            );
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_not_kept_and_what_was_kept_stays() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let id = create(&api, &client("per_user", &peer.url)).await;
    let session = asked(&user, &id).await;

    let answer = submitted(&user, &session, "wrong").await;
    refused(&answer, 422, "credential_not_proven");
    assert_eq!(
        answer.json()["extra_fields"]["reason"],
        "credential_rejected"
    );
    assert_eq!(status(&user).await, "pending");
    ok(&submitted(&user, &session, VALUE).await);

    let session = asked(&user, &id).await;
    refused(
        &submitted(&user, &session, "wrong").await,
        422,
        "credential_not_proven",
    );
    assert_eq!(status(&user).await, "active");
    ok(&submitted(&user, &session, " ").await);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_missing_or_not_asked_for_is_named() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let mut body = client("per_user", &peer.url);
    body["per_user_header_keys"] = json!(["x-user-key", "x-tenant"]);
    let id = create(&api, &body).await;
    let session = asked(&user, &id).await;
    peer.forget();
    for (headers, field) in [
        (json!({}), "headers.x-user-key"),
        (json!({ "x-user-key": VALUE }), "headers.x-tenant"),
        (
            json!({ "x-user-key": VALUE, "x-tenant": "t", "x-more": VALUE }),
            "headers.x-more",
        ),
        (
            json!({ "x-user-key": VALUE, "x-tenant": [VALUE] }),
            "headers.x-tenant",
        ),
        (
            json!({ "x-user-key": VALUE, "x-tenant": format!("{VALUE}\n") }),
            "headers.x-tenant",
        ),
        (json!(VALUE), "headers"),
    ] {
        let answer = user
            .put(
                &format!("{FLOWS}/{session}"),
                &json!({ "headers": headers }),
            )
            .await;
        wrong(&answer, field);
        assert!(!answer.text().contains(VALUE));
    }
    assert_eq!(peer.requests(), 0, "nothing was tried");

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("status=good", "status"),
        ("kind=headers", "kind"),
        ("auth_mode=all", "auth_mode"),
        ("page=1", "page"),
    ] {
        wrong(&user.get(&format!("{SESSIONS}?{query}")).await, field);
    }
    let plain = create(&api, &open("plain", &peer.url)).await;
    wrong(
        &user
            .post(&format!("{CLIENT}/{plain}/sessions"), &json!({}))
            .await,
        "id",
    );
}

/// Who was asked has a quarter of an hour. What he did not bring then is forgotten by itself.
#[tokio::test]
async fn an_invitation_lapses() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let id = create(&api, &client("per_user", &peer.url)).await;
    let session = asked(&user, &id).await;
    stack.clock.turn_seconds(QUARTER_OF_AN_HOUR);
    refused(&submitted(&user, &session, VALUE).await, 410, "expired");
    let form = ok(&user.get(&format!("{FLOWS}/{session}")).await);
    assert_eq!(
        (&form["status"], status(&user).await),
        (&json!("expired"), json!("expired"))
    );

    // Asked again in time, it begins anew.
    assert_eq!(asked(&user, &id).await, session);
    stack.clock.turn_seconds(QUARTER_OF_AN_HOUR - 60);
    stack.sweep().await;
    assert_eq!(status(&user).await, "pending");
    stack.clock.turn_seconds(6 * 60 + QUARTER_OF_AN_HOUR);
    assert_eq!(stack.sweep().await["repaired"], 1);
    assert_eq!(listed(&user, "").await, [json!(null); 0]);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
    refused(&submitted(&user, &session, VALUE).await, 404, "not_found");

    // What was kept before stays, whatever came of being asked again.
    let session = asked(&user, &id).await;
    ok(&submitted(&user, &session, VALUE).await);
    assert_eq!(asked(&user, &id).await, session);
    stack.clock.turn_seconds(2 * QUARTER_OF_AN_HOUR);
    stack.sweep().await;
    assert_eq!(status(&user).await, "active");
}

#[tokio::test]
async fn what_is_asked_of_users_changes_and_sessions_say_so() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let id = create(&api, &client("per_user", &peer.url)).await;
    let session = asked(&user, &id).await;
    ok(&submitted(&user, &session, VALUE).await);

    ok(&change(
        &api,
        &id,
        &json!({ "per_user_header_keys": ["x-user-key", "x-more"] }),
    )
    .await);
    assert_eq!(status(&user).await, "needs_update");
    asked(&user, &id).await;
    // The one that he brought before need not be given again.
    let more = json!({ "headers": { "x-more": "m" } });
    ok(&user.put(&format!("{FLOWS}/{session}"), &more).await);
    let shown = listed(&user, "").await.remove(0);
    assert_eq!(shown["status"], "active");
    assert_eq!(shown["submitted_keys"], json!(["x-user-key", "x-more"]));
    ok(&change(&api, &id, &json!({ "per_user_header_keys": ["x-more"] })).await);
    assert_eq!(status(&user).await, "active", "less is enough");

    // With the client goes all that its users brought.
    assert_eq!(api.delete(&format!("{CLIENT}/{id}")).await.status, 200);
    assert_eq!(listed(&api, "").await, [json!(null); 0]);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
    assert_eq!(stored::user_connections(&stored::items(&stack.stack)), []);
}

/// What was begun in one workspace is no affair of another's, and a client that belongs to one is no affair of others' users.
#[tokio::test]
async fn a_workspace_asks_its_own_users_for_what_it_reaches() {
    let stack = TestStack::start().await;
    let (peer, api) = (picky().await, stack.api());
    let workspace = json!({ "name": "elsewhere", "users": [OTHER] });
    let made = stack
        .portkey()
        .post("/v1/admin/workspaces", &workspace)
        .await;
    let elsewhere = made.json()["id"].as_str().unwrap().to_owned();
    let id = create(&api, &client("per_user", &peer.url)).await;
    let path = format!("{CLIENT}/{id}/sessions");
    let there = json!({ "user_id": OTHER, "workspace_id": elsewhere });
    ok(&api.post(&path, &there).await);
    let before = listed(&api, "").await;
    let service = stack.with_key(&stack.acme().workspace_service_key);
    let asked = service.post(&path, &json!({ "user_id": OTHER })).await;
    assert!(matches!(asked.status, 403 | 404), "{asked:?}");
    assert_eq!(listed(&api, "").await, before);

    let integration = json!({ "name": "of one", "url": peer.url, "auth_type": "headers", "transport": "http", "workspace_id": "ws-default" });
    let made = stack
        .portkey()
        .post("/v1/mcp-integrations", &integration)
        .await;
    let path = format!("{CLIENT}/{}/sessions", made.json()["id"].as_str().unwrap());
    wrong(&api.post(&path, &there).await, "workspace_id");
}

#[tokio::test]
async fn a_user_knows_of_his_own_sessions_and_the_organisation_of_all() {
    let stack = TestStack::start().await;
    let (peer, api, user) = (picky().await, stack.api(), user(&stack));
    let other = other_user(&stack).await;
    let id = create(&api, &client("per_user", &peer.url)).await;
    let path = format!("{CLIENT}/{id}/sessions");
    let his = asked(&user, &id).await;

    // The organisation asks for whom it names, and does not bring his values for him.
    wrong(&api.post(&path, &json!({})).await, "user_id");
    wrong(
        &api.post(&path, &json!({ "user_id": OTHER })).await,
        "workspace_id",
    );
    let named = json!({ "user_id": OTHER, "workspace_id": "ws-default" });
    let others = ok(&api.post(&path, &named).await)["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    refused(&submitted(&api, &others, VALUE).await, 403, "forbidden");
    let nobody = json!({ "user_id": UNKNOWN, "workspace_id": "ws-default" });
    refused(&api.post(&path, &nobody).await, 404, "not_found");
    refused(
        &user.post(&path, &json!({ "user_id": OTHER })).await,
        403,
        "forbidden",
    );

    let ids = async |by: &Client, query: &str| -> Vec<String> {
        let listed = listed(by, query).await;
        listed
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let service = stack.with_key(&stack.acme().workspace_service_key);
    assert_eq!(ids(&user, "").await, [his.as_str()]);
    assert_eq!(ids(&other, "").await, [others.as_str()]);
    for by in [&api, &service] {
        assert_eq!(ids(by, "").await, [others.as_str(), &his], "newest first");
    }
    assert_eq!(ids(&stack.stranger(), "").await, [""; 0]);

    // Another's link says whose it is not; his session is not there.
    refused(
        &other.get(&format!("{FLOWS}/{his}")).await,
        403,
        "forbidden",
    );
    refused(&submitted(&other, &his, VALUE).await, 403, "forbidden");
    refused(
        &other
            .post(&format!("{SESSIONS}/{his}/reauth"), &json!({}))
            .await,
        403,
        "forbidden",
    );
    refused(
        &other.delete(&format!("{SESSIONS}/{his}")).await,
        404,
        "not_found",
    );
    refused(
        &stack.stranger().get(&format!("{FLOWS}/{his}")).await,
        404,
        "not_found",
    );

    ok(&submitted(&other, &others, VALUE).await);
    assert_eq!(status(&other).await, "active");

    for (query, found) in [
        ("status=active", vec![&others]),
        ("status=pending", vec![&his]),
        ("status=active,pending", vec![&others, &his]),
        ("status=needs_reauth", vec![]),
        ("kind=flow", vec![&his]),
        ("kind=header", vec![&others, &his]),
        ("kind=token", vec![]),
        ("auth_mode=vk,session", vec![]),
        ("auth_mode=user", vec![&others, &his]),
        ("q=PER_USER", vec![&others, &his]),
        ("q=elsewhere", vec![]),
        (&format!("q={OTHER}"), vec![&others]),
        (&format!("mcp_client_id={id}"), vec![&others, &his]),
        (
            &format!("mcp_client_id={id},{UNKNOWN}&limit=1&offset=1"),
            vec![&his],
        ),
        (&format!("mcp_client_id={UNKNOWN}"), vec![]),
        ("mcp_client_id=x", vec![]),
    ] {
        let found: Vec<String> = found.into_iter().cloned().collect();
        assert_eq!(ids(&api, query).await, found, "{query}");
    }
    let page = ok(&api.get(&format!("{SESSIONS}?limit=1&offset=1")).await);
    assert_eq!(
        (&page["total_count"], &page["count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        ok(&api.get(&format!("{SESSIONS}?limit=501")).await)["limit"],
        500
    );

    let unknown = |path: String| path.replace(&his, UNKNOWN);
    for (method, path) in [
        ("POST", format!("{SESSIONS}/{his}/reauth")),
        ("DELETE", format!("{SESSIONS}/{his}")),
        ("GET", format!("{FLOWS}/{his}")),
        ("PUT", format!("{FLOWS}/{his}")),
        ("DELETE", format!("{CREDENTIAL}/{his}")),
    ] {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let mut told = Vec::new();
        for path in [path.clone(), unknown(path)] {
            let body = (method == "PUT").then(|| values(VALUE));
            let stranger = stack.stranger();
            let answer = stranger
                .send(method.clone(), &path, &[], body.as_ref())
                .await;
            told.push(answer.anonymous());
        }
        assert_eq!(told[0], told[1], "{method}");
    }
    assert_eq!(api.delete(&format!("{SESSIONS}/{his}")).await.status, 204);
    assert_eq!(ids(&user, "").await, [""; 0]);
}
