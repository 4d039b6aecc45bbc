//! Secrets are in Secrets Manager and nowhere else: in no log, in no answer, in no item, in no request for one, in no encoding.
//!
//! Each secret here is used once and is like no other text, so that whatever of it is found anywhere is a leak.

mod cage;
mod clients;
mod sessions;
mod virtual_keys;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use harness::{client::Client, peers::Behaviour, spellings::Search, stack::id_of};
use http::Method;
use local::fault::Fault;
use serde_json::{Value, json};

use self::cage::{Cage, random};

const CONNECTIONS: &str = "/api/mcp-connections";

#[tokio::test]
async fn no_secret_is_anywhere_but_in_secrets_manager() {
    let cage = Cage::open().await;
    cage.bad_requests().await;
    cage.bad_keys().await;
    for behaviour in [
        Behaviour::Modern,
        Behaviour::Legacy,
        Behaviour::Echo,
        Behaviour::EchoError,
        Behaviour::EchoRefusal(400),
        Behaviour::EchoRefusal(401),
        Behaviour::EchoRefusal(403),
        Behaviour::EchoRefusal(500),
        Behaviour::Redirect(307, "http://127.0.0.1:9/elsewhere".into()),
        Behaviour::Html(200),
        Behaviour::CloseAtOnce,
    ] {
        cage.whole_life(behaviour).await;
    }
    cage.clients().await;
    cage.sessions().await;
    cage.virtual_keys().await;
    cage.disturbances().await;
    cage.tenant_creation().await;
    cage.search().await;
}

/// What is looked for would be found: in every encoding, at every place, and where it may be.
#[test]
fn a_leak_would_be_found() {
    let secret = "5f1c\"\\ü%/+ab0e9d77c2";
    let mut search = Search::default();
    search.add("it", secret);
    let escaped = json!({ "value": json!({ "value": secret }).to_string() }).to_string();
    let hidden = [
        format!("Bearer {secret}"),
        escaped,
        secret.chars().rev().collect(),
        format!("cut off: {}", &secret[..14]),
        format!("{:?}", secret.as_bytes()),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
    ];
    for text in hidden {
        assert!(!search.within(text.as_bytes()).is_empty(), "{text}");
    }
    for before in ["", "x", "xy", "xyz"] {
        let text = STANDARD.encode(format!("{before}{secret} and more"));
        assert!(!search.within(text.as_bytes()).is_empty(), "{text}");
    }
    assert!(search.within(b"5f1c and nothing that tells").is_empty());
}

impl Cage {
    /// Secrets where they do not belong.
    async fn bad_requests(&self) {
        let good = |secret: &str| json!({ "name": "bad", "serverUrl": self.peer.url, "authType": "bearer", "bearerToken": secret });
        let with = |name: &str, value: Value| {
            let mut body = good(&self.secret("a token in a bad request"));
            body[name] = value;
            body
        };
        let misplaced = self.secret("a misplaced token");
        let mut bodies = vec![
            with("name", json!([misplaced])),
            with("serverUrl", json!(misplaced)),
            with(
                "serverUrl",
                json!(format!("http://me:{misplaced}@localhost/")),
            ),
            with("authType", json!(misplaced)),
            with("authType", json!("none")),
            with("headerName", json!(misplaced)),
            with("apiKey", json!(misplaced)),
            with("enabled", json!(misplaced)),
            with("checkIntervalSeconds", json!(misplaced)),
            with("bearerToken", json!({ "value": misplaced })),
            with("bearerToken", json!([misplaced])),
            with("bearerToken", json!(format!("{misplaced}\n"))),
            with("bearerToken", json!(format!("{misplaced} {misplaced}"))),
            with("bearerToken", json!(format!("{misplaced}é"))),
            with("bearerToken", json!(misplaced.repeat(500))),
        ];
        bodies.push(json!([misplaced]));
        bodies.push(json!(misplaced));
        for body in bodies {
            self.ask(Method::POST, CONNECTIONS, Some(body), 400).await;
        }

        let api = self.watched.api();
        let json_type = [("content-type", "application/json")];
        let raw = async |path: &str, headers: &[(&str, &str)], body: String, expected: u16| {
            let answer = api
                .send_raw(Method::POST, path, headers, body.into_bytes())
                .await;
            self.note(answer, &[expected]);
        };
        let whole = good(&misplaced).to_string();
        raw(CONNECTIONS, &json_type, format!("{whole}{whole}"), 400).await;
        raw(
            CONNECTIONS,
            &json_type,
            whole[..whole.len() - 2].to_owned(),
            400,
        )
        .await;
        raw(CONNECTIONS, &json_type, misplaced.clone(), 400).await;
        raw(CONNECTIONS, &json_type, whole.repeat(1000), 413).await;
        raw(CONNECTIONS, &[("content-type", "text/plain")], whole, 415).await;

        let in_url: String = misplaced
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        for (path, expected) in [
            (format!("{CONNECTIONS}?cursor={in_url}"), 400),
            (format!("{CONNECTIONS}?status={in_url}"), 400),
            (format!("{CONNECTIONS}?limit={in_url}"), 400),
            (format!("{CONNECTIONS}?search={in_url}"), 200),
            (format!("{CONNECTIONS}/{in_url}"), 404),
            (format!("{CONNECTIONS}/{in_url}/tools"), 404),
        ] {
            self.ask(Method::GET, &path, None, expected).await;
        }

        let id = self.watched.register_open("open", &self.peer.url).await;
        let path = format!("{CONNECTIONS}/{id}");
        let tag = [("if-match", misplaced.as_str())];
        let body = json!({ "name": "renamed" });
        let answer = api.send(Method::PATCH, &path, &tag, Some(&body)).await;
        self.note(answer, &[412]);
        let rotated = format!("{path}/credential");
        for (method, path, body) in [
            (Method::PUT, &rotated, json!({ "bearerToken": misplaced })),
            (
                Method::PUT,
                &rotated,
                json!({ "bearerToken": misplaced, "apiKey": misplaced }),
            ),
            (
                Method::PUT,
                &rotated,
                json!({ "bearerToken": 7, "apiKey": [misplaced] }),
            ),
            (Method::PATCH, &path, json!({ "bearerToken": misplaced })),
            (Method::PATCH, &path, json!({ "authType": misplaced })),
        ] {
            let answer = api.send(method, path, &[], Some(&body)).await;
            self.note(answer, &[400, 409]);
        }
    }

    /// Keys that open nothing.
    async fn bad_keys(&self) {
        let good = &self.watched.acme().organisation_service_key;
        let wrong = format!(
            "{}{}",
            &good[..good.len() - 1],
            if good.ends_with('0') { '1' } else { '0' }
        );
        self.watch_key("a key with a slip in it", &wrong);
        let made_up = self.secret("a made-up key");
        for authorization in [
            format!("Bearer {wrong}"),
            format!("Bearer {made_up}"),
            format!("Basic {}", STANDARD.encode(format!("me:{made_up}"))),
            format!("Basic {good}"),
            made_up.clone(),
        ] {
            let client = self.watched.with_authorization(Some(&authorization));
            for path in [CONNECTIONS, "/nowhere"] {
                let answer = client.get(path).await;
                self.note(answer, &[401, 404]);
            }
        }
        // What such a key may not do.
        let user = self
            .watched
            .with_key(&self.watched.acme().workspace_user_key);
        let body = json!({ "name": "no", "serverUrl": self.peer.url, "authType": "bearer", "bearerToken": made_up });
        let answer = user.post(CONNECTIONS, &body).await;
        self.note(answer, &[201, 403]);
    }

    /// Everything that can be done with a connection, to a server that does as it likes with what it hears.
    async fn whole_life(&self, behaviour: Behaviour) {
        let name = format!("{behaviour:?}");
        self.peer.behave(behaviour);
        for body in [
            json!({ "authType": "bearer", "bearerToken": self.secret(&name) }),
            json!({ "authType": "api_key", "headerName": "x-key", "apiKey": self.secret(&name) }),
        ] {
            let member = match body["authType"].as_str() {
                Some("bearer") => "bearerToken",
                _ => "apiKey",
            };
            let another = || json!({ member: self.secret(&format!("another, {name}")) });
            let mut whole = body;
            whole["name"] = json!(format!("{name}, {member}"));
            whole["serverUrl"] = json!(self.peer.url);
            let made = self.create_twice(&whole).await;
            let path = format!("{CONNECTIONS}/{}", id_of(&made));

            for _ in 0..2 {
                self.ask(Method::POST, &format!("{path}/test"), Some(json!({})), 200)
                    .await;
                self.watched.clock.turn_to_next_minute();
                self.hear(&self.watched.tick().await.to_string());
            }
            for below in ["", "/tools", "/health"] {
                self.ask(Method::GET, &format!("{path}{below}"), None, 200)
                    .await;
            }
            self.ask(Method::GET, CONNECTIONS, None, 200).await;
            let api = self.watched.api();
            let answer = api.put(&format!("{path}/credential"), &another()).await;
            self.note(answer, &[200, 422]);
            self.ask(Method::PATCH, &path, Some(another()), 200).await;
            self.ask(Method::POST, &format!("{path}/test"), Some(json!({})), 200)
                .await;
            let moved = json!({ "serverUrl": self.peer.named_url() });
            self.ask(Method::PATCH, &path, Some(moved), 409).await;
            let taken = self.ask(Method::POST, CONNECTIONS, Some(whole), 409).await;
            assert_eq!(taken.code(), "name_taken");
            if member == "apiKey" {
                self.ask(Method::DELETE, &path, None, 204).await;
            }
        }
        self.peer.heal();
    }

    async fn create_twice(&self, body: &Value) -> Value {
        let api = self.watched.api();
        let key = random();
        let headers = [("idempotency-key", key.as_str())];
        let send = async |api: &Client, body: &Value| {
            api.send(Method::POST, CONNECTIONS, &headers, Some(body))
                .await
        };
        let first = self.note(send(&api, body).await, &[201]);
        let second = self.note(send(&api, body).await, &[201]);
        assert_eq!(first.json(), second.json());
        let mut other = body.clone();
        other["bearerToken"] = json!(self.secret("a token with a used Idempotency-Key"));
        self.note(send(&api, &other).await, &[400, 422]);
        first.json()
    }

    /// Errors of AWS speak of requests, and requests to Secrets Manager have secrets in them.
    async fn disturbances(&self) {
        let faults = [
            Fault::Throttle,
            Fault::ThrottleAccount,
            Fault::Conflict,
            Fault::LoseAnswer,
            // Cannot happen to anything but a batch, and is answered with an error that no SDK knows.
            Fault::Unprocessed { done: 0 },
        ];
        for fault in faults {
            for first in 0..8 {
                let calm = || self.watched.calm();
                let name = format!("{fault:?} {first}");
                let whole = json!({ "name": name, "serverUrl": self.peer.url, "authType": "bearer", "bearerToken": self.secret(&name) });
                let api = self.watched.api();

                self.watched.disturb(first..usize::MAX, fault);
                let answer = api.post(CONNECTIONS, &whole).await;
                let answer = self.note(answer, &[201, 409, 500, 503]);
                calm();
                if answer.status != 201 {
                    continue;
                }
                let path = format!("{CONNECTIONS}/{}", id_of(&answer.json()));
                for (method, below) in [(Method::PUT, "/credential"), (Method::PATCH, "")] {
                    let body = json!({ "bearerToken": self.secret(&name) });
                    let path = format!("{path}{below}");
                    self.watched.disturb(first..usize::MAX, fault);
                    let answer = api.send(method, &path, &[], Some(&body)).await;
                    self.note(answer, &[200, 409, 422, 500, 503]);
                    calm();
                }
            }
        }
        self.watched.clock.turn_seconds(6 * 60);
        self.hear(&self.watched.sweep().await.to_string());
    }

    /// Founding a tenant shows its keys once, to whoever asked for it.
    async fn tenant_creation(&self) {
        let asked = json!({ "name": "Third", "keys": ["organisation-service"] });
        let created = self.watched.invoke("create-tenant", asked).await.unwrap();
        let key = created["keys"]["organisation-service"].as_str().unwrap();
        self.watch_key("a third organisation's key", key);
        let answer = self.watched.with_key(key).get(CONNECTIONS).await;
        self.note(answer, &[200]);
        let misplaced = self.secret("a secret in the operator's event");
        let event = json!({ "name": "Fourth", "keys": [misplaced] });
        let refused = self.watched.invoke("create-tenant", event).await;
        self.hear(&refused.unwrap_err().0);
    }
}
