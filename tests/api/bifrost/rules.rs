//! Which tools of a client may be called.

use harness::stack::TestStack;
use serde_json::json;

use super::{change, create, ok, open, read, wrong};

#[tokio::test]
async fn what_is_called_without_asking_stays_within_what_may_be_called() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let url = "https://mcp.example.com/mcp";
    let mut body = open("ruled", url);
    body["tools_to_execute"] = json!([]);
    body["tools_to_auto_execute"] = json!(["read"]);
    let nothing = create(&api, &body).await;
    let config = read(&api, &nothing).await["config"].clone();
    assert_eq!(config["tools_to_auto_execute"], json!([]));
    body["name"] = json!("other");
    body["tools_to_execute"] = json!(["Read", "write"]);
    let id = create(&api, &body).await;
    for (said, execute, auto) in [
        (
            json!({ "tools_to_execute": ["READ", "list"] }),
            json!(["READ", "list"]),
            json!(["read"]),
        ),
        (
            json!({ "tools_to_execute": ["*"], "tools_to_auto_execute": ["*"] }),
            json!(["*"]),
            json!(["*"]),
        ),
        (
            json!({ "tools_to_execute": ["a", "b"] }),
            json!(["a", "b"]),
            json!(["a", "b"]),
        ),
        (
            json!({ "tools_to_auto_execute": ["B"] }),
            json!(["a", "b"]),
            json!(["B"]),
        ),
        // Null says nothing, and an empty list says none.
        (
            json!({ "tools_to_execute": null, "disabled": true }),
            json!(["a", "b"]),
            json!(["B"]),
        ),
        (json!({ "tools_to_execute": [] }), json!([]), json!([])),
    ] {
        ok(&change(&api, &id, &said).await);
        let config = read(&api, &id).await["config"].clone();
        assert_eq!(config["tools_to_execute"], execute, "{said}");
        assert_eq!(config["tools_to_auto_execute"], auto, "{said}");
    }
    for said in [
        json!({ "tools_to_auto_execute": ["a"] }),
        json!({ "tools_to_execute": ["a"], "tools_to_auto_execute": ["*"] }),
        json!({ "tools_to_execute": ["a"], "tools_to_auto_execute": ["b"] }),
    ] {
        wrong(&change(&api, &id, &said).await, "tools_to_auto_execute");
    }

    // What another vocabulary made has no rules: everything may be called, and nothing without asking.
    let id = stack.register_open("made natively", url).await;
    let config = read(&api, &id).await["config"].clone();
    assert_eq!(config["tools_to_execute"], json!(["*"]));
    assert_eq!(config["tools_to_auto_execute"], json!([]));
}
