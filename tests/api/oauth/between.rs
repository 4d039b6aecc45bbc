//! What others do between the beginning of a flow and its end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use harness::{
    faults::Watched,
    peers::{authority::Authority, root_pem},
    stack::TestStack,
};
use local::fault::Fault;
use serde_json::{Value, json};
use shared::{connection::ConnectionId, oauth::held::Arranged};

use super::{begun, known, made, made_with, opened, sent_on, status, the_row, tick};

/// Holds one write up until it is opened.
#[derive(Default)]
struct Gate {
    reached: AtomicBool,
    open: AtomicBool,
}

impl Gate {
    fn hold(&self) {
        if self.reached.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::task::block_in_place(|| {
            while !self.open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    }

    async fn reached(&self) {
        while !self.reached.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// A flow, and where somebody comes back to from it.
async fn consented(stack: &TestStack, authority: &Authority, id: ConnectionId) -> (Value, Value) {
    let flow = begun(stack, id).await;
    let back = authority.visit(&sent_on(stack, &flow).await);
    (flow, json!(back))
}

async fn failure(stack: &TestStack, flow: &Value) -> Value {
    status(stack, flow).await["failure"]["code"].clone()
}

/// A code is good once, so whoever is at work on the connection is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_consent_outlives_that_somebody_else_is_at_work() {
    let watched: Watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;
    let (flow, back) = consented(&watched, &authority, id).await;
    let (_, other) = consented(&watched, &authority, id).await;
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    // The first write is that a code is about to be exchanged; the third is the other one's claim of the connection.
    watched.disturb_where(move |_, number| match number {
        0 => {
            held.hold();
            Fault::Pass
        }
        2 => Fault::CrashAfter,
        _ => Fault::Pass,
    });
    let somebody_else = async {
        gate.reached().await;
        let ended = watched.until_crash(opened(&watched, &other)).await;
        assert!(ended.is_none(), "it did not crash: {ended:?}");
        watched.clock.turn_seconds(55);
        gate.open();
    };
    let (answer, ()) = tokio::join!(opened(&watched, &back), somebody_else);
    assert_eq!(answer.status, 200, "{answer:?}");
    watched.calm();
    assert_eq!(status(&watched, &flow).await["status"], "authorized");
    tick(&watched).await;
    the_row(&watched);
}

/// Whoever ends a flow wants none of its tokens used, also those that are put in use at this moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flow_that_is_ended_while_its_tokens_are_stored_leaves_none() {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;
    let (flow, back) = consented(&watched, &authority, id).await;
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    watched.disturb_where(move |seen, _| {
        if seen.operation == "PutSecretValue" {
            held.hold();
        }
        Fault::Pass
    });
    let path = format!(
        "/api/oauth/config/{}",
        flow["oauth_config_id"].as_str().unwrap()
    );
    let api = watched.api();
    let somebody_else = async {
        gate.reached().await;
        let answer = api.delete(&path).await;
        assert_eq!(answer.status, 409, "it can be asked again: {answer:?}");
        gate.open();
    };
    let (answer, ()) = tokio::join!(opened(&watched, &back), somebody_else);
    assert_eq!(answer.status, 409, "{answer:?}");
    watched.calm();
    assert_eq!(status(&watched, &flow).await["status"], "revoked");
    tick(&watched).await;
    let missing = ("error".to_owned(), json!("credential_missing"));
    assert_eq!(known(&watched, id).await, missing);
    assert_eq!(api.delete(&path).await.status, 200);
    the_row(&watched);
}

/// Who comes to speak for a server later does not get the secret that was given for its first authorization server.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_arranged_is_good_at_one_authorization_server() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let redirect = format!("{}/api/oauth/callback", stack.stack.url);
    authority.knows("arranged", Some("s3cret"), "client_secret_basic", &redirect);
    let arranged = Arranged {
        client_id: Some("arranged".to_owned()),
        client_secret: Some("s3cret".to_owned()),
        ..Arranged::default()
    };
    let id = made_with(&stack, &authority.url, arranged).await;
    let (_, back) = consented(&stack, &authority, id).await;

    for endpoint in ["token_endpoint", "authorization_endpoint"] {
        let elsewhere = json!(format!("{}/elsewhere", authority.origin));
        authority.says_of_itself(&[(endpoint, elsewhere)]);
        let flow = begun(&stack, id).await;
        let answer = opened(&stack, &flow["authorize_url"]).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(failure(&stack, &flow).await, "connection_changed");
    }
    assert_eq!(authority.times("/elsewhere"), 0);

    authority.says_of_itself(&[]);
    assert_eq!(opened(&stack, &back).await.status, 200);
    let (flow, back) = consented(&stack, &authority, id).await;
    assert_eq!(opened(&stack, &back).await.status, 200);
    assert_eq!(status(&stack, &flow).await["status"], "authorized");
    the_row(&stack);
}

/// Whoever consents does so for those who were believed then.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_believes_more_in_between_gets_no_token() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let early = begun(&stack, id).await;
    let path = format!("/api/mcp/client/{id}");
    let wider = json!({ "tls_config": { "ca_cert_pem": root_pem() } });
    let answer = stack.api().put(&path, &wider).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(opened(&stack, &early["authorize_url"]).await.status, 422);
    assert_eq!(failure(&stack, &early).await, "connection_changed");
    assert!(authority.asked().is_empty());

    // What was begun since is good, also when less is believed at its end.
    let (flow, back) = consented(&stack, &authority, id).await;
    let narrower = json!({ "tls_config": null });
    let answer = stack.api().put(&path, &narrower).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(opened(&stack, &back).await.status, 200);
    assert_eq!(status(&stack, &flow).await["status"], "authorized");
}

/// Nobody turns us against a server with a link that needs no key.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_so_often_within_a_minute_and_no_oftener() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let flow = begun(&stack, id).await;
    stack.clock.turn_to_next_minute();
    for _ in 0..30 {
        sent_on(&stack, &flow).await;
    }
    let asked = authority.asked().len();
    let answer = opened(&stack, &flow["authorize_url"]).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    let again = begun(&stack, id).await;
    assert_eq!(opened(&stack, &again["authorize_url"]).await.status, 429);
    assert_eq!(authority.asked().len(), asked);
    stack.clock.turn_to_next_minute();
    sent_on(&stack, &flow).await;
}
