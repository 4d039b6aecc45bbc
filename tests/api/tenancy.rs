//! Every route, without a key, with a bad one, with one that lacks the right, and for another tenant's things. The table is the
//! template's: a new route is in it before anybody thinks of it.

use functions::{FUNCTIONS, edge::Kind};
use harness::{
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use local::{
    stack::TEMPLATE,
    template::{Route, Template},
};
use serde_json::{Value, json};
use shared::caller::Right;

const MISSING: &str = "01a20242-0000-7000-8000-000000000000";

/// The routes behind the authorizer, each with the function that answers and the right it demands.
fn routes() -> Vec<(String, Right, Route)> {
    let template = Template::parse(TEMPLATE, &Default::default()).unwrap();
    let mut routes = Vec::new();
    for described in template.functions {
        let function = FUNCTIONS
            .iter()
            .find(|function| function.name == described.binary)
            .unwrap();
        if let Kind::Endpoint { right, .. } = function.kind {
            routes.extend(
                described
                    .routes
                    .into_iter()
                    .map(|route| (described.binary.clone(), right, route)),
            );
        }
    }
    assert!(
        routes.len() >= 9,
        "the template has fewer routes than the native API"
    );
    routes
}

fn path(route: &Route, id: &str) -> String {
    route.path.replace("{id}", id)
}

fn method(route: &Route) -> Method {
    route.method.parse().unwrap()
}

/// A body that the route would take.
fn body(route: &Route) -> Option<Value> {
    match (route.method.as_str(), route.path.as_str()) {
        ("POST", "/api/mcp-connections") => Some(
            json!({ "name": "x", "serverUrl": "https://mcp.example.com/mcp", "authType": "none" }),
        ),
        ("PATCH", _) => Some(json!({ "name": "y" })),
        ("PUT", _) => Some(json!({ "bearerToken": "z" })),
        _ => None,
    }
}

#[tokio::test]
async fn no_route_answers_without_a_good_key() {
    let stack = TestStack::start().await;
    let good = &stack.acme().organisation_service_key;
    let other_secret = format!("{}{}", &good[..good.len() - 4], "0000");
    for (_, _, route) in routes() {
        let (path, body) = (path(&route, MISSING), body(&route));
        let none = stack
            .with_authorization(None)
            .send(method(&route), &path, &[], body.as_ref())
            .await;
        assert_eq!(
            (none.status, none.json()),
            (401, json!({ "message": "Unauthorized" })),
            "{route:?}"
        );
        for bad in [
            "Bearer",
            "Bearer x",
            "Basic dXNlcjpwYXNz",
            &format!("Bearer {other_secret}"),
            good,
            &format!("Bearer {good}x"),
        ] {
            let answer = stack
                .with_authorization(Some(bad))
                .send(method(&route), &path, &[], body.as_ref())
                .await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "unauthenticated"),
                "{route:?} with {bad:?}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn no_route_answers_without_its_scope() {
    let stack = TestStack::start().await;
    for key in [
        &stack.acme().workspace_service_key,
        &stack.acme().workspace_user_key,
    ] {
        for (function, right, route) in routes() {
            let answer = stack
                .with_key(key)
                .send(
                    method(&route),
                    &path(&route, MISSING),
                    &[],
                    body(&route).as_ref(),
                )
                .await;
            if right == Right::ListConnections {
                assert_eq!(
                    answer.status, 200,
                    "{function}: a workspace key may list what the organisation shares"
                );
            } else {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (403, "forbidden"),
                    "{function}"
                );
                assert!(
                    answer.json()["error"]
                        .as_str()
                        .unwrap()
                        .contains(right.scope()),
                    "{function} names the scope"
                );
            }
        }
    }
}

/// Another tenant's connection looks exactly like one that never existed, and like an id that cannot be one.
#[tokio::test]
async fn a_foreign_connection_is_not_found() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("token").start().await;
    let id = stack.register_bearer("weather", &peer.url, "token").await;
    stack.tick().await;
    let before = stack.read(&id).await;
    peer.forget();

    for (function, _, route) in routes()
        .into_iter()
        .filter(|(_, _, route)| route.path.contains("{id}"))
    {
        let mut answers = Vec::new();
        for id in [id.as_str(), MISSING, "not-an-id", "..", "%00"] {
            let answer = stack
                .stranger()
                .send(
                    method(&route),
                    &path(&route, id),
                    &[],
                    body(&route).as_ref(),
                )
                .await;
            answers.push(answer.anonymous());
        }
        assert_eq!(answers[0].0, 404, "{function}: {:?}", answers[0]);
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{function}");
        }
    }

    let mut listed = stack.stranger().pages("/api/mcp-connections").await;
    assert_eq!(listed.pop(), Some(Vec::new()));
    assert_eq!(peer.requests(), 0, "a stranger made us dial");
    assert_eq!(
        stack.read(&id).await,
        before,
        "a stranger changed something"
    );
}

/// A cursor is a tenant's own.
#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let stack = TestStack::start().await;
    for name in ["a", "b"] {
        stack
            .register_open(name, "https://mcp.example.com/mcp")
            .await;
    }
    let first = stack.api().get("/api/mcp-connections?limit=1").await;
    let next = first.next(&stack.stack.url).unwrap();
    assert_eq!(stack.api().get(&next).await.status, 200);
    let foreign = stack.stranger().get(&next).await;
    assert_eq!(
        (
            foreign.status,
            foreign.json()["details"][0]["field"].as_str()
        ),
        (400, Some("cursor"))
    );
    let other_filter = stack.api().get(&format!("{next}&status=error")).await;
    assert_eq!(other_filter.status, 400, "a cursor belongs to its filter");
}

/// Two tenants may use one name; each sees its own.
#[tokio::test]
async fn names_are_unique_within_a_tenant_alone() {
    let stack = TestStack::start().await;
    let body = json!({ "name": "shared name", "serverUrl": "https://mcp.example.com/mcp", "authType": "none" });
    assert_eq!(
        stack.api().post("/api/mcp-connections", &body).await.status,
        201
    );
    assert_eq!(
        stack
            .stranger()
            .post("/api/mcp-connections", &body)
            .await
            .status,
        201
    );
    assert_eq!(
        stack
            .stranger()
            .post("/api/mcp-connections", &body)
            .await
            .status,
        409
    );
}

/// API Gateway remembers whose key it was by the header `Authorization` alone. Another header must not decide it, or the next caller
/// who sends the same `Authorization` would be taken for somebody else.
#[tokio::test]
async fn only_the_header_that_is_remembered_says_who_calls() {
    let stack = TestStack::start().await;
    let shared = stack.with_authorization(Some("Bearer gateway"));
    for key in [
        &stack.acme().organisation_service_key,
        &stack.evil().organisation_service_key,
    ] {
        let smuggled = [("x-portkey-api-key", key.as_str())];
        let answer = shared
            .send(Method::GET, "/api/mcp-connections", &smuggled, None)
            .await;
        assert_eq!(answer.status, 401);
    }
    let good = stack.api();
    let foreign = [(
        "x-portkey-api-key",
        stack.evil().organisation_service_key.as_str(),
    )];
    stack
        .register_open("mine", "https://mcp.example.com/mcp")
        .await;
    let answer = good
        .send(Method::GET, "/api/mcp-connections", &foreign, None)
        .await;
    assert_eq!(answer.json().as_array().map(Vec::len), Some(1));
}
