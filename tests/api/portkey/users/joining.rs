//! How users come into a workspace, and get another role there.

use futures::future::join_all;
use harness::{stack::TestStack, stored};
use http::Method;
use serde_json::{Value, json};

use super::super::{ok, refused};
use super::{DEFAULT, ids, join, shown, user, users_of};

#[tokio::test]
async fn users_come_alone_or_together_and_are_shown_as_they_came() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let path = users_of(&api, "Team").await;
    let known = json!({ "id": user(1), "role": "manager", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "nickname": "x" });
    // One by itself, by either name of its id; and many, each an id or an object.
    assert_eq!(ok(&api.post(&path, &known).await), json!({}));
    assert_eq!(
        ok(&api.post(&path, &json!({ "user_id": user(2) })).await),
        json!({})
    );
    join(&api, &path, json!([user(3), { "id": user(4), "role": "admin" }, { "user_id": user(5), "role": null, "email": null }])).await;
    join(&api, &path, json!([])).await;

    let listed = ok(&api.get(&path).await);
    assert_eq!(
        ids(&listed),
        [1, 2, 3, 4, 5].map(user),
        "in the order in which they came"
    );
    assert_eq!(
        (&listed["object"], &listed["total"], &listed["has_more"]),
        (&json!("list"), &json!(5), &json!(false))
    );
    let roles: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["role"].clone())
        .collect();
    assert_eq!(roles, ["manager", "member", "member", "admin", "member"]);
    let row = shown(&api, &path, &user(1)).await;
    assert_eq!(row, listed["data"][0]);
    let workspace = path.split('/').nth(4).unwrap();
    for (member, expected) in [
        ("object", json!("workspace-user")),
        ("id", json!(user(1))),
        ("first_name", json!("Ada")),
        ("last_name", json!("Lovelace")),
        ("email", json!("ada@example.com")),
        ("role", json!("manager")),
        ("status", json!("active")),
        ("workspace_id", json!(workspace)),
        ("last_updated_at", row["created_at"].clone()),
    ] {
        assert_eq!(row[member], expected, "{member}");
    }
    // What is not known of somebody is absent.
    let row = shown(&api, "/v2/admin/workspaces/team/users", &user(5)).await;
    for member in ["first_name", "last_name", "email"] {
        assert!(row.get(member).is_none(), "{row}");
    }
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn who_is_there_already_stays_as_he_is() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    join(
        &api,
        DEFAULT,
        json!([{ "id": user(1), "role": "manager", "first_name": "Ada" }]),
    )
    .await;
    let before = shown(&api, DEFAULT, &user(1)).await;
    stack.clock.turn_seconds(60);
    let again = json!([{ "id": user(1), "role": "member", "first_name": "Eve" }, user(2), { "id": user(2), "role": "admin" }, user(1)]);
    join(&api, DEFAULT, again).await;
    assert_eq!(shown(&api, DEFAULT, &user(1)).await, before);
    assert_eq!(
        shown(&api, DEFAULT, &user(2)).await["role"],
        "member",
        "the first time counts"
    );
    let listed = ok(&api.get(DEFAULT).await);
    assert_eq!((ids(&listed).len(), &listed["total"]), (3, &json!(3)));
    let trail = ok(&api
        .get(&format!("/v1/audit-logs?resource_id={}", user(1)))
        .await);
    assert_eq!(trail["total"], 1, "nothing was done the second time");
    // In another workspace he is somebody else.
    let other = users_of(&api, "Other").await;
    join(&api, &other, json!([user(1)])).await;
    assert_eq!(shown(&api, &other, &user(1)).await["role"], "member");
    assert_eq!(shown(&api, DEFAULT, &user(1)).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_added_many_times_at_once_is_there_once() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let body = json!({ "users": [user(1), user(2)] });
    for answer in join_all((0..16).map(|_| api.post(DEFAULT, &body))).await {
        ok(&answer);
    }
    let listed = ok(&api.get(DEFAULT).await);
    assert_eq!((ids(&listed).len(), &listed["total"]), (3, &json!(3)));
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_nobody_comes() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let one = |member: &str, value: Value| json!({ "users": [user(1), { "id": user(2), member: value }] });
    for (body, told) in [
        (json!({}), "users is required"),
        (json!({ "users": null }), "users is required"),
        (
            json!({ "users": user(1) }),
            "users must be a list of objects",
        ),
        (
            json!({ "users": [user(1), 7] }),
            "users.1 must be an object",
        ),
        (
            json!({ "users": [user(1), "x"] }),
            "users.1.id must be a UUID",
        ),
        (json!({ "users": [user(1), {}] }), "users.1.id is required"),
        (
            json!({ "users": [{ "user_id": 7 }] }),
            "users.0.user_id must be a string",
        ),
        (
            one("role", json!("owner")),
            "users.1.role must be admin, manager or member",
        ),
        (
            one("role", json!("Admin")),
            "users.1.role must be admin, manager or member",
        ),
        (one("role", json!(1)), "users.1.role must be a string"),
        (
            one("first_name", json!("")),
            "users.1.first_name must be 1 to 255",
        ),
        (
            one("last_name", json!("x".repeat(256))),
            "users.1.last_name must be 1 to 255",
        ),
        (
            one("email", json!("a\nb")),
            "users.1.email must be 1 to 255",
        ),
        (
            json!({ "users": [{ "id": "x", "role": "y" }, { "role": "z" }] }),
            "users.0.id must be a UUID; users.0.role must be admin, manager or member; users.1.id is required",
        ),
        (
            json!({ "users": vec![user(1); 101] }),
            "users must be at most 100",
        ),
        (json!({ "id": "x" }), "id must be a UUID"),
        (
            json!({ "user_id": user(1), "role": "x" }),
            "role must be admin, manager or member",
        ),
    ] {
        let message = refused(&api.post(DEFAULT, &body).await, 400, "AB01");
        assert!(message.contains(told), "{body}: {message}");
    }
    refused(
        &api.send(Method::POST, DEFAULT, &[], None).await,
        400,
        "AB01",
    );
    for path in [
        "/v1/admin/workspaces/ws-unknown/users".to_owned(),
        format!("/v1/admin/workspaces/{}/users", user(9)),
    ] {
        assert_eq!(
            refused(
                &api.post(&path, &json!({ "users": [user(1)] })).await,
                404,
                "AB08"
            ),
            "workspace not found"
        );
    }
    assert_eq!(ok(&api.get(DEFAULT).await)["total"], 1);
    // A hundred at once are not too many.
    join(&api, DEFAULT, (1..=100).map(user).collect()).await;
    assert_eq!(ok(&api.get(DEFAULT).await)["total"], 101);
}

#[tokio::test]
async fn a_user_gets_another_role() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    join(
        &api,
        DEFAULT,
        json!([{ "id": user(1), "first_name": "Ada" }, user(2)]),
    )
    .await;
    let path = format!("{DEFAULT}/{}", user(1));
    let before = shown(&api, DEFAULT, &user(1)).await;
    stack.clock.turn_seconds(60);
    for role in ["admin", "member", "manager"] {
        assert_eq!(
            ok(&api
                .put(&path, &json!({ "role": role, "first_name": "Eve" }))
                .await),
            json!({})
        );
        let mut expected = before.clone();
        let after = shown(&api, DEFAULT, &user(1)).await;
        assert_ne!(after["last_updated_at"], before["last_updated_at"]);
        expected["role"] = json!(role);
        expected["last_updated_at"] = after["last_updated_at"].clone();
        assert_eq!(after, expected, "nothing else changes");
    }
    let before = shown(&api, DEFAULT, &user(1)).await;
    stack.clock.turn_seconds(60);
    ok(&api.put(&path, &json!({ "role": "manager" })).await);
    assert_eq!(
        shown(&api, DEFAULT, &user(1)).await,
        before,
        "the same again is no change"
    );
    for (body, told) in [
        (json!({}), "role is required"),
        (
            json!({ "role": "owner" }),
            "role must be admin, manager or member",
        ),
        (json!({ "role": null }), "role must be a string"),
    ] {
        assert!(
            refused(&api.put(&path, &body).await, 400, "AB01").contains(told),
            "{body}"
        );
    }
    assert_eq!(shown(&api, DEFAULT, &user(2)).await["role"], "member");
    assert_eq!(
        ids(&ok(&api.get(DEFAULT).await))[1..],
        [user(1), user(2)],
        "the order stays"
    );
    let trail = ok(&api
        .get(&format!("/v1/audit-logs?resource_id={}", user(1)))
        .await);
    let deeds: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["action"].clone(), row["changed_fields"].clone()))
        .collect();
    let update = (json!("update"), json!(["role"]));
    assert_eq!(deeds[..3], [update.clone(), update.clone(), update]);
    assert_eq!((deeds.len(), &deeds[3].0), (4, &json!("create")));
}
