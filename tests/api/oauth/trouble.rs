//! What goes wrong, by mistake or on purpose: each has a word, and nothing is dialled that is not ours to dial.

use harness::{
    peers::authority::{Authority, METADATA, PROTECTED},
    stack::TestStack,
};
use serde_json::{Value, json};
use shared::{
    connection::ServerUrl,
    oauth::{ClientAuthentication, Endpoints, OauthClient, TokenEndpoint, Trouble, held::Arranged},
    ports::AuthorizationServers as _,
};
use shared_mcp::{OauthPeers, ProberSettings};

use super::{begun, completed, known, made, opened, sent_on, status, tick};

/// Link-local: nobody may go there, not even a developer.
const METADATA_SERVICE: &str = "http://169.254.169.254/latest";

/// What a server says at a path, or of itself.
type Says = (&'static str, u16, Value);

/// Opens the link of a new flow, which comes to nothing; gives the word for it.
async fn trouble_of(says: &[Says], of_itself: &[(&str, Value)]) -> String {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.says_of_itself(of_itself);
    for (path, status, body) in says {
        authority.says(path, *status, body.clone());
    }
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    let answer = opened(&stack, &flow["authorize_url"]).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.header("location").is_none());
    assert_eq!(authority.times("/token"), 0);
    let stands = status(&stack, &flow).await;
    if stands["status"] == "pending" {
        // What may mend itself can be tried again with the same link.
        return "pending".to_owned();
    }
    assert_eq!(stands["status"], "failed", "{stands}");
    assert_eq!(completed(&stack, &flow).await.status, 422);
    assert_eq!(opened(&stack, &flow["authorize_url"]).await.status, 409);
    stands["failure"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_is_judged_before_anybody_goes_there() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
    ] {
        for place in [
            METADATA_SERVICE,
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://[::ffff:169.254.169.254]/x",
        ] {
            let found = trouble_of(&[], &[(name, json!(place))]).await;
            assert_eq!(found, "address_blocked", "{name} {place}");
        }
    }
    let protected = |issuer: &str| {
        // The resource is that of any address, so that only the issuer is wrong.
        json!({ "resource": "RESOURCE", "authorization_servers": [issuer] })
    };
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let mut says = protected(METADATA_SERVICE);
    says["resource"] = json!(authority.url);
    authority.says(PROTECTED, 200, says);
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    assert_eq!(opened(&stack, &flow["authorize_url"]).await.status, 422);
    let stands = status(&stack, &flow).await;
    assert_eq!(stands["failure"]["code"], "address_blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_standards_has_a_word() {
    let to = json!({ "location": METADATA_SERVICE });
    for (says, of_itself, expected) in [
        (
            vec![],
            vec![("issuer", json!("http://127.0.0.1:1"))],
            "issuer_mismatch",
        ),
        (vec![], vec![("issuer", Value::Null)], "malformed"),
        (
            vec![],
            vec![("code_challenge_methods_supported", json!(["plain"]))],
            "no_pkce",
        ),
        (
            vec![],
            vec![("registration_endpoint", Value::Null)],
            "no_registration",
        ),
        (vec![], vec![("token_endpoint", Value::Null)], "malformed"),
        (
            vec![],
            vec![("token_endpoint", json!("not an address"))],
            "malformed",
        ),
        (vec![(METADATA, 404, json!({}))], vec![], "no_metadata"),
        (vec![(METADATA, 302, to.clone())], vec![], "no_metadata"),
        (vec![(METADATA, 503, json!({}))], vec![], "pending"),
        (
            vec![(
                PROTECTED,
                200,
                json!({ "resource": "http://127.0.0.1:1/mcp", "authorization_servers": [] }),
            )],
            vec![],
            "malformed",
        ),
        (
            vec![(
                "/register",
                400,
                json!({ "error": "invalid_client_metadata" }),
            )],
            vec![],
            "refused",
        ),
        (vec![("/register", 307, to)], vec![], "malformed"),
        (
            vec![("/register", 201, json!({ "client_id": "a\r\nb" }))],
            vec![],
            "malformed",
        ),
        (vec![("/register", 500, json!({}))], vec![], "pending"),
        (
            vec![(METADATA, 200, json!({ "issuer": "x".repeat(300 * 1024) }))],
            vec![],
            "malformed",
        ),
    ] {
        let found = trouble_of(&says, &of_itself).await;
        let says = says.first().map(|(path, status, _)| (path, status));
        assert_eq!(found, expected, "{says:?} {of_itself:?}");
    }
}

/// Comes back with `change` made to where the authorization server sent; gives the status and how the flow stands then.
async fn back_with(change: impl Fn(&str) -> String) -> (u16, Value) {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    let back = authority.visit(&sent_on(&stack, &flow).await);
    let answer = opened(&stack, &json!(change(&back))).await;
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "error");
    (answer.status, status(&stack, &flow).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_with_something_else_gets_nothing() {
    let failed = |stands: &Value| stands["failure"]["code"].as_str().map(str::to_owned);
    // Another state is nobody's, and the flow waits on.
    for change in [
        |back: &str| back.replace("state=", "state=A"),
        |back: &str| back.replace("state=", "stat="),
        |back: &str| format!("{back}&state=x"),
    ] {
        let (status, stands) = back_with(change).await;
        assert!(status == 404 || status == 400, "{status}");
        assert_eq!(stands["status"], "pending");
    }
    let (status, stands) = back_with(|back| back.replace("code=", "code=other-")).await;
    assert_eq!((status, failed(&stands)), (422, Some("refused".to_owned())));
    let (status, stands) = back_with(|back| back.replace("&code=", "&kode=")).await;
    assert_eq!((status, failed(&stands)), (400, None));
    // RFC 9207: who promises to name itself does, and names nobody else.
    for (from, to) in [("&iss=http", "&iss=https"), ("&iss=", "&is=")] {
        let (status, stands) = back_with(|back| back.replace(from, to)).await;
        let expected = (422, Some("issuer_mismatch".to_owned()));
        assert_eq!((status, failed(&stands)), expected);
    }
    let (status, stands) = back_with(|back| format!("{back}&error=access_denied")).await;
    assert_eq!((status, failed(&stands)), (422, Some("denied".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_told() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.denies();
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    let back = authority.visit(&sent_on(&stack, &flow).await);
    assert_eq!(opened(&stack, &json!(back)).await.status, 422);
    assert_eq!(status(&stack, &flow).await["failure"]["code"], "denied");
    assert_eq!(authority.times("/token"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_has_an_end() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let (early, late) = (begun(&stack, id).await, begun(&stack, id).await);
    let back = authority.visit(&sent_on(&stack, &late).await);
    stack.clock.turn_seconds(15 * 60);
    assert_eq!(opened(&stack, &early["authorize_url"]).await.status, 410);
    assert_eq!(opened(&stack, &json!(back)).await.status, 410);
    assert_eq!(authority.times("/token"), 0);
    assert_eq!(status(&stack, &late).await["status"], "expired");
    assert_eq!(completed(&stack, &late).await.status, 410);
    let forged = json!(format!("{}/api/oauth/flows/AAAA/start", stack.stack.url));
    assert_eq!(opened(&stack, &forged).await.status, 404);
}

/// Whoever consents consents to a token for one server.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_moves_in_between_gets_no_token() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    let back = authority.visit(&sent_on(&stack, &flow).await);
    let path = format!("/api/mcp-connections/{id}");
    let answer = stack.api().delete(&path).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(opened(&stack, &json!(back)).await.status, 422);
    assert_eq!(
        status(&stack, &flow).await["failure"]["code"],
        "connection_changed"
    );
    assert_eq!(authority.times("/token"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_that_use_oauth_are_authorized() {
    let stack = TestStack::start().await;
    let id = stack.register_open("open", "http://127.0.0.1:9/mcp").await;
    let path = format!("/api/mcp/client/{id}/reauthorize");
    let answer = stack.api().post(&path, &json!({})).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// In the cloud nothing of ours reaches inside, whichever question it is.
#[tokio::test]
async fn in_the_cloud_no_question_reaches_inside() {
    let authority = Authority::start().await;
    let peers = OauthPeers::new(ProberSettings::default());
    let url = ServerUrl::try_from(authority.url.clone()).unwrap();
    let blocked = |found: Option<Trouble>| assert_eq!(found, Some(Trouble::AddressBlocked));
    blocked(peers.discover(&url, &Arranged::default()).await.err());
    let arranged = Arranged {
        authorize_url: Some("https://as.example.com/a".to_owned().try_into().unwrap()),
        token_url: Some(url.clone()),
        ..Arranged::default()
    };
    blocked(peers.discover(&url, &arranged).await.err());
    let inside = |path: &str| format!("{}{path}", authority.origin);
    let endpoints = Endpoints {
        issuer: None,
        authorization: inside("/authorize"),
        token: inside("/token"),
        registration: Some(inside("/register")),
        resource: authority.url.clone(),
        scopes: Vec::new(),
        authentication: Vec::new(),
        names_itself: false,
    };
    blocked(peers.register(&endpoints, "x", &[]).await.err());
    let at = TokenEndpoint {
        url: inside("/token"),
        client: OauthClient {
            id: "c".to_owned(),
            secret: None,
            authentication: ClientAuthentication::None,
        },
        resource: authority.url.clone(),
    };
    blocked(peers.exchange(&at, "code", "verifier", "x").await.err());
    assert!(authority.asked().is_empty());
}
