//! Making, reading, changing and removing clients.

use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use serde_json::{Value, json};

use super::{
    CLIENT, CLIENTS, REDACTED, UNKNOWN, change, create, ok, open, read, refused, with_token, wrong,
};

const URL: &str = "https://mcp.example.com/mcp";

/// The documented example, field by field: nothing that was empty is left out.
#[tokio::test]
async fn every_documented_field_is_there_in_its_type() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = create(
        &api,
        &json!({ "name": "bare", "connection_type": "http", "connection_string": URL }),
    )
    .await;
    let client = read(&api, &id).await;
    let config = &client["config"];
    let expected = json!({
        "client_id": id, "name": "bare", "is_code_mode_client": false, "connection_type": "http", "connection_string": URL,
        "auth_type": "none", "oauth_config_id": "", "headers": {}, "per_user_header_keys": [], "allowed_extra_headers": [], "tls_config": null,
        "tools_to_execute": [], "tools_to_auto_execute": [], "is_ping_available": true, "tool_sync_interval": 0, "tool_pricing": {},
        "allow_on_all_virtual_keys": false, "disabled": false, "needs_session_stickiness": false,
        "created_at": config["created_at"], "updated_at": config["updated_at"],
    });
    assert_eq!(*config, expected);
    assert_eq!(
        (&client["tools"], &client["vk_configs"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        (&client["state"], &client["last_failure"]),
        (&json!("pending_tools"), &Value::Null)
    );
}

#[tokio::test]
async fn everything_that_can_be_said_is_kept() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let said = json!({
        "name": "all", "connection_type": "sse", "connection_string": { "value": URL, "env_var": "", "from_env": false }, "auth_type": "headers",
        "headers": { "X-Key": { "value": "k", "ref": "", "type": "plain_text" } },
        "is_code_mode_client": true, "is_ping_available": false, "tool_sync_interval": 7, "tool_execution_timeout": 30,
        "allowed_extra_headers": ["X-Trace"], "tool_pricing": { "search": 0.25 }, "allow_on_all_virtual_keys": true, "disabled": true,
        "tools_to_execute": ["search", "Read"], "tools_to_auto_execute": ["read"], "needs_session_stickiness": true,
    });
    let id = create(&api, &said).await;
    let config = read(&api, &id).await["config"].clone();
    for name in [
        "name",
        "connection_type",
        "auth_type",
        "is_code_mode_client",
        "is_ping_available",
        "allowed_extra_headers",
        "tool_pricing",
        "allow_on_all_virtual_keys",
        "disabled",
        "tools_to_execute",
        "tools_to_auto_execute",
        "needs_session_stickiness",
    ] {
        assert_eq!(config[name], said[name], "{name}");
    }
    assert_eq!(config["connection_string"], URL);
    assert_eq!(config["headers"], json!({ "X-Key": REDACTED }));
    assert_eq!(config["tool_sync_interval"], 420_000_000_000_u64);
    assert_eq!(config["tool_execution_timeout"], "30s");
    assert_eq!(stack.read(&id).await["checkIntervalSeconds"], 420);

    // Who sends back all that he reads changes nothing.
    let version = ok(&api.get(&format!("{CLIENT}/{id}")).await);
    let mut back = version["config"].clone();
    ok(&change(&api, &id, &back).await);
    assert_eq!(read(&api, &id).await["config"], version["config"]);
    // Some write whole numbers with a point.
    back["tool_sync_interval"] = json!(420_000_000_000.0);
    ok(&change(&api, &id, &back).await);
    assert_eq!(read(&api, &id).await["config"], version["config"]);
    let other = json!({ "tool_sync_interval": 420_000_000_001_u64 });
    let (message, _) = refused(&change(&api, &id, &other).await, 400, "invalid_request");
    assert_eq!(
        message,
        "tool_sync_interval is in minutes, and must be between 0 and 10080"
    );

    // And each of them can be said otherwise.
    let otherwise = json!({
        "name": "other", "is_code_mode_client": false, "is_ping_available": true, "tool_sync_interval": 0, "tool_execution_timeout": "5s",
        "allowed_extra_headers": ["*"], "tool_pricing": {}, "allow_on_all_virtual_keys": false, "disabled": false,
        "tools_to_execute": ["*"], "tools_to_auto_execute": [], "needs_session_stickiness": false, "headers": { "X-Other": "v" },
    });
    ok(&change(&api, &id, &otherwise).await);
    let config = read(&api, &id).await["config"].clone();
    for (name, expected) in otherwise.as_object().unwrap() {
        match &**name {
            "headers" => assert_eq!(config[name], json!({ "X-Other": REDACTED })),
            _ => assert_eq!(config[name], *expected, "{name}"),
        }
    }
    assert_eq!(stack.read(&id).await["checkIntervalSeconds"], 300);
}

#[tokio::test]
async fn what_makes_no_client_is_refused_by_name() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let base = with_token("name", URL, "t");
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("two words")),
        ("name", json!("with-hyphen")),
        ("name", json!("1st")),
        ("name", json!("naïve")),
        ("connection_type", json!("openapi")),
        ("connection_type", json!(7)),
        ("connection_string", json!("")),
        ("connection_string", json!("http://mcp.example.com\n")),
        ("connection_string", json!("ftp://mcp.example.com")),
        ("connection_string", json!("local:")),
        ("connection_string", json!("env.URL")),
        ("auth_type", json!("basic")),
        ("client_id", json!(UNKNOWN)),
        ("vk_configs", json!([{ "virtual_key_id": "x" }])),
        ("stdio_config", json!({ "command": "npx" })),
        ("tool_sync_interval", json!(600_000_000_000_u64)),
        ("tool_sync_interval", json!(10_081)),
        ("tool_sync_interval", json!(-1)),
        ("tool_execution_timeout", json!("soon")),
        ("tool_execution_timeout", json!("+5s")),
        ("tool_pricing", json!([1])),
        ("tool_pricing.search", json!(-1)),
        ("allowed_extra_headers", json!(["*", "x"])),
        ("tools_to_execute", json!(["*", "x"])),
        ("tools_to_execute", json!(["a", "A"])),
        ("tools_to_execute", json!("a")),
        ("disabled", json!("yes")),
        ("headers.Host", json!("x")),
        ("headers.X-Key", json!("two\nlines")),
        ("headers.X-Key", json!("env.KEY")),
        ("token_exchange", json!({ "audience": "x" })),
        ("something_new", json!(1)),
    ] {
        let mut body = base.clone();
        match field.split_once('.') {
            Some((outer, inner)) => body[outer][inner] = value,
            None => body[field] = value,
        }
        wrong(&api.post(CLIENT, &body).await, field);
    }
    for missing in ["name", "connection_type", "connection_string"] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().remove(missing);
        wrong(&api.post(CLIENT, &body).await, missing);
    }
    let per_user = json!({ "name": "n", "connection_type": "http", "connection_string": URL, "auth_type": "per_user_headers" });
    wrong(&api.post(CLIENT, &per_user).await, "per_user_header_keys");
    // What is there and wrong is not told to be missing as well.
    let unread = json!({ "name": "n", "connection_type": "http", "connection_string": 7 });
    let (message, _) = refused(&api.post(CLIENT, &unread).await, 400, "invalid_request");
    assert_eq!(message, "connection_string must be a string");
    assert_eq!(ok(&api.get(CLIENTS).await), json!([]));
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_name_and_may_be_repeated() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = create(&api, &with_token("fixed", URL, "t")).await;
    for (field, value) in [
        ("connection_type", json!("sse")),
        ("auth_type", json!("none")),
        ("connection_string", json!("https://other.example.com/mcp")),
        ("stdio_config", json!({ "command": "npx" })),
        ("oauth_config_id", json!(UNKNOWN)),
        ("created_at", json!("2020-01-01T00:00:00.000Z")),
        ("oauth_config", json!({ "client_id": "other" })),
        ("client_id", json!(UNKNOWN)),
        ("something_new", json!(1)),
    ] {
        wrong(
            &change(&api, &id, &json!({ field: value, "disabled": true })).await,
            field,
        );
    }
    let config = read(&api, &id).await["config"].clone();
    assert_eq!(
        config["disabled"], false,
        "a refused change changes nothing"
    );
    for field in [
        "connection_type",
        "auth_type",
        "connection_string",
        "client_id",
        "oauth_config_id",
    ] {
        ok(&change(&api, &id, &json!({ field: config[field] })).await);
    }
}

/// Another vocabulary says in seconds how often a server is checked. Who saves a client as Bifrost's pages do says nothing of that.
#[tokio::test]
async fn what_is_sent_back_does_not_change_how_often_a_server_is_checked() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let native = json!({ "name": "native", "serverUrl": URL, "authType": "none", "checkIntervalSeconds": 60 });
    let native = stack.register(native).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut body = open("ours", URL);
    body["tool_sync_interval"] = json!(10);
    let ours = create(&api, &body).await;
    let path = format!("/api/mcp-connections/{ours}");
    let changed = stack
        .api()
        .patch(&path, &json!({ "checkIntervalSeconds": 60 }))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    for id in [&native, &ours] {
        let shown = read(&api, id).await["config"]["tool_sync_interval"].clone();
        let minutes = json!(shown.as_u64().unwrap() / 60_000_000_000);
        for sent in [&shown, &minutes] {
            ok(&change(&api, id, &json!({ "tool_sync_interval": sent })).await);
            assert_eq!(
                stack.read(id).await["checkIntervalSeconds"],
                60,
                "{id}, {sent}"
            );
        }
    }
    ok(&change(&api, &ours, &json!({ "tool_sync_interval": 0 })).await);
    assert_eq!(stack.read(&ours).await["checkIntervalSeconds"], 300);
}

/// An address is one in whatever spelling, alone or in an object.
#[tokio::test]
async fn an_address_may_be_repeated_as_it_was_written() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let id = create(&api, &open("spelled", "https://MCP.example.com:443")).await;
    for same in [
        json!("https://MCP.example.com:443"),
        json!("https://mcp.example.com"),
        json!({ "value": "https://mcp.example.com/", "ref": "", "type": "plain_text" }),
    ] {
        ok(&change(&api, &id, &json!({ "connection_string": same })).await);
    }
    let other = json!({ "connection_string": "https://mcp.example.com/other" });
    wrong(&change(&api, &id, &other).await, "connection_string");
}

/// What clients send along because their types have it, and says nothing.
#[tokio::test]
async fn what_says_nothing_is_let_go() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let empty = json!({ "value": "", "env_var": "", "from_env": false });
    let mut body = with_token("padded", URL, "t");
    for (name, value) in [
        ("client_id", json!("")),
        (
            "stdio_config",
            json!({ "command": "", "args": [], "envs": [] }),
        ),
        (
            "tls_config",
            json!({ "insecure_skip_verify": false, "ca_cert_pem": empty }),
        ),
        (
            "oauth_config",
            json!({ "client_id": empty, "client_secret": empty, "authorize_url": "", "scopes": [] }),
        ),
        ("oauth_config_id", json!("")),
        ("endpoint_slug", json!("")),
        ("per_user_header_keys", json!([])),
        ("vk_configs", json!([])),
        ("tool_pricing", Value::Null),
    ] {
        body[name] = value;
    }
    let id = create(&api, &body).await;
    body["client_id"] = json!(id);
    ok(&change(&api, &id, &body).await);
    let process = json!({
        "name": "process", "connection_type": "stdio", "connection_string": { "value": "", "ref": "", "type": "plain_text" },
        "stdio_config": { "command": "npx", "args": [], "envs": [] }, "headers": {}, "auth_type": "none",
    });
    create(&api, &process).await;
}

#[tokio::test]
async fn names_are_unique_in_a_tenant() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let first = create(&api, &open("taken", URL)).await;
    refused(
        &api.post(CLIENT, &open("taken", URL)).await,
        409,
        "name_taken",
    );
    let second = create(&api, &open("free", URL)).await;
    refused(
        &change(&api, &second, &json!({ "name": "taken" })).await,
        409,
        "name_taken",
    );
    ok(&change(&api, &first, &json!({ "name": "taken" })).await);
    create(&stack.stranger(), &open("taken", URL)).await;
}

/// The same answer for what is not there and for what is somebody else's, but for the request's own id.
#[tokio::test]
async fn what_is_not_there_or_not_ones_own_is_404_everywhere() {
    let stack = TestStack::start().await;
    let foreign = create(&stack.stranger(), &open("theirs", URL)).await;
    let api = stack.api();
    for (method, below, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", Some(json!({ "disabled": true }))),
        (Method::DELETE, "", None),
        (Method::POST, "/reconnect", None),
        (Method::POST, "/refresh-tools", None),
    ] {
        let mut answers = Vec::new();
        for id in [&*foreign, UNKNOWN, "no-id"] {
            let path = format!("{CLIENT}/{id}{below}");
            let answer = api.send(method.clone(), &path, &[], body.as_ref()).await;
            refused(&answer, 404, "not_found");
            let mut failure = answer.json();
            failure["extra_fields"] = Value::Null;
            answers.push(failure);
        }
        assert!(
            answers.windows(2).all(|pair| pair[0] == pair[1]),
            "{answers:?}"
        );
    }
    assert_eq!(
        ok(&api.get(&format!("{CLIENTS}?server={foreign}")).await)["total_count"],
        0
    );
    read(&stack.stranger(), &foreign).await;
}

#[tokio::test]
async fn a_repeated_creation_makes_nothing_and_a_stale_change_neither() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let body = with_token("once", URL, "t");
    let headers = [("idempotency-key", "1")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = api.send(Method::POST, CLIENT, &headers, Some(&body)).await;
        ids.push(ok(&answer)["mcp_client_id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    let path = format!("{CLIENT}/{}", ids[0].as_str().unwrap());
    let tag = api.get(&path).await.headers["etag"].clone();
    ok(&api.put(&path, &json!({ "disabled": true })).await);
    for (method, body) in [
        (Method::PUT, Some(json!({ "disabled": false }))),
        (Method::DELETE, None),
    ] {
        let answer = api
            .send(method, &path, &[("if-match", &tag)], body.as_ref())
            .await;
        refused(&answer, 412, "version_mismatch");
    }
    ok(&api.delete(&path).await);
    refused(&api.get(&path).await, 404, "not_found");
}

#[tokio::test]
async fn a_check_on_demand_says_how_it_went() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("right").start().await;
    let id = create(&api, &with_token("checked", &peer.url, "wrong")).await;
    let path = format!("{CLIENT}/{id}");
    for below in ["reconnect", "refresh-tools"] {
        let answer = api.post(&format!("{path}/{below}"), &json!({})).await;
        refused(&answer, 422, "check_failed");
        assert_eq!(
            answer.json()["extra_fields"]["reason"],
            "credential_rejected"
        );
    }
    ok(&change(
        &api,
        &id,
        &json!({ "headers": { "Authorization": "Bearer right" } }),
    )
    .await);
    ok(&api.post(&format!("{path}/reconnect"), &json!({})).await);
    let refreshed = ok(&api
        .send(Method::POST, &format!("{path}/refresh-tools"), &[], None)
        .await);
    assert_eq!(refreshed["tool_count"], 2);
    let client = read(&api, &id).await;
    assert_eq!(
        (&client["state"], client["tools"].as_array().unwrap().len()),
        (&json!("connected"), 2)
    );

    ok(&change(&api, &id, &json!({ "disabled": true })).await);
    for below in ["reconnect", "refresh-tools"] {
        wrong(
            &api.post(&format!("{path}/{below}"), &json!({})).await,
            "disabled",
        );
    }
}
