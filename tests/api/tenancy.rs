//! Every route, without a key, with a bad one, with one that lacks the right, and for another tenant's things. The table is the
//! template's: a new route is in it before anybody thinks of it.

use functions::{FUNCTIONS, edge::Kind};
use harness::{
    client::{Answer, Client},
    peers::{Peer, Rmcp},
    stack::TestStack,
};
use http::Method;
use local::{
    stack::TEMPLATE,
    template::{Route, Template},
};
use serde_json::{Value, json};
use shared::right::{Right, Scope};

const MISSING: &str = "01a20242-0000-7000-8000-000000000000";

/// A route behind an authorizer, with the function that answers and the rights of which it demands one.
struct Guarded {
    function: String,
    rights: &'static [Right],
    route: Route,
}

impl Guarded {
    /// Whether it takes its key as our own API does.
    fn is_native(&self) -> bool {
        self.route.path.starts_with("/api/")
    }

    fn is_of_bifrost(&self) -> bool {
        self.is_native() && !self.route.path.starts_with("/api/mcp-connections")
    }

    fn path(&self, id: &str) -> String {
        let path = self
            .route
            .path
            .replace("{id}", id)
            .replace("{user}", MISSING);
        // Where an organisation's key has to name a workspace.
        let names_workspace = self.route.method != "POST" && path.contains("/mcp-servers");
        let query = if names_workspace {
            "?workspace_id=ws-default"
        } else {
            ""
        };
        format!("{path}{query}")
    }

    fn method(&self) -> Method {
        self.route.method.parse().unwrap()
    }

    fn names_a_thing(&self) -> bool {
        self.route.path.contains("{id}")
    }

    /// A body that the route would take, in most cases: what the tests ask for is decided before it is read or whatever is in it.
    fn body(&self) -> Option<Value> {
        let capability = json!({ "name": "x", "type": "tool", "enabled": false });
        let path = self
            .route
            .path
            .trim_start_matches("/v1")
            .trim_start_matches("/v2");
        Some(match (self.route.method.as_str(), path) {
            ("GET" | "DELETE", _) => return None,
            ("POST", "/api/mcp-connections") => {
                json!({ "name": "x", "serverUrl": "https://mcp.example.com/mcp", "authType": "none" })
            }
            ("POST", "/api/mcp/client") => {
                json!({ "name": "x", "connection_type": "http", "connection_string": "https://mcp.example.com/mcp" })
            }
            ("PUT", path) if path.starts_with("/api/mcp/client/") => json!({ "name": "y" }),
            ("PATCH", _) => json!({ "name": "y" }),
            ("POST", "/api/governance/virtual-keys") => json!({ "name": "x" }),
            ("PUT", path) if path.starts_with("/api/governance/") => json!({ "name": "y" }),
            ("PUT", path) if path.starts_with("/api/") => json!({ "bearerToken": "z" }),
            ("POST", path) if path.ends_with("/verify-headers") => {
                json!({ "user_headers": { "x-user-key": "z" } })
            }
            ("POST", path) if path.starts_with("/api/") => return None,
            ("PUT", path) if path.ends_with("/workspaces") => json!({ "workspaces": [] }),
            ("PUT", path) if path.ends_with("/capabilities") => {
                json!({ "capabilities": [capability] })
            }
            ("POST", path) if path.ends_with("/capabilities/sync") => {
                json!({ "capabilities": [capability] })
            }
            ("PUT", path) if path.ends_with("/tokens") => json!({ "access_token": "t" }),
            ("PUT", path) if path.contains("/users/") => json!({ "role": "member" }),
            ("POST", path) if path.ends_with("/users") => {
                json!({ "users": [{ "id": MISSING, "role": "member" }] })
            }
            ("POST", "/mcp-integrations") => {
                json!({ "name": "x", "url": "https://mcp.example.com/mcp", "auth_type": "none", "transport": "http" })
            }
            ("POST", "/mcp-servers") => {
                json!({ "name": "x", "mcp_integration_id": MISSING, "workspace_id": "ws-default" })
            }
            ("POST", path) if path.starts_with("/api-keys/") && !path.contains('{') => {
                json!({ "name": "x", "scopes": ["mcp_servers.read"], "workspace_id": "ws-default", "user_id": MISSING })
            }
            ("POST", path) if path.ends_with("/rotate") => json!({}),
            ("PUT" | "POST", _) => json!({ "name": "y" }),
            (method, path) => panic!("what does {method} {path} take?"),
        })
    }

    async fn send(&self, client: &Client, id: &str) -> Answer {
        client
            .send(self.method(), &self.path(id), &[], self.body().as_ref())
            .await
    }

    /// The status and the machine's word of a refusal, in each vocabulary.
    fn told(&self, answer: &Answer) -> (u16, String) {
        let word = if self.is_of_bifrost() {
            let code = &answer.json()["error"]["code"];
            code.as_str().unwrap_or_default().to_owned()
        } else if self.is_native() {
            answer.code()
        } else {
            answer.class()
        };
        (answer.status, word)
    }
}

fn routes() -> Vec<Guarded> {
    let template = Template::parse(TEMPLATE, &Default::default()).unwrap();
    let mut routes = Vec::new();
    for described in template.functions {
        let function = FUNCTIONS
            .iter()
            .find(|function| function.name == described.binary)
            .unwrap();
        if let Kind::Endpoint { rights, .. } = function.kind {
            routes.extend(described.routes.into_iter().map(|route| Guarded {
                function: described.binary.clone(),
                rights,
                route,
            }));
        }
    }
    assert!(
        routes.len() >= 9 + 2 * 33,
        "there are fewer routes than operations"
    );
    routes
}

#[tokio::test]
async fn no_route_answers_without_a_good_key() {
    let stack = TestStack::start().await;
    let good = &stack.acme().organisation_service_key;
    let other_secret = format!("{}{}", &good[..good.len() - 4], "0000");
    for guarded in routes() {
        let none = guarded.send(&stack.with_authorization(None), MISSING).await;
        if guarded.is_native() {
            let gateways = json!({ "message": "Unauthorized" });
            assert_eq!(
                (none.status, none.json()),
                (401, gateways),
                "{}",
                guarded.function
            );
        } else {
            assert_eq!(
                guarded.told(&none),
                (401, "AB05".to_owned()),
                "{}",
                guarded.function
            );
        }
        let expected = if guarded.is_native() {
            "unauthenticated"
        } else {
            "AB05"
        };
        for bad in [
            "Bearer",
            "Bearer x",
            "Basic dXNlcjpwYXNz",
            &format!("Bearer {other_secret}"),
            good,
            &format!("Bearer {good}x"),
        ] {
            // Portkey's API takes a key without a scheme.
            if bad == good && !guarded.is_native() {
                continue;
            }
            let answer = guarded
                .send(&stack.with_authorization(Some(bad)), MISSING)
                .await;
            assert_eq!(
                guarded.told(&answer),
                (401, expected.to_owned()),
                "{} with {bad:?}",
                guarded.function
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        if !guarded.is_native() {
            for bad in [
                "x",
                &other_secret,
                &format!("Bearer {good}x"),
                &format!("Basic {good}"),
            ] {
                let answer = guarded.send(&stack.portkey_with(bad), MISSING).await;
                assert_eq!(
                    guarded.told(&answer),
                    (401, expected.to_owned()),
                    "{} with {bad:?}",
                    guarded.function
                );
            }
        }
    }
}

/// Portkey's clients send their key in their own header, as it is or as a bearer's, or as everybody does.
#[tokio::test]
async fn a_key_of_portkeys_may_stand_in_three_places() {
    let stack = TestStack::start().await;
    let key = &stack.acme().organisation_service_key;
    let bearer = format!("Bearer {key}");
    for client in [
        stack.portkey_with(key),
        stack.portkey_with(&bearer),
        stack.with_authorization(Some(&bearer)),
        // A key in the header of its own counts, whatever stands in the other.
        stack
            .with_authorization(Some("Bearer x"))
            .with_header("x-portkey-api-key", key),
    ] {
        let answer = client.get("/v1/mcp-integrations").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn no_route_answers_without_its_scope() {
    let stack = TestStack::start().await;
    for key in [
        &stack.acme().workspace_service_key,
        &stack.acme().workspace_user_key,
    ] {
        let held = stack
            .portkey_with(key)
            .get("/v1/api-keys/self/details")
            .await;
        let held: Vec<Scope> =
            serde_json::from_value(held.json()["data"]["api_key_details"]["scopes"].clone())
                .unwrap();
        let mut refused = 0;
        for guarded in routes() {
            let may = |right: &Right| held.iter().any(|scope| scope.grants(*right));
            let client = if guarded.is_native() {
                stack.with_key(key)
            } else {
                stack.portkey_with(key)
            };
            if guarded.rights.iter().any(may) {
                continue;
            }
            let answer = guarded.send(&client, MISSING).await;
            let expected = if guarded.is_native() {
                "forbidden"
            } else {
                "AB03"
            };
            assert_eq!(
                guarded.told(&answer),
                (403, expected.to_owned()),
                "{}",
                guarded.function
            );
            for right in guarded.rights {
                assert!(
                    answer.text().contains(&right.to_string()),
                    "{} names {right}",
                    guarded.function
                );
            }
            refused += 1;
        }
        assert!(refused > 40, "only {refused} routes refused");
    }
}

/// Another tenant's connection looks exactly like one that never existed, and like an id that cannot be one.
#[tokio::test]
async fn a_foreign_thing_is_not_found() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("token").start().await;
    let id = stack.register_bearer("weather", &peer.url, "token").await;
    let workspace = &stack.acme().workspace_id;
    let share = json!({ "workspaces": [{ "id": workspace, "enabled": true }] });
    let shared = stack
        .portkey()
        .put(&format!("/v1/mcp-integrations/{id}/workspaces"), &share)
        .await;
    assert_eq!(shared.status, 200, "{shared:?}");
    let publish = json!({ "name": "weather", "mcp_integration_id": id, "workspace_id": workspace });
    let server = stack
        .portkey()
        .post("/v1/mcp-servers", &publish)
        .await
        .json();
    let server = server["id"].as_str().unwrap().to_owned();
    let keys = stack.portkey().get("/v1/api-keys").await.json();
    let key = keys["data"][0]["id"].as_str().unwrap().to_owned();
    let grants = json!({ "name": "ci", "mcp_configs": [{ "mcp_client_id": id, "tools_to_execute": ["*"] }] });
    let made = stack
        .api()
        .post("/api/governance/virtual-keys", &grants)
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    let virtual_key = made.json()["virtual_key"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    stack.tick().await;
    // With a minute ahead of us, the next check is not another one by the end.
    stack.clock.turn_to_next_minute();
    let before = stack.read(&id).await;
    peer.forget();

    for guarded in routes().into_iter().filter(Guarded::names_a_thing) {
        let own = match guarded.route.path.split('/').nth(2).unwrap_or_default() {
            "mcp-servers" => &server,
            "api-keys" => &key,
            "governance" => &virtual_key,
            "admin" => workspace,
            _ => &id,
        };
        let mut answers = Vec::new();
        for id in [own.as_str(), MISSING, "not-an-id", "..", "%00"] {
            let client = if guarded.is_native() {
                stack.stranger()
            } else {
                stack.portkey_with(&stack.evil().organisation_service_key)
            };
            answers.push(guarded.send(&client, id).await.anonymous());
        }
        // What only the gateway is told, nobody else is told of anything.
        let refused =
            guarded.function.ends_with("tokens") || guarded.function.ends_with("client-info");
        let expected = if refused { [403, 404] } else { [404, 404] };
        assert!(
            expected.contains(&answers[0].0),
            "{}: {:?}",
            guarded.function,
            answers[0]
        );
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{}", guarded.function);
        }
    }

    let mut listed = stack.stranger().pages("/api/mcp-connections").await;
    assert_eq!(listed.pop(), Some(Vec::new()));
    for list in [
        "/v1/mcp-integrations",
        "/v1/mcp-servers?workspace_id=ws-default",
    ] {
        let stranger = stack.portkey_with(&stack.evil().organisation_service_key);
        let listed = stranger.get(list).await.json();
        assert_eq!(
            (&listed["total"], &listed["data"]),
            (&json!(0), &json!([])),
            "{list}"
        );
    }
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
