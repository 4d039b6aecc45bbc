//! `tls_config`: an authority of one's own, and servers that nobody vouches for.

use harness::{
    peers::{Certificate, Peer, Rmcp, other_root_pem, root_pem},
    stack::TestStack,
};
use local::stack::Options;
use serde_json::{Value, json};

use super::{CLIENT, change, create, ok, open, read, refused, with_token, wrong};

async fn peer(certificate: Certificate) -> Peer {
    Peer::rmcp(Rmcp::Modern)
        .tls(certificate)
        .bearer("token")
        .start()
        .await
}

fn with_tls(url: &str, tls: Value) -> Value {
    let mut body = with_token("private", url, "token");
    body["tls_config"] = tls;
    body
}

#[tokio::test]
async fn a_company_gives_its_own_authority() {
    let stack = TestStack::start().await;
    let (peer, api) = (peer(Certificate::Good).await, stack.api());
    let reconnect = async |id: &str| {
        let path = format!("{CLIENT}/{id}/reconnect");
        api.post(&path, &json!({})).await
    };
    let own = json!({ "ca_cert_pem": root_pem() });
    let id = create(&api, &with_tls(&peer.url, own.clone())).await;
    ok(&reconnect(&id).await);
    let shown = read(&api, &id).await;
    let said = &shown["config"]["tls_config"];
    assert_eq!(said["insecure_skip_verify"], false);
    let pem = said["ca_cert_pem"].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
    // What is shown can be sent back and changes nothing.
    let again = change(&api, &id, &json!({ "tls_config": said })).await;
    assert_eq!(again.header("etag"), Some("\"1\""), "{again:?}");

    // Another authority might be that of somebody in between.
    let other = json!({ "tls_config": { "ca_cert_pem": other_root_pem() } });
    let answer = change(&api, &id, &other).await;
    let (message, _) = refused(&answer, 409, "credential_required");
    assert!(
        message.starts_with("headers must be given again"),
        "{message}"
    );
    let mut whole = other;
    whole["headers"] = json!({ "Authorization": "Bearer token" });
    ok(&change(&api, &id, &whole).await);
    let answer = reconnect(&id).await;
    refused(&answer, 422, "check_failed");
    assert_eq!(answer.json()["extra_fields"]["reason"], "tls_invalid");

    // To believe fewer needs nothing.
    ok(&change(&api, &id, &json!({ "tls_config": {} })).await);
    assert_eq!(read(&api, &id).await["config"]["tls_config"], Value::Null);
    refused(&reconnect(&id).await, 422, "check_failed");
}

#[tokio::test]
async fn nobody_skips_verification_unless_the_operator_allows_it() {
    let stack = TestStack::start().await;
    let (peer, api) = (peer(Certificate::SelfSigned).await, stack.api());
    let skip = json!({ "insecure_skip_verify": true });
    let body = with_tls(&peer.url, skip.clone());
    wrong(
        &api.post(CLIENT, &body).await,
        "tls_config.insecure_skip_verify",
    );
    let id = create(&api, &open("private", &peer.url)).await;
    let answer = change(&api, &id, &json!({ "tls_config": skip })).await;
    wrong(&answer, "tls_config.insecure_skip_verify");

    let stack = TestStack::with(Options {
        insecure_tls: true,
        ..Options::default()
    })
    .await;
    let api = stack.api();
    let id = create(&api, &body).await;
    ok(&api
        .post(&format!("{CLIENT}/{id}/reconnect"), &json!({}))
        .await);
    stack.tick().await;
    let shown = read(&api, &id).await;
    assert_eq!(shown["state"], "connected", "{shown}");
    assert_eq!(shown["config"]["tls_config"]["insecure_skip_verify"], true);
    let test = format!("/api/mcp-connections/{id}/test");
    assert_eq!(
        stack.api().post(&test, &json!({})).await.json()["status"],
        "active"
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_by_name() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let key = root_pem().replace("CERTIFICATE", "PRIVATE KEY");
    for (tls, field) in [
        (
            json!({ "ca_cert_pem": "no certificate" }),
            "tls_config.ca_cert_pem",
        ),
        (json!({ "ca_cert_pem": key }), "tls_config.ca_cert_pem"),
        (json!({ "ca_cert_pem": 7 }), "tls_config.ca_cert_pem"),
        (json!({ "min_version": "1.3" }), "tls_config.min_version"),
    ] {
        let body = with_tls("https://mcp.example.com/mcp", tls);
        let answer = api.post(CLIENT, &body).await;
        wrong(&answer, field);
        assert!(!answer.json().to_string().contains("PRIVATE"));
    }
}
