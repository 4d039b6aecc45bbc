//! Lists of a workspace's users: paged, searched and narrowed.

use harness::stack::TestStack;
use serde_json::{Value, json};

use super::super::{ok, refused};
use super::{ids, join, user, users_of};

fn named(number: usize, role: &str, first: &str, last: &str, email: &str) -> Value {
    json!({ "id": user(number), "role": role, "first_name": first, "last_name": last, "email": email })
}

#[tokio::test]
async fn a_list_is_paged_searched_and_narrowed() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let path = users_of(&api, "Team").await;
    join(
        &api,
        &path,
        json!([
            named(1, "admin", "Ada", "Lovelace", "ada@example.com"),
            named(2, "member", "Grace", "Hopper", "grace@example.com"),
            named(3, "manager", "Adam", "Smith", "smith@example.org"),
            named(4, "member", "Alan", "Turing", "alan@example.org"),
            user(5),
        ]),
    )
    .await;
    for (query, expected, total, more) in [
        ("", &[1, 2, 3, 4, 5][..], 5, false),
        ("page_size=2", &[1, 2], 5, true),
        ("page_size=2&current_page=1", &[3, 4], 5, true),
        ("page_size=2&current_page=2", &[5], 5, false),
        ("page_size=2&current_page=3", &[], 5, false),
        ("search=ADA", &[1, 3], 2, false),
        ("search=example.org", &[3, 4], 2, false),
        ("search=ace", &[1, 2], 2, false),
        ("search=ada%20lovelace", &[1], 1, false),
        ("search=nobody", &[], 0, false),
        ("search=ada&page_size=1", &[1], 2, true),
        ("search=ada&page_size=1&current_page=1", &[3], 2, false),
        ("role=member", &[2, 4, 5], 3, false),
        ("role=member&page_size=2&current_page=1", &[5], 3, false),
        ("role=member&page_size=2", &[2, 4], 3, true),
        ("role=manager&search=ada", &[3], 1, false),
        ("role=admin&search=grace", &[], 0, false),
        ("email=GRACE@example.com", &[2], 1, false),
        ("email=grace", &[], 0, false),
        (
            "email=smith@example.org&role=manager&search=adam",
            &[3],
            1,
            false,
        ),
        ("email=smith@example.org&search=grace", &[], 0, false),
        (
            "search=&role=&email=&something=new",
            &[1, 2, 3, 4, 5],
            5,
            false,
        ),
    ] {
        let page = ok(&api.get(&format!("{path}?{query}")).await);
        let expected: Vec<_> = expected.iter().copied().map(user).collect();
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(
            (&page["total"], &page["has_more"]),
            (&json!(total), &json!(more)),
            "{query}"
        );
    }
    for query in [
        "page_size=0",
        "page_size=501",
        "current_page=-1",
        "page_size=x",
        "role=owner",
        "role=member&role=admin",
    ] {
        refused(&api.get(&format!("{path}?{query}")).await, 400, "AB01");
    }
    refused(
        &api.get("/v1/admin/workspaces/ws-unknown/users").await,
        404,
        "AB08",
    );
    // Who got another role is found by it, and who is gone not at all.
    ok(&api
        .put(&format!("{path}/{}", user(5)), &json!({ "role": "admin" }))
        .await);
    ok(&api.delete(&format!("{path}/{}", user(2))).await);
    for (query, expected) in [
        ("role=admin", &[1, 5][..]),
        ("role=member", &[4]),
        ("search=grace", &[]),
        ("", &[1, 3, 4, 5]),
    ] {
        let page = ok(&api.get(&format!("{path}?{query}")).await);
        let expected: Vec<_> = expected.iter().copied().map(user).collect();
        assert_eq!(
            (&page["total"], ids(&page)),
            (&json!(expected.len()), expected),
            "{query}"
        );
    }
}

/// Fifty are shown where nothing is said.
#[tokio::test]
async fn a_page_has_fifty() {
    let stack = TestStack::start().await;
    let api = stack.portkey();
    let path = users_of(&api, "Large").await;
    for begin in [1, 61] {
        join(&api, &path, (begin..begin + 60).map(user).collect()).await;
    }
    let mut walked = Vec::new();
    for (page, length, more) in [(0, 50, true), (1, 50, true), (2, 20, false)] {
        let page = ok(&api.get(&format!("{path}?current_page={page}")).await);
        assert_eq!(
            (ids(&page).len(), &page["total"], &page["has_more"]),
            (length, &json!(120), &json!(more))
        );
        walked.extend(ids(&page));
    }
    assert_eq!(walked, (1..=120).map(user).collect::<Vec<_>>());
    let last = ok(&api
        .get(&format!("{path}?role=member&page_size=7&current_page=17"))
        .await);
    assert_eq!((ids(&last), &last["total"]), (vec![user(120)], &json!(120)));
}
