//! Users' tokens: kept like every other secret, shown to the gateway alone, and never torn apart by a crash.

use harness::{
    client::Client,
    faults::{Direct, Watched},
    peers::{Behaviour, Peer},
    stack::TestStack,
    stored,
};
use local::fault::Fault;
use serde_json::{Value, json};

use super::{INTEGRATIONS, SERVERS, ok, publish_of, refused, text};

/// Longer than the sweeper leaves work alone.
const SWEPT_AFTER_SECONDS: i64 = 6 * 60;

async fn gateway_for(stack: &TestStack, user_key: &str) -> Client {
    let made = stack
        .invoke(
            "create-system-key",
            json!({ "tenantId": stack.acme().tenant_id }),
        )
        .await
        .unwrap();
    let system = format!("Bearer {}", text(&made["key"]));
    stack
        .with_authorization(Some(&system))
        .with_header("x-portkey-api-key", user_key)
}

fn tokens(value: &str) -> Value {
    json!({ "access_token": value, "refresh_token": format!("refresh-{value}"), "token_type": "Bearer", "expires_in": 3600, "scope": "a b", "client_metadata": { "client_id": "c1", "client_secret": format!("secret-{value}") } })
}

async fn oauth_server(stack: &TestStack, peer: &Peer) -> (String, String) {
    let body = json!({ "name": "oauth", "url": peer.url, "auth_type": "oauth_auto", "transport": "http", "configurations": { "oauth_metadata": { "client_secret": "s3cret-of-the-client", "scope": "all" } } });
    publish_of(stack, "oauth", &body).await
}

#[tokio::test]
async fn tokens_go_in_for_the_user_and_come_out_for_the_gateway_alone() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let (integration, server) = oauth_server(&stack, &peer).await;
    let user_key = stack.acme().workspace_user_key.clone();
    let user = stack.portkey_with(&user_key);
    let path = format!("{SERVERS}/{server}/tokens");
    let gateway = gateway_for(&stack, &user_key).await;
    refused(&gateway.get(&path).await, 404, "AB08");
    assert!(refused(&user.put(&path, &json!({})).await, 400, "AB01").contains("access_token"));
    for value in ["t0ken-one", "t0ken-two"] {
        let answer = user.put(&path, &tokens(value)).await;
        ok(&answer);
        assert!(!answer.text().contains(value));
        let shown = ok(&gateway.get(&path).await);
        assert_eq!(
            (
                &shown["access_token"],
                &shown["expires_in"],
                &shown["scope"]
            ),
            (&json!(value), &json!(3600), &json!("a b"))
        );
    }
    let client = ok(&gateway
        .get(&format!("{SERVERS}/{server}/client-info"))
        .await);
    assert_eq!(client["client_id"], "c1");
    for client in [
        &user,
        &stack.portkey(),
        &stack.portkey_with(&stack.acme().workspace_service_key),
    ] {
        refused(&client.get(&path).await, 403, "AB03");
        refused(
            &client.get(&format!("{SERVERS}/{server}/client-info")).await,
            403,
            "AB03",
        );
    }
    // A system key of another tenant makes nobody the gateway.
    let foreign = stack
        .invoke(
            "create-system-key",
            json!({ "tenantId": stack.evil().tenant_id }),
        )
        .await
        .unwrap();
    let foreign = format!("Bearer {}", text(&foreign["key"]));
    let foreign = stack
        .with_authorization(Some(&foreign))
        .with_header("x-portkey-api-key", &user_key);
    refused(&foreign.get(&path).await, 403, "AB03");

    // They were given for this origin, so they are nobody's at another.
    let other = Peer::hostile(Behaviour::Modern).start().await;
    let moved =
        json!({ "url": other.url, "configurations": { "oauth_metadata": { "scope": "all" } } });
    ok(&stack
        .portkey()
        .put(&format!("{INTEGRATIONS}/{integration}"), &moved)
        .await);
    refused(&gateway.get(&path).await, 404, "AB08");
    ok(&user.put(&path, &tokens("t0ken-three")).await);
    assert_eq!(ok(&gateway.get(&path).await)["access_token"], "t0ken-three");
    for _ in 0..2 {
        ok(&user.delete(&path).await);
    }
    refused(&gateway.get(&path).await, 404, "AB08");

    // With the server go all the tokens on it.
    ok(&user.put(&path, &tokens("t0ken-four")).await);
    ok(&stack.portkey().delete(&format!("{SERVERS}/{server}")).await);
    assert_eq!(stored::flaws(&stack.stack), Vec::<String>::new());
    assert_eq!(stored::user_connections(&stored::items(&stack.stack)), []);
}

/// The gateway is shown what it serves by, with the secrets, and each time is in the audit trail.
#[tokio::test]
async fn the_gateway_is_shown_the_configuration() {
    let stack = TestStack::start().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let (integration, server) = oauth_server(&stack, &peer).await;
    let path = format!(
        "/v2/mcp-servers/{server}?workspace_id={}&organisation_id={}",
        stack.acme().workspace_id,
        stack.acme().tenant_id
    );
    // A key that may only call tools reads nothing by itself, and is enough for the gateway.
    let invoking = super::key(&stack, "workspace/user", &["mcp.invoke"]).await;
    refused(&stack.portkey_with(&invoking).get(&path).await, 403, "AB03");
    let gateway = gateway_for(&stack, &invoking).await;
    let shown = ok(&gateway.get(&path).await);
    let details = &shown["mcp_integration_details"];
    assert_eq!(
        (&details["id"], &details["auth_type"], &details["transport"]),
        (&json!(integration), &json!("oauth_auto"), &json!("http"))
    );
    assert_eq!(
        details["configurations"],
        json!({ "oauth_metadata": { "client_secret": "s3cret-of-the-client", "scope": "all" } })
    );
    assert_eq!(shown["workspace_id"], json!(stack.acme().workspace_id));

    let bearer = json!({ "name": "native", "serverUrl": peer.url, "authType": "bearer", "bearerToken": "native-t0ken" });
    let native = harness::stack::id_of(&stack.register(bearer).await);
    super::enable(&stack, &native, &stack.acme().workspace_id, true).await;
    let made = ok(&stack.portkey().post(SERVERS, &json!({ "name": "of native", "mcp_integration_id": native, "workspace_id": "ws-default" })).await);
    let shown = ok(&gateway
        .get(&format!("/v2/mcp-servers/{}", text(&made["id"])))
        .await);
    assert_eq!(
        shown["mcp_integration_details"]["configurations"],
        json!({ "headers": { "Authorization": "Bearer native-t0ken" } })
    );

    let trail = ok(&stack.portkey().get("/v1/audit-logs?page_size=500").await);
    let reveals = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "reveal")
        .count();
    assert_eq!(reveals, 2, "{trail}");
    // A record that cannot be written keeps the secret in.
}

/// A crash before and after every write, of a first and of a second set of tokens and of their end, and then the sweeper.
#[tokio::test]
async fn a_crash_leaves_whole_tokens_or_none() {
    let watched: Watched = TestStack::watched().await;
    let peer = Peer::hostile(Behaviour::Modern).start().await;
    let (_, server) = oauth_server(&watched, &peer).await;
    let user_key = watched.acme().workspace_user_key.clone();
    let gateway = gateway_for(&watched, &user_key).await;
    let path = format!("{SERVERS}/{server}/tokens");
    let user = watched.portkey_with(&user_key);
    for (before, change) in [
        (None, Some("new-t0ken")),
        (Some("old-t0ken"), Some("new-t0ken")),
        (Some("old-t0ken"), None),
    ] {
        let prepare = async || {
            watched.calm();
            watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
            watched.sweep().await;
            ok(&user.delete(&path).await);
            if let Some(before) = before {
                ok(&user.put(&path, &tokens(before)).await);
            }
        };
        // Not through the gateway, which would let it run on after its caller is gone.
        let perform = async || {
            let (function, method) = match change {
                Some(_) => ("portkey-servers-write-tokens", "PUT"),
                None => ("portkey-servers-delete-tokens", "DELETE"),
            };
            let request = Direct {
                method,
                path: path.clone(),
                id: Some(&server),
                body: change.map(tokens),
                ..Direct::default()
            };
            let event = watched.event_of(&user_key, &request).await;
            watched
                .until_crash(watched.stack.invoke(function, event))
                .await
        };
        prepare().await;
        watched.calm();
        assert_eq!(perform().await.unwrap().unwrap()["statusCode"], 200);
        let writes = watched.written().len();
        assert!(writes >= 3, "{writes}");
        for number in 0..writes {
            for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LoseAnswer] {
                let point = format!("{before:?} -> {change:?}, {fault:?} {number}");
                prepare().await;
                watched.disturb(number..number + 1, fault);
                perform().await;
                watched.calm();
                watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
                assert_eq!(watched.sweep().await["failed"], 0, "{point}");
                assert_eq!(
                    stored::flaws(&watched.stack.stack),
                    Vec::<String>::new(),
                    "{point}"
                );
                let shown = gateway.get(&path).await;
                let there = (shown.status == 200).then(|| text(&shown.json()["access_token"]));
                assert!(
                    there.as_deref() == before || there.as_deref() == change,
                    "{point}: {there:?}"
                );
            }
        }
    }
}
