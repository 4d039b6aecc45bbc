//! How workspaces are made and changed.

use futures::future::join_all;
use harness::{stack::TestStack, stored};
use http::Method;
use serde_json::{Value, json};

use super::super::{key, ok, refused, text};
use super::{WORKSPACES, found, shown};

const USER: &str = "7f000000-0000-4000-8000-000000000001";
const OTHER: &str = "7f000000-0000-4000-8000-000000000002";

#[tokio::test]
async fn what_was_made_is_shown_as_it_is_by_id_and_by_slug() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let body = json!({
        "name": "Data science", "slug": "Data_Science-1", "description": "models\nand notebooks",
        "defaults": { "metadata": { "team": "a" } },
        "usage_limits": [{ "credit_limit": 10 }], "rate_limits": [{ "type": "requests", "value": 5 }],
        "users": [USER, { "id": OTHER, "role": "admin" }],
        "organisation_id": stack.acme().tenant_id, "something_new": 1,
    });
    let made = ok(&api.post(WORKSPACES, &body).await);
    let id = text(&made["id"]);
    for named in [id.as_str(), "Data_Science-1", "data_science-1"] {
        assert_eq!(shown(&api, named).await, made, "{named}");
    }
    assert_eq!(
        ok(&api.get(&format!("/v2/admin/workspaces/{id}")).await),
        made
    );
    for member in [
        "name",
        "slug",
        "description",
        "defaults",
        "usage_limits",
        "rate_limits",
    ] {
        assert_eq!(made[member], body[member], "{member}");
    }
    assert_eq!(
        (&made["object"], &made["status"]),
        (&json!("workspace"), &json!("active"))
    );
    assert_eq!(made["last_updated_at"], made["created_at"]);
    assert_eq!(ok(&api.get(WORKSPACES).await)["data"][1], made);
    let users = ok(&api.get(&format!("{WORKSPACES}/{id}/users")).await);
    let users: Vec<_> = users["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["id"]), text(&row["role"])))
        .collect();
    let expected =
        [(USER, "member"), (OTHER, "admin")].map(|(id, role)| (id.to_owned(), role.to_owned()));
    assert_eq!(users, expected);
    assert_eq!(
        ok(&api.get(&format!("{WORKSPACES}/ws-default/users")).await)["total"],
        1,
        "the first user of a tenant"
    );

    // The least that can be said.
    let made = ok(&api
        .post(
            "/v2/admin/workspaces",
            &json!({ "name": "Plain", "users": [], "slug": null }),
        )
        .await);
    for (member, expected) in [
        ("slug", json!("plain")),
        ("description", json!(null)),
        ("defaults", json!(null)),
        ("usage_limits", json!([])),
        ("rate_limits", json!([])),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    let trail = ok(&api.get(&format!("/v1/audit-logs?resource_id={id}")).await);
    assert_eq!(
        (&trail["total"], &trail["data"][0]["resource_type"]),
        (&json!(1), &json!("workspace"))
    );
    let trail = ok(&api.get(&format!("/v1/audit-logs?resource_id={USER}")).await);
    assert_eq!(
        (&trail["total"], &trail["data"][0]["resource_type"]),
        (&json!(1), &json!("workspace_user"))
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_made() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let change = |member: &str, value: Value| json!({ "name": "x", member: value });
    let long = |n: usize| json!("x".repeat(n));
    for (body, told) in [
        (json!({}), "name is required"),
        (json!({ "name": null }), "name is required"),
        (change("name", json!("\t")), "name must be 1 to 255"),
        (change("name", long(256)), "name must be 1 to 255"),
        (change("name", json!(["x"])), "name must be a string"),
        (
            change("slug", json!("a b")),
            "slug must match ^[a-zA-Z0-9_-]+$",
        ),
        (change("slug", json!("")), "slug must be 1 to 255"),
        (change("slug", long(256)), "slug must be 1 to 255"),
        (
            change("slug", json!(USER)),
            "slug must not have the form of a UUID",
        ),
        (
            change("description", long(501)),
            "description must be at most 500",
        ),
        (
            change("organisation_id", json!(stack.evil().tenant_id)),
            "organisation_id must be the organisation",
        ),
        (change("defaults", json!([])), "defaults must be an object"),
        (
            change("usage_limits", json!({})),
            "usage_limits must be a list of objects",
        ),
        (
            change("rate_limits", json!([1])),
            "rate_limits must be a list of objects",
        ),
        (
            change("defaults", json!({ "x": long(16_384) })),
            "more than 16384 bytes",
        ),
        (
            change("users", json!(USER)),
            "users must be a list of objects",
        ),
        (
            change("users", json!([USER, "x"])),
            "users.1.id must be a UUID",
        ),
        (
            change("users", json!([{ "id": USER, "role": "owner" }])),
            "users.0.role must be admin, manager or member",
        ),
        (change("users", json!([7])), "users.0 must be an object"),
        (
            change("users", json!(vec![USER; 101])),
            "users must be at most 100",
        ),
        (
            json!({ "slug": "a b", "users": [{}] }),
            "name is required; slug must match ^[a-zA-Z0-9_-]+$; users.0.id is required",
        ),
    ] {
        let message = refused(&api.post(WORKSPACES, &body).await, 400, "AB01");
        assert!(message.contains(told), "{body}: {message}");
    }
    refused(
        &api.send(Method::POST, WORKSPACES, &[], None).await,
        400,
        "AB01",
    );
    // Who may not add users makes no workspace with any.
    let only =
        stack.portkey_with(&key(&stack, "organisation/service", &["workspaces.create"]).await);
    let told = refused(
        &only.post(WORKSPACES, &change("users", json!([USER]))).await,
        403,
        "AB03",
    );
    assert!(told.contains("workspace_users.create"), "{told}");
    assert_eq!(ok(&api.get(WORKSPACES).await)["total"], 1);
    found(&only, &change("users", json!([]))).await;
}

#[tokio::test]
async fn a_slug_is_one_workspaces_alone_and_names_may_repeat() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let named = |slug: &str| json!({ "name": "Team", "slug": slug });
    let first = found(&api, &named("mine")).await;
    for taken in ["mine", "MINE", "ws-default", "WS-DEFAULT"] {
        refused(&api.post(WORKSPACES, &named(taken)).await, 409, "AB07");
    }
    let slug =
        async |name: &str| text(&ok(&api.post(WORKSPACES, &json!({ "name": name })).await)["slug"]);
    assert_eq!(slug("Team").await, "team");
    assert!(slug("Team").await.starts_with("team-"));
    assert_eq!(slug("Daten & Größe!").await, "daten-gr-e");
    assert_eq!(slug("日本").await, "workspace");
    assert!(slug("é").await.starts_with("workspace-"));
    // A name that is too long for a slug makes one that fits.
    assert_eq!(slug(&"a".repeat(255)).await.len(), 40);
    // With its workspace a slug is free again, and what comes after is another.
    assert_eq!(ok(&super::remove(&api, "mine", None).await), json!({}));
    refused(&api.get(&format!("{WORKSPACES}/mine")).await, 404, "AB08");
    assert_ne!(found(&api, &named("mine")).await, first);
    // The other tenant has its own names.
    let evil = stack.portkey_with(&stack.evil().organisation_service_key);
    found(&evil, &named("mine")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_slug_exactly_one_gets_it() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let wanted = json!({ "name": "Wanted", "slug": "wanted", "users": [USER] });
    let answers = join_all((0..32).map(|_| api.post(WORKSPACES, &wanted))).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(409)), (1, 31));
    // Without a slug each gets one of its own.
    let free = json!({ "name": "Wanted" });
    let answers = join_all((0..32).map(|_| api.post(WORKSPACES, &free))).await;
    let mut slugs: Vec<_> = answers
        .iter()
        .map(|answer| text(&ok(answer)["slug"]))
        .collect();
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 32);
    let listed = ok(&api.get(WORKSPACES).await);
    assert_eq!(
        (&listed["total"], super::names(&listed).len()),
        (&json!(34), 34)
    );
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_is_of_what_is_given() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let id = found(&api, &json!({ "name": "before" })).await;
    let path = format!("{WORKSPACES}/{id}");
    let mut expected = shown(&api, &id).await;
    stack.clock.turn_seconds(60);
    for (change, member) in [
        (json!({ "name": "after" }), "name"),
        (json!({ "description": "text" }), "description"),
        (
            json!({ "defaults": { "metadata": { "a": 1 } } }),
            "defaults",
        ),
        (
            json!({ "usage_limits": [{ "credit_limit": 1 }] }),
            "usage_limits",
        ),
        (json!({ "rate_limits": [{ "value": 1 }] }), "rate_limits"),
    ] {
        assert_eq!(ok(&api.put(&path, &change).await), json!({}));
        let mut after = shown(&api, &id).await;
        assert_ne!(after["last_updated_at"], after["created_at"]);
        expected[member] = change[member].clone();
        after["last_updated_at"] = expected["last_updated_at"].clone();
        assert_eq!(after, expected, "{change}");
    }
    for (member, cleared) in [
        ("description", json!(null)),
        ("defaults", json!(null)),
        ("usage_limits", json!([])),
        ("rate_limits", json!([])),
    ] {
        ok(&api
            .put(&format!("{WORKSPACES}/before"), &json!({ member: null }))
            .await);
        assert_eq!(shown(&api, &id).await[member], cleared, "{member}");
    }
    // Nothing is changed by saying nothing, or the same again; the slug stays whatever is said.
    let before = shown(&api, &id).await;
    stack.clock.turn_seconds(60);
    for nothing in [
        json!({}),
        json!({ "name": null }),
        json!({ "name": "after" }),
        json!({ "slug": "other", "id": USER, "is_default": true }),
    ] {
        ok(&api.put(&path, &nothing).await);
        assert_eq!(shown(&api, &id).await, before, "{nothing}");
    }
    for (change, told) in [
        (json!({ "name": "" }), "name must be 1 to 255"),
        (
            json!({ "name": 7, "description": "x".repeat(501) }),
            "name must be a string; description must be at most 500",
        ),
        (
            json!({ "usage_limits": {} }),
            "usage_limits must be a list of objects",
        ),
        (json!({ "defaults": 1 }), "defaults must be an object"),
        (json!({ "organisation_id": "x" }), "organisation_id must be"),
    ] {
        let message = refused(&api.put(&path, &change).await, 400, "AB01");
        assert!(message.contains(told), "{change}: {message}");
    }
    assert_eq!(shown(&api, &id).await, before);
    let trail = ok(&api.get(&format!("/v1/audit-logs?resource_id={id}")).await);
    assert_eq!(
        (&trail["total"], &trail["data"][0]["changed_fields"]),
        (&json!(10), &json!(["rate_limits"]))
    );
    // The default one can be renamed like any other.
    ok(&api
        .put(
            &format!("{WORKSPACES}/ws-default"),
            &json!({ "name": "Everybody" }),
        )
        .await);
    assert_eq!(shown(&api, "ws-default").await["name"], "Everybody");
}
