//! The two forms of the list, its filters and its pages.

use harness::{
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use serde_json::{Value, json};

use super::{CLIENTS, change, create, ok, open, wrong};

fn names(list: &Value) -> Vec<&str> {
    let items = list
        .as_array()
        .or_else(|| list["clients"].as_array())
        .unwrap();
    items
        .iter()
        .map(|item| item["config"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn both_kinds_of_client_get_the_form_they_know() {
    let stack = TestStack::start().await;
    let api = stack.api();
    assert_eq!(ok(&api.get(CLIENTS).await), json!([]));
    let empty = json!({ "clients": [], "count": 0, "total_count": 0, "limit": 100, "offset": 0 });
    assert_eq!(ok(&api.get(&format!("{CLIENTS}?limit=0")).await), empty);
    for name in ["one", "two", "three", "other"] {
        create(&api, &open(name, "https://mcp.example.com/mcp")).await;
    }
    assert_eq!(
        names(&ok(&api.get(CLIENTS).await)),
        ["one", "two", "three", "other"]
    );
    for (query, found, count, total, limit, offset) in [
        ("limit=2", &["one", "two"][..], 2, 4, 2, 0),
        ("limit=2&offset=3", &["other"], 1, 4, 2, 3),
        ("offset=9", &[], 0, 4, 100, 9),
        // What is really applied is what is told.
        ("limit=500", &["one", "two", "three", "other"], 4, 4, 100, 0),
        ("limit=0", &["one", "two", "three", "other"], 4, 4, 100, 0),
        ("search=T", &["two", "three", "other"], 3, 3, 100, 0),
        ("search=t&limit=1&offset=1", &["three"], 1, 3, 1, 1),
        ("search=", &["one", "two", "three", "other"], 4, 4, 100, 0),
        ("search=%25", &[], 0, 0, 100, 0),
    ] {
        let page = ok(&api.get(&format!("{CLIENTS}?{query}")).await);
        assert_eq!(names(&page), found, "{query}");
        let told = [
            &page["count"],
            &page["total_count"],
            &page["limit"],
            &page["offset"],
        ];
        assert_eq!(
            told,
            [&json!(count), &json!(total), &json!(limit), &json!(offset)],
            "{query}"
        );
    }
    for (query, field) in [
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("state=fine", "state"),
        ("state=connected,", "state"),
        ("state=,", "state"),
        ("connection_type=http,,sse", "connection_type"),
        ("connection_type=http,ftp", "connection_type"),
        ("auth_type=basic", "auth_type"),
        ("disabled=maybe", "disabled"),
        ("code_mode=1", "code_mode"),
        ("unknown=1", "unknown"),
        ("limit=1&cursor=x", "limit"),
        ("cursor=x", "cursor"),
    ] {
        wrong(&api.get(&format!("{CLIENTS}?{query}")).await, field);
    }
}

#[tokio::test]
async fn filters_are_alternatives_inside_and_hold_together() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let url = "https://mcp.example.com/mcp";
    let mut ids = Vec::new();
    for (name, more) in [
        ("plain", json!({})),
        (
            "keyed",
            json!({ "auth_type": "headers", "headers": { "X-Key": "k" }, "connection_type": "sse" }),
        ),
        (
            "everybody",
            json!({ "allow_on_all_virtual_keys": true, "is_code_mode_client": true }),
        ),
        ("off", json!({ "disabled": true })),
    ] {
        let mut body = open(name, url);
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        ids.push(create(&api, &body).await);
    }
    let process = json!({ "name": "process", "connection_type": "stdio", "stdio_config": { "command": "npx" } });
    create(&api, &process).await;
    // Nothing listens there, so that one is known not to work.
    let dead = open("dead", "http://127.0.0.1:1/mcp");
    let dead = create(&api, &dead).await;
    api.post(&format!("/api/mcp/client/{dead}/reconnect"), &json!({}))
        .await;
    for (query, found) in [
        ("connection_type=sse,stdio", &["keyed", "process"][..]),
        ("auth_type=headers", &["keyed"]),
        (
            "auth_type=none&connection_type=http",
            &["plain", "everybody", "off", "dead"],
        ),
        ("state=pending_tools", &["plain", "keyed", "everybody"]),
        ("state=disabled", &["off", "process"]),
        ("state=disconnected,disabled", &["off", "process", "dead"]),
        ("state=healthy", &[]),
        (
            "state=unstable",
            &["plain", "keyed", "everybody", "off", "process", "dead"],
        ),
        (
            "state=healthy,unstable",
            &["plain", "keyed", "everybody", "off", "process", "dead"],
        ),
        ("all_virtual_keys=true", &["everybody"]),
        ("all_virtual_keys=false&search=p", &["plain", "process"]),
        ("code_mode=true", &["everybody"]),
        ("disabled=true", &["off"]),
        ("disabled=false&state=disabled", &["process"]),
        (&format!("server={}", ids[1]), &["keyed"]),
        (&format!("server={}&auth_type=none", ids[1]), &[]),
        ("server=nonsense", &[]),
    ] {
        let page = ok(&api.get(&format!("{CLIENTS}?{query}")).await);
        assert_eq!(names(&page), found, "{query}");
        assert_eq!(page["total_count"], found.len(), "{query}");
    }
    let page = ok(&api
        .get(&format!("{CLIENTS}?auth_type=none&limit=2&offset=1"))
        .await);
    assert_eq!(
        (names(&page), &page["total_count"]),
        (vec!["everybody", "off"], &json!(5))
    );

    let known = ok(&api.get(&format!("{CLIENTS}/filterdata")).await);
    assert_eq!(known["connection_types"], json!(["http", "sse", "stdio"]));
    assert_eq!(known["auth_types"], json!(["headers", "none"]));
    assert_eq!(
        known["states"],
        json!(["disabled", "disconnected", "pending_tools"])
    );

    ok(&change(&api, &ids[3], &json!({ "disabled": false })).await);
    assert_eq!(
        ok(&api.get(&format!("{CLIENTS}?disabled=true")).await)["count"],
        0
    );
    assert_eq!(
        ok(&stack
            .stranger()
            .get(&format!("{CLIENTS}?state=unstable"))
            .await)["count"],
        0
    );
}

/// What no answer has room for begins the next one, in either form.
#[tokio::test]
async fn a_list_that_is_too_large_is_continued() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let schema = json!({ "type": "object", "description": "x".repeat(1500) });
    let tools: Vec<_> = (0..400)
        .map(|number| json!({ "name": format!("tool-{number}"), "inputSchema": schema }))
        .collect();
    let list =
        json!({ "tools": tools, "resultType": "complete", "ttlMs": 0, "cacheScope": "private" });
    let peer = Peer::hostile(Behaviour::Lists(list.to_string().leak()))
        .start()
        .await;
    let all: Vec<_> = (0..9).map(|number| format!("large_{number}")).collect();
    for name in &all {
        let id = create(&api, &open(name, &peer.url)).await;
        ok(&api
            .post(&format!("/api/mcp/client/{id}/refresh-tools"), &json!({}))
            .await);
    }

    let first = api.get(CLIENTS).await;
    let link = first.headers["link"].clone();
    let next = link.strip_prefix('<').unwrap();
    let next = &next[next.find("/api/").unwrap()..next.find('>').unwrap()];
    let (first, rest) = (ok(&first), ok(&api.get(next).await));
    assert!(first.to_string().len() < 5 * 1024 * 1024);
    assert!(names(&first).len() > 1 && !names(&rest).is_empty());
    assert_eq!([names(&first), names(&rest)].concat(), all);

    let page = ok(&api.get(&format!("{CLIENTS}?limit=50")).await);
    let shown = names(&page).len();
    assert_eq!(names(&page), all[..shown]);
    assert!(shown < all.len(), "{shown}");
    let told = [&page["count"], &page["limit"], &page["total_count"]];
    assert_eq!(told, [&json!(shown), &json!(shown), &json!(all.len())]);
}
