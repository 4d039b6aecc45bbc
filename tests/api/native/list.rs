//! `GET /api/mcp-connections`.

use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use serde_json::{Value, json};

const PATH: &str = "/api/mcp-connections";

fn names(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_join_to_the_whole_list_at_every_size() {
    let stack = TestStack::start().await;
    let made: Vec<String> = (0..23).map(|n| format!("server {n:02}")).collect();
    for name in &made {
        stack
            .register_open(name, "https://mcp.example.com/mcp")
            .await;
    }
    for limit in [1, 2, 7, 22, 23, 24, 500] {
        let pages = stack.api().pages(&format!("{PATH}?limit={limit}")).await;
        assert!(
            pages.iter().all(|page| page.len() <= limit),
            "limit {limit}"
        );
        assert_eq!(
            names(&pages.concat()),
            made,
            "limit {limit}: in the order of creation, nothing lost, nothing twice"
        );
    }
    let all = stack.api().get(PATH).await;
    assert_eq!(all.header("link"), None, "one page has no next one");
    assert!(all.json().is_array());
}

#[tokio::test]
async fn a_filter_survives_the_pages() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).start().await;
    for n in 0..6 {
        let url = if n % 2 == 0 {
            peer.url.as_str()
        } else {
            "http://127.0.0.1:9/mcp"
        };
        stack.register_open(&format!("Server {n}"), url).await;
    }
    stack.tick().await;
    for (query, expected) in [
        ("status=active", vec!["Server 0", "Server 2", "Server 4"]),
        ("status=error", vec!["Server 1", "Server 3", "Server 5"]),
        ("status=unknown", vec![]),
        (
            "search=sERVER",
            vec![
                "Server 0", "Server 1", "Server 2", "Server 3", "Server 4", "Server 5",
            ],
        ),
        ("search=r%203", vec!["Server 3"]),
        ("search=nothing", vec![]),
        ("search=4&status=active", vec!["Server 4"]),
    ] {
        for limit in [1, 2, 100] {
            let pages = stack
                .api()
                .pages(&format!("{PATH}?{query}&limit={limit}"))
                .await;
            assert_eq!(names(&pages.concat()), expected, "{query} limit {limit}");
        }
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let stack = TestStack::start().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=broken", "status"),
        ("status=", "status"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("stauts=active", "stauts"),
    ] {
        let answer = stack.api().get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(
            answer.json()["details"],
            json!([{ "field": field, "problem": answer.json()["details"][0]["problem"] }]),
            "{query}"
        );
    }
}
