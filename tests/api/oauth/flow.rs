//! A flow from its beginning to its end, and what it leaves nowhere.

use harness::{peers::authority::Authority, stack::TestStack, stored};
use serde_json::{Value, json};
use shared::oauth::held::Arranged;

use super::{
    authorized, begun, completed, created, known, made, made_with, opened, sent_on, status,
    the_row, tick,
};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_consents_and_the_client_works() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let flow = created(&stack, &authority.url, &Arranged::default()).await;
    assert_eq!(flow["status"], "pending_oauth");
    let id = flow["mcp_client_id"].as_str().unwrap().parse().unwrap();
    // Without consent it does not work, and says what to do.
    tick(&stack).await;
    assert_eq!(
        known(&stack, id).await,
        ("error".to_owned(), json!("credential_missing"))
    );
    assert!(authority.asked().is_empty(), "nothing was to be asked yet");

    let client = async || {
        let path = format!("/api/mcp/client/{id}");
        stack.api().get(&path).await.json()
    };
    let waiting = client().await;
    assert_eq!(waiting["state"], "pending_tools");
    assert_eq!(waiting["health_state"], "pending_verification");
    assert_eq!(waiting["state_reason"], "credential_missing");
    assert_eq!(waiting["config"]["auth_type"], "oauth");
    assert_eq!(waiting["config"]["oauth_config_id"], "");
    begun(&stack, id).await;
    assert!(authority.asked().is_empty(), "a beginning asks nobody");
    assert_eq!(status(&stack, &flow).await["status"], "pending");
    assert_eq!(completed(&stack, &flow).await.status, 400);

    let place = sent_on(&stack, &flow).await;
    let asked: Value = url::Url::parse(&place)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(asked["resource"], authority.url);
    assert_eq!(asked["scope"], "tools offline");
    assert_eq!(
        asked["redirect_uri"],
        format!("{}/api/oauth/callback", stack.stack.url)
    );
    assert_eq!(asked["code_challenge"].as_str().unwrap().len(), 43);
    let registered = authority.asked();
    let registered = registered.iter().find(|asked| asked.path == "/register");
    let registered: Value = serde_json::from_str(&registered.unwrap().body).unwrap();
    assert_eq!(registered["redirect_uris"], json!([asked["redirect_uri"]]));

    let back = authority.visit(&place);
    let answer = opened(&stack, &json!(back)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("succeeded"));
    let stands = status(&stack, &flow).await;
    assert_eq!(stands["status"], "authorized");
    assert_eq!(stands["token_scopes"], json!(["tools", "offline"]));
    assert!(stands["token_expires_at"].is_string());

    let answer = completed(&stack, &flow).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["tools_count"], 1);
    assert_eq!(answer.json()["reason"], Value::Null);
    assert_eq!(status(&stack, &flow).await["status"], "completed");
    assert_eq!(known(&stack, id).await, ("active".to_owned(), Value::Null));
    let works = client().await;
    assert_eq!(works["state"], "connected");
    assert_eq!(works["config"]["oauth_config_id"], flow["oauth_config_id"]);
    let row = the_row(&stack);
    let shape = row.details.shape.as_ref().unwrap();
    assert_eq!(shape.0["oauth"]["config_id"], flow["oauth_config_id"]);

    // A second time nothing of it works, and nothing is asked.
    let asked = authority.asked().len();
    assert_eq!(completed(&stack, &flow).await.status, 409);
    assert_eq!(opened(&stack, &json!(back)).await.status, 409);
    assert_eq!(opened(&stack, &flow["authorize_url"]).await.status, 409);
    assert_eq!(authority.asked().len(), asked);

    // What is secret is in no item and in no log, and no vocabulary shows it.
    let items = format!("{:?}", stored::raw_items(&stack.stack));
    let native = stack.read(&id.to_string()).await.to_string();
    let path = format!("/v1/mcp-integrations/{id}");
    let portkey = stack.portkey().get(&path).await.text();
    let log = harness::log::text();
    assert!(log.contains("bifrost-oauth-callback"));
    let code = back.split("code=").nth(1).unwrap().to_owned();
    for secret in authority.secrets().into_iter().chain([code]) {
        for place in [&items, &native, &portkey, &log] {
            assert!(!place.contains(&secret), "{secret} in {place}");
        }
    }
}

/// The row with the tokens in it stays the schedule's: it is checked by itself, whether anybody completes the flow or not.
#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_uses_the_tokens_without_being_told() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    tick(&stack).await;
    authorized(&stack, &authority, id).await;
    tick(&stack).await;
    assert_eq!(known(&stack, id).await, ("active".to_owned(), Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_can_be_asked_for_again_with_the_same_client() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let first = authorized(&stack, &authority, id).await;
    let second = authorized(&stack, &authority, id).await;
    assert_ne!(first["oauth_config_id"], second["oauth_config_id"]);
    assert_eq!(authority.times("/register"), 1);
    assert_eq!(status(&stack, &first).await["status"], "authorized");
    assert_eq!(completed(&stack, &second).await.status, 200);
    assert_eq!(known(&stack, id).await.0, "active");

    // One flow says nothing of another.
    let third = begun(&stack, id).await;
    assert_eq!(status(&stack, &third).await["status"], "pending");

    // Ending the first, whose tokens are not in use any more, changes nothing.
    let end = |flow: &Value| {
        let path = format!(
            "/api/oauth/config/{}",
            flow["oauth_config_id"].as_str().unwrap()
        );
        let api = stack.api();
        async move { api.delete(&path).await }
    };
    assert_eq!(end(&first).await.status, 200);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "active");
    assert_eq!(end(&second).await.status, 200);
    assert_eq!(end(&second).await.status, 200, "twice is no error");
    assert_eq!(status(&stack, &second).await["status"], "revoked");
    assert_eq!(completed(&stack, &second).await.status, 409);
    tick(&stack).await;
    assert_eq!(
        known(&stack, id).await,
        ("error".to_owned(), json!("credential_missing"))
    );
    authorized(&stack, &authority, id).await;
    assert_eq!(authority.times("/register"), 1);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "active");
}

/// Clients that were registered by hand, in each way that they can authenticate.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_arranged_is_used_as_it_is() {
    let stack = TestStack::start().await;
    for (authentication, secret) in [
        ("client_secret_basic", Some("s3cret:of/the+client")),
        ("client_secret_post", Some("s3cret:of/the+client")),
        ("none", None),
    ] {
        let authority = Authority::start().await;
        let redirect = format!("{}/api/oauth/callback", stack.stack.url);
        authority.knows("arranged", secret, authentication, &redirect);
        authority.says_of_itself(&[
            ("registration_endpoint", Value::Null),
            (
                "token_endpoint_auth_methods_supported",
                json!([authentication]),
            ),
        ]);
        let arranged = Arranged {
            client_id: Some("arranged".to_owned()),
            client_secret: secret.map(str::to_owned),
            scopes: vec!["mine".to_owned()],
            ..Arranged::default()
        };
        let id = made_with(&stack, &authority.url, arranged).await;
        let flow = begun(&stack, id).await;
        let place = sent_on(&stack, &flow).await;
        assert!(place.ends_with("&scope=mine"), "{place}");
        let back = authority.visit(&place);
        assert_eq!(opened(&stack, &json!(back)).await.status, 200);
        assert_eq!(completed(&stack, &flow).await.status, 200);
        assert_eq!(known(&stack, id).await.0, "active", "{authentication}");
        assert_eq!(authority.times("/register"), 0);
    }
}

/// Where everything is arranged, nothing is searched.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_were_arranged_are_used_as_they_are() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let redirect = format!("{}/api/oauth/callback", stack.stack.url);
    authority.knows("arranged", None, "none", &redirect);
    let place = |path: &str| Some(format!("{}{path}", authority.origin).try_into().unwrap());
    let arranged = Arranged {
        client_id: Some("arranged".to_owned()),
        authorize_url: place("/authorize?audience=a"),
        token_url: place("/token"),
        resource: Some("urn:the-resource".to_owned()),
        ..Arranged::default()
    };
    let id = made_with(&stack, &authority.url, arranged).await;
    let flow = begun(&stack, id).await;
    let place = sent_on(&stack, &flow).await;
    assert!(place.contains("audience=a&") && place.contains("resource=urn%3Athe-resource"));
    assert!(authority.asked().is_empty());
    let back = authority.visit(&place);
    assert_eq!(opened(&stack, &json!(back)).await.status, 200);
    assert_eq!(completed(&stack, &flow).await.status, 200);
    assert_eq!(known(&stack, id).await.0, "active");
}

/// Old servers have no metadata of their own, and are their own authorization servers.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_metadata_is_its_own_authorization_server() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.says(harness::peers::authority::PROTECTED, 404, json!({}));
    let id = made(&stack, &authority).await;
    let flow = authorized(&stack, &authority, id).await;
    assert_eq!(completed(&stack, &flow).await.status, 200);
    assert_eq!(known(&stack, id).await.0, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_tenant_is_not_there() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let flow = authorized(&stack, &authority, id).await;
    let config = flow["oauth_config_id"].as_str().unwrap();
    let unknown = uuid::Uuid::from_u128(7);
    let stranger = stack.stranger();
    for (method, path) in [
        (http::Method::GET, "/api/oauth/config/ID/status"),
        (http::Method::DELETE, "/api/oauth/config/ID"),
        (http::Method::POST, "/api/mcp/client/ID/complete-oauth"),
        (http::Method::POST, "/api/mcp/client/CLIENT/reauthorize"),
    ] {
        let ask = |config: &str, client: &str| {
            let path = path.replace("ID", config).replace("CLIENT", client);
            let (stranger, method) = (&stranger, method.clone());
            async move { stranger.send(method, &path, &[], None).await }
        };
        let foreign = ask(config, &id.to_string()).await;
        let missing = ask(&unknown.to_string(), &unknown.to_string()).await;
        assert_eq!(foreign.status, 404, "{path}");
        assert_eq!(foreign.anonymous(), missing.anonymous(), "{path}");
    }
    assert_eq!(status(&stack, &flow).await["status"], "authorized");
}
