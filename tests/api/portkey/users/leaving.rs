//! A user goes, and with him the keys that act for him.

use harness::{
    faults::{Direct, Watched},
    stack::TestStack,
    stored,
};
use local::fault::Fault;
use serde_json::json;

use super::super::{SERVERS, ok, refused, text};
use super::{DEFAULT, ids, join, shown, user, users_of};

/// Makes a key for a user of a workspace, or for none.
async fn key_for(stack: &TestStack, workspace: &str, user: Option<&str>) -> String {
    let kind = if user.is_some() { "user" } else { "service" };
    let body = json!({ "name": "x", "workspace_id": workspace, "user_id": user, "scopes": ["mcp_servers.list"] });
    text(
        &ok(&stack
            .portkey()
            .post(&format!("/v1/api-keys/workspace/{kind}"), &body)
            .await)["key"],
    )
}

async fn opens(stack: &TestStack, key: &str) -> bool {
    let answer = stack.portkey_with(key).get(SERVERS).await;
    if answer.status == 200 {
        return true;
    }
    refused(&answer, 401, "AB05");
    false
}

#[tokio::test]
async fn who_goes_takes_his_keys_along_and_nobody_elses() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let other = users_of(&api, "Other").await;
    for path in [DEFAULT, &*other] {
        join(&api, path, json!([user(1), user(2)])).await;
    }
    let (first, second) = (user(1), user(2));
    let his = [
        key_for(&stack, "ws-default", Some(&first)).await,
        key_for(&stack, "ws-default", Some(&first)).await,
    ];
    let others = [
        key_for(&stack, "ws-default", Some(&second)).await,
        key_for(&stack, "ws-default", None).await,
        key_for(&stack, "other", Some(&first)).await,
        stack.acme().workspace_user_key.clone(),
    ];
    let path = format!("{DEFAULT}/{first}");
    assert_eq!(ok(&api.delete(&path).await), json!({}));
    for key in &his {
        assert!(!opens(&stack, key).await);
        assert_eq!(
            stack.with_key(key).get("/api/mcp-connections").await.status,
            401
        );
    }
    for key in &others {
        assert!(opens(&stack, key).await);
    }
    for answer in [
        api.get(&path).await,
        api.put(&path, &json!({ "role": "admin" })).await,
        api.delete(&path).await,
        api.delete(&format!("{DEFAULT}/x")).await,
    ] {
        assert_eq!(refused(&answer, 404, "AB08"), "workspace user not found");
    }
    assert_eq!(
        ids(&ok(&api.get(DEFAULT).await)),
        [stack.acme().user_id.clone(), second]
    );
    assert_eq!(shown(&api, &other, &first).await["role"], "member");
    let listed = ok(&api.get("/v1/api-keys?workspace_id=ws-default").await);
    assert_eq!(
        listed["total"], 4,
        "two of the tenant's first, and the two that stay"
    );
    assert!(
        listed["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["user_id"] != json!(first))
    );
    // No key is made for him any more, until he is back; and then the old ones do not come back with him.
    let body = json!({ "name": "x", "workspace_id": "ws-default", "user_id": first, "scopes": [] });
    refused(
        &api.post("/v1/api-keys/workspace/user", &body).await,
        400,
        "AB01",
    );
    join(&api, DEFAULT, json!([first])).await;
    assert_eq!(
        ids(&ok(&api.get(DEFAULT).await)).last(),
        Some(&first),
        "he is the last who came"
    );
    ok(&api.post("/v1/api-keys/workspace/user", &body).await);
    for key in &his {
        assert!(!opens(&stack, key).await);
    }
    let trail = ok(&api
        .get(&format!("/v1/audit-logs?resource_id={first}"))
        .await);
    let deeds: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(&row["action"]))
        .collect();
    assert_eq!(deeds, ["create", "delete", "create", "create"]);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

/// More keys than are read at a time, with other people's among them.
#[tokio::test]
async fn however_many_keys_he_has_all_of_them_go() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    join(&api, DEFAULT, json!([user(1), user(2)])).await;
    let mut keys = Vec::new();
    for number in 0..130 {
        let whose = if number % 3 == 0 { user(2) } else { user(1) };
        keys.push((
            number % 3 == 0,
            key_for(&stack, "ws-default", Some(&whose)).await,
        ));
    }
    assert_eq!(
        ok(&api.get("/v1/api-keys?workspace_id=ws-default").await)["total"],
        132
    );
    ok(&api.delete(&format!("{DEFAULT}/{}", user(1))).await);
    for (stays, key) in &keys {
        assert_eq!(opens(&stack, key).await, *stays);
    }
    assert_eq!(
        ok(&api.get("/v1/api-keys?workspace_id=ws-default").await)["total"],
        46
    );
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

/// His keys go first, so whoever finds him still there can remove him again: after a crash before or after any write.
#[tokio::test]
async fn a_crash_is_repaired_by_asking_again() {
    let watched: Watched = TestStack::watched().await;
    let (api, id) = (watched.portkey(), user(1));
    let path = format!("{DEFAULT}/{id}");
    let perform = async || {
        let request = Direct {
            method: "DELETE",
            path: path.clone(),
            id: Some("ws-default"),
            ..Direct::default()
        };
        // Not through the gateway, which would let it run on after its caller is gone.
        let mut event = watched.event(&request).await;
        event["pathParameters"]["user"] = json!(id);
        watched
            .until_crash(watched.stack.invoke("portkey-members-delete", event))
            .await
    };
    let prepare = async || {
        watched.calm();
        join(&api, DEFAULT, json!([id])).await;
        let keys = [
            key_for(&watched, "ws-default", Some(&id)).await,
            key_for(&watched, "ws-default", Some(&id)).await,
        ];
        watched.calm();
        keys
    };
    prepare().await;
    assert_eq!(perform().await.unwrap().unwrap()["statusCode"], 200);
    let writes = watched.written().len();
    assert_eq!(writes, 4, "that he is to go, two keys and himself");
    for number in 0..writes {
        for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LoseAnswer] {
            let point = format!("{fault:?} {number}");
            let keys = prepare().await;
            watched.disturb(number..number + 1, fault);
            let ended = perform().await;
            assert_eq!(ended.is_some(), fault == Fault::LoseAnswer, "{point}");
            watched.calm();
            // Where he is gone, so are his keys.
            let is_there = api.get(&path).await.status == 200;
            let open = [
                opens(&watched, &keys[0]).await,
                opens(&watched, &keys[1]).await,
            ];
            assert!(is_there || open == [false; 2], "{point}");
            let again = api.delete(&path).await;
            assert_eq!(
                again.status,
                if is_there { 200 } else { 404 },
                "{point}: {again:?}"
            );
            for key in &keys {
                assert!(!opens(&watched, key).await, "{point}");
            }
            assert_eq!(
                stored::flaws(&watched.stack.stack),
                Vec::<String>::new(),
                "{point}"
            );
        }
    }
}

/// What does not fit into the time of one request is done by the next ones.
#[tokio::test]
async fn what_takes_too_long_goes_on_with_the_next_request() {
    let watched = TestStack::watched().await;
    let (api, id) = (watched.portkey(), user(1));
    join(&api, DEFAULT, json!([id])).await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(key_for(&watched, "ws-default", Some(&id)).await);
    }
    let clock = std::sync::Arc::clone(&watched.clock);
    watched.disturb_where(move |_, _| {
        clock.turn_seconds(20);
        Fault::Pass
    });
    let path = format!("{DEFAULT}/{id}");
    // The first request has time to write that he is to go.
    for left in [3, 2, 1, 0] {
        let told = refused(&api.delete(&path).await, 409, "AB07");
        assert!(told.contains("repeat the request to go on"), "{told}");
        let mut open = 0;
        for key in &keys {
            open += usize::from(opens(&watched, key).await);
        }
        assert_eq!(open, left);
    }
    ok(&api.delete(&path).await);
    refused(&api.get(&path).await, 404, "AB08");
    assert_eq!(ok(&api.get("/v1/api-keys").await)["total"], 3);
}

/// No key is made for who is to go, unless he is added again.
#[tokio::test]
async fn who_was_to_go_and_is_added_again_stays() {
    let watched = TestStack::watched().await;
    let (api, id) = (watched.portkey(), user(1));
    join(&api, DEFAULT, json!([id])).await;
    let key = key_for(&watched, "ws-default", Some(&id)).await;
    let clock = std::sync::Arc::clone(&watched.clock);
    watched.disturb_where(move |_, _| {
        clock.turn_seconds(60);
        Fault::Pass
    });
    refused(&api.delete(&format!("{DEFAULT}/{id}")).await, 409, "AB07");
    watched.calm();
    let body = json!({ "name": "x", "workspace_id": "ws-default", "user_id": id, "scopes": ["mcp_servers.list"] });
    refused(
        &api.post("/v1/api-keys/workspace/user", &body).await,
        404,
        "AB08",
    );
    join(&api, DEFAULT, json!([id])).await;
    ok(&api.post("/v1/api-keys/workspace/user", &body).await);
    assert!(opens(&watched, &key).await);
}

/// His tokens on servers and what was said of him there go with him, and are not there when he comes back.
#[tokio::test]
async fn what_he_had_on_servers_goes_with_him() {
    let stack = TestStack::start().await;
    let (api, id) = (stack.portkey(), user(1));
    let open = json!({ "name": "x", "url": "https://mcp.example.com", "auth_type": "oauth_auto", "transport": "http" });
    let (_, server) = super::super::publish_of(&stack, "x", &open).await;
    let (tokens, access) = (
        format!("{SERVERS}/{server}/tokens"),
        format!("{SERVERS}/{server}/user-access?workspace_id=ws-default"),
    );
    let connections = format!("{SERVERS}/{server}/connections?workspace_id=ws-default");
    let grant = json!({ "access_token": "s3cret", "token_type": "Bearer" });
    let scopes = ["mcp.invoke", "mcp_servers.update", "mcp_servers.read"];
    for user in [&id, &user(2)] {
        join(&api, DEFAULT, json!([user])).await;
        let body =
            json!({ "name": "x", "workspace_id": "ws-default", "user_id": user, "scopes": scopes });
        let made = ok(&api.post("/v1/api-keys/workspace/user", &body).await);
        let his = stack.portkey_with(made["key"].as_str().unwrap());
        ok(&his.put(&tokens, &grant).await);
        let said = json!({ "user_access": [{ "user_id": user, "enabled": false }] });
        ok(&api.put(&access, &said).await);
    }
    assert_eq!(ok(&api.get(&connections).await)["total"], 2);
    ok(&api.delete(&format!("{DEFAULT}/{id}")).await);
    assert_eq!(ok(&api.get(&connections).await)["total"], 1);
    join(&api, DEFAULT, json!([id])).await;
    let listed = ok(&api.get(&access).await);
    let of = |user: &str| {
        let all = listed["data"].as_array().unwrap();
        let found = all.iter().find(|item| item["user_id"] == user).unwrap();
        (
            found["has_override"].clone(),
            found["connection_status"].clone(),
        )
    };
    assert_eq!(of(&id), (json!(false), json!("not_connected")));
    assert_eq!(of(&user(2)), (json!(true), json!("connected")));
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());

    // And with a server goes what is said of anybody there.
    ok(&api.delete(&format!("{SERVERS}/{server}")).await);
    let items = stored::items(&stack.stack);
    assert!(
        items
            .iter()
            .all(|item| !item.sk().contains(&format!("USERACCESS#{server}")))
    );
}
