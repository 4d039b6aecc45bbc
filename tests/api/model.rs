//! Whatever callers ask, whatever servers do and however time passes: the API says what a simple model says.
//!
//! `steps` draws what happens, `rules` is the model; here both are led side by side and compared after each step. What a tick checks
//! follows from `nextCheckAt`, which is thereby held to be true.
//!
//! `STEWARD_MODEL_CASES` runs more cases, then of a new seed each time, or of `PROPTEST_RNG_SEED`.

mod rules;
mod steps;

use std::collections::BTreeMap;

use harness::{
    client::{Answer, Client},
    peers::{Behaviour, Peer},
    stack::TestStack,
};
use http::Method;
use proptest::{prelude::*, test_runner::RngSeed};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use serde_json::Value;
use shared::{ports::Clock as _, timestamp::Timestamp};
use tokio::runtime::Runtime;

use self::{
    rules::{Expected, Model},
    steps::{IfMatch, Mood, SERVERS, Step, step},
};

const CONNECTIONS: &str = "/api/mcp-connections";
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";
const MINUTE: i64 = 60_000;

fn config() -> ProptestConfig {
    #[expect(
        clippy::disallowed_methods,
        reason = "a longer run is asked for from outside"
    )]
    let asked = std::env::var("STEWARD_MODEL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let usual = ProptestConfig {
        failure_persistence: None,
        // A case takes a second or two.
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    };
    match asked {
        Some(cases) => ProptestConfig { cases, ..usual },
        None => ProptestConfig {
            cases: 24,
            rng_seed: RngSeed::Fixed(20_261_122),
            ..usual
        },
    }
}

prop_state_machine! {
    #![proptest_config(config())]
    #[test]
    fn the_api_says_what_a_simple_model_says(sequential 1..26 => World);
}

/// Draws the steps. None needs another before it, so there is nothing to remember.
struct Steps;

impl ReferenceStateMachine for Steps {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        step()
    }

    fn apply((): (), _: &Step) {}
}

/// The stack and the model.
struct World {
    runtime: Runtime,
    inner: Inner,
}

struct Inner {
    stack: TestStack,
    peers: Vec<Peer>,
    urls: Vec<String>,
    clients: [Client; 2],
    model: Model,
    /// The last request with an idempotency key.
    keyed: Option<Step>,
}

impl StateMachineTest for World {
    type SystemUnderTest = Self;
    type Reference = Steps;

    fn init_test((): &()) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let inner = runtime.block_on(Inner::start());
        Self { runtime, inner }
    }

    fn apply(mut world: Self, (): &(), step: Step) -> Self {
        let Self { runtime, inner } = &mut world;
        runtime.block_on(async {
            inner.take(step).await;
            inner.compare().await;
        });
        world
    }
}

impl Inner {
    async fn start() -> Self {
        let stack = TestStack::start().await;
        // What lies before the first tick of all nobody missed; after it, missed minutes are caught up.
        stack.tick().await;
        let mut peers = Vec::new();
        for _ in 0..SERVERS {
            peers.push(Peer::hostile(Behaviour::Modern).start().await);
        }
        let urls = peers
            .iter()
            .map(|peer| peer.url.trim_end_matches("/mcp").to_owned())
            .collect();
        let clients = [stack.api(), stack.stranger()];
        Self {
            stack,
            peers,
            urls,
            clients,
            model: Model::new(SERVERS),
            keyed: None,
        }
    }

    fn tenant_id(&self, tenant: usize) -> &str {
        &self.stack.stack.tenants[tenant].tenant_id
    }

    /// The index that `which` means, and the path to ask at.
    fn path(&self, which: usize) -> (Option<usize>, String) {
        let which = which % (self.model.connections.len() + 1);
        let known = self.model.connections.get(which);
        let id = known.map_or(NOBODYS, |connection| &connection.id);
        (known.map(|_| which), format!("{CONNECTIONS}/{id}"))
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Repeat => {
                if let Some(Step::Create { tenant, body, key }) = self.keyed.clone() {
                    self.create(tenant, body, key).await;
                }
            }
            Step::Create { tenant, body, key } => self.create(tenant, body, key).await,
            Step::Patch {
                tenant,
                which,
                body,
                seen,
            } => {
                let (which, path) = self.path(which);
                let version = which.map_or(1, |which| self.model.connections[which].version);
                let tag = match seen {
                    IfMatch::Absent => None,
                    IfMatch::Current => Some(format!("\"{version}\"")),
                    IfMatch::Stale => Some(format!("\"{}\"", version + 1)),
                };
                let headers: Vec<_> = tag.iter().map(|tag| ("if-match", tag.as_str())).collect();
                let sent = body.json(&self.urls);
                let answer = self.clients[tenant]
                    .send(Method::PATCH, &path, &headers, Some(&sent))
                    .await;
                let expected = self.model.patch(tenant, which, &body, seen);
                self.agree(&answer, &expected);
            }
            Step::Rotate {
                tenant,
                which,
                member,
                token,
            } => {
                let (which, path) = self.path(which);
                let body = serde_json::json!({ member: token });
                let answer = self.clients[tenant]
                    .put(&format!("{path}/credential"), &body)
                    .await;
                let expected = self.model.rotate(tenant, which, member, &token);
                self.agree(&answer, &expected);
            }
            Step::Test { tenant, which } => {
                let (which, path) = self.path(which);
                let answer = self.clients[tenant]
                    .send(Method::POST, &format!("{path}/test"), &[], None)
                    .await;
                let expected = self.model.test(tenant, which);
                self.agree(&answer, &expected);
                if let (Expected::Status(200), Some(which)) = (expected, which) {
                    let found = self.model.connections[which].health.reason;
                    let status = if found.is_none() { "active" } else { "error" };
                    assert_eq!(answer.json()["status"], status);
                    assert_eq!(answer.json()["statusReason"].as_str(), found);
                }
            }
            Step::Delete { tenant, which } => {
                let (which, path) = self.path(which);
                let answer = self.clients[tenant].delete(&path).await;
                let expected = self.model.delete(tenant, which);
                self.agree(&answer, &expected);
            }
            Step::Read { tenant, which } => {
                let (which, path) = self.path(which);
                let answer = self.clients[tenant].get(&path).await;
                self.agree(&answer, &self.model.read(tenant, which));
                if answer.status == 404 {
                    let unknown = self.clients[tenant]
                        .get(&format!("{CONNECTIONS}/{NOBODYS}"))
                        .await;
                    assert_eq!(answer.anonymous(), unknown.anonymous());
                }
            }
            Step::List {
                tenant,
                status,
                search,
                limit,
            } => self.list(tenant, status, search, limit).await,
            Step::Change { server, mood } => {
                let peer = &self.peers[server];
                match &mood {
                    Mood::Down => peer.down().await,
                    Mood::Open => {
                        peer.clear_credential();
                        peer.up().await;
                    }
                    Mood::Wants(token) => {
                        peer.set_bearer(token);
                        peer.up().await;
                    }
                }
                self.model.moods[server] = mood;
            }
            Step::Tick => self.tick().await,
            Step::Wait { seconds } => self.stack.clock.turn_seconds(seconds),
        }
    }

    async fn create(&mut self, tenant: usize, body: steps::Body, key: Option<u8>) {
        let sent = body.json(&self.urls);
        let key_text = key.map(|key| format!("key-{key}"));
        let headers: Vec<_> = key_text
            .iter()
            .map(|key| ("idempotency-key", key.as_str()))
            .collect();
        let answer = self.clients[tenant]
            .send(Method::POST, CONNECTIONS, &headers, Some(&sent))
            .await;
        let expected = self.model.create(tenant, &body, &sent, key);
        if let Expected::Connection(201, made) = expected {
            assert_eq!(answer.status, 201, "{answer:?}");
            let connection = &mut self.model.connections[made];
            connection.made = answer.json();
            connection.id = connection.made["id"].as_str().expect("an id").to_owned();
        }
        self.agree(&answer, &expected);
        if key.is_some() {
            self.keyed = Some(Step::Create { tenant, body, key });
        }
    }

    fn agree(&self, answer: &Answer, expected: &Expected) {
        match expected {
            Expected::Connection(status, which) => {
                assert_eq!(answer.status, *status, "{answer:?}");
                let version = format!("\"{}\"", self.model.connections[*which].version);
                assert_eq!(answer.header("etag"), Some(version.as_str()));
                self.is_shown(&answer.json(), *which);
            }
            Expected::Replayed(which) => {
                assert_eq!(answer.status, 201, "{answer:?}");
                let mut made = self.model.connections[*which].made.clone();
                // Time has passed.
                made["nextCheckAt"] = answer.json()["nextCheckAt"].clone();
                assert_eq!(answer.json(), made);
            }
            Expected::Status(status) => assert_eq!(answer.status, *status, "{answer:?}"),
            Expected::Error(status, code) => {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (*status, *code),
                    "{answer:?}"
                );
            }
        }
    }

    fn is_shown(&self, shown: &Value, which: usize) {
        let connection = &self.model.connections[which];
        let expected = connection.shown(self.tenant_id(connection.tenant), &self.urls);
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&shown[name], value, "{name} of {shown}");
        }
        for (name, is_there) in connection.facts() {
            assert_eq!(!shown[name].is_null(), is_there, "{name} of {shown}");
        }
    }

    /// Every connection of both tenants by id.
    async fn all(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        for client in &self.clients {
            let listed = client.get(&format!("{CONNECTIONS}?limit=500")).await.json();
            for one in listed.as_array().expect("a list") {
                all.insert(one["id"].as_str().expect("an id").to_owned(), one.clone());
            }
        }
        all
    }

    /// Holds all that the API shows against the model.
    async fn compare(&self) {
        let all = self.all().await;
        let there = self
            .model
            .connections
            .iter()
            .enumerate()
            .filter(|(_, one)| one.is_there);
        let mut number = 0;
        for (which, connection) in there {
            number += 1;
            let shown = all.get(&connection.id);
            self.is_shown(
                shown.unwrap_or_else(|| panic!("{connection:?} is missing")),
                which,
            );
        }
        assert_eq!(all.len(), number);
        let secrets = self.stack.stack.secrets_manager.names().len();
        let credentials = self
            .model
            .connections
            .iter()
            .filter(|one| one.is_there && one.auth != rules::Auth::None);
        assert_eq!(secrets, credentials.count());
    }

    async fn list(&self, tenant: usize, status: Option<&str>, search: Option<&str>, limit: usize) {
        let mut query = url_query(&[("limit", &limit.to_string())]);
        for (name, value) in [("status", status), ("search", search)] {
            if let Some(value) = value {
                query.push_str(&format!("&{}", url_query(&[(name, value)])));
            }
        }
        let pages = self.clients[tenant]
            .pages(&format!("{CONNECTIONS}?{query}"))
            .await;
        assert!(pages.iter().all(|page| page.len() <= limit));
        let found: Vec<&str> = pages
            .iter()
            .flatten()
            .filter_map(|one| one["id"].as_str())
            .collect();
        let contains = |name: &str| {
            search.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
        };
        let expected = self.model.of(tenant).into_iter().filter(|one| {
            status.is_none_or(|status| one.health.status() == status) && contains(&one.name)
        });
        let expected: Vec<&str> = expected.map(|one| one.id.as_str()).collect();
        assert_eq!(found, expected, "{query}");
    }

    async fn tick(&mut self) {
        let before = self.all().await;
        self.stack.clock.turn_to_next_minute();
        let now = self.stack.clock.now();
        let tally = self.stack.tick().await;
        assert_eq!(
            (&tally["faults"], &tally["postponed"]),
            (&Value::from(0), &Value::from(0)),
            "{tally}"
        );
        let after = self.all().await;
        let mut checks = 0;
        for which in 0..self.model.connections.len() {
            let connection = &self.model.connections[which];
            let Some(shown) = before.get(&connection.id) else {
                continue;
            };
            let path = format!("{CONNECTIONS}/{}/health?limit=500", connection.id);
            let health = self.clients[connection.tenant].get(&path).await.json();
            let samples = health["checks"].as_array().expect("a list").len();
            let times = samples - connection.samples;
            assert_eq!(
                times > 0,
                is_promised(shown, now),
                "{tally} at {now}: {shown} {health}"
            );
            checks += times;
            let mut is_wanted = false;
            for n in 0..times {
                assert!(n == 0 || is_wanted, "checked {times} times: {shown}");
                is_wanted = self.model.check(which);
            }
            if is_wanted {
                // It came so late that its confirmation is not this tick's.
                let next = moment(&after[&self.model.connections[which].id]["nextCheckAt"]);
                assert!(next >= now.plus_seconds(60), "{shown}");
            }
        }
        assert_eq!(tally["checks"], checks);
    }
}

/// Whether a connection is to be checked by a tick that begins now. What is to be confirmed in the course of the minute is;
/// everything else waits for a minute of its own.
fn is_promised(shown: &Value, now: Timestamp) -> bool {
    if shown["nextCheckAt"].is_null() {
        return false;
    }
    let at = moment(&shown["nextCheckAt"]);
    let end = if at.millis() % MINUTE == 0 {
        now
    } else {
        now.plus_seconds(60)
    };
    at <= end
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().and_then(Timestamp::parse).expect("a moment")
}

/// A query of ASCII or not.
fn url_query(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect::<String>()
    };
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}
