//! The stack in which secrets are kept, all that was heard of it, and the search.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Mutex,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use harness::{
    client::Answer,
    faults::Watched,
    log,
    peers::{Behaviour, Peer, Seen},
    spellings::Search,
    stack::TestStack,
    stored,
};
use http::Method;
use local::stack::DemoTenant;
use serde_json::Value;

pub struct Cage {
    pub watched: Watched,
    pub peer: Peer,
    search: Mutex<Search>,
    /// Every answer, with its headers.
    heard: Mutex<String>,
}

impl Cage {
    pub async fn open() -> Self {
        let cage = Self {
            watched: TestStack::watched().await,
            peer: Peer::hostile(Behaviour::Modern).start().await,
            search: Mutex::default(),
            heard: Mutex::default(),
        };
        for tenant in [cage.watched.acme(), cage.watched.evil()] {
            let DemoTenant {
                organisation_service_key,
                workspace_service_key,
                workspace_user_key,
                system_key,
                ..
            } = tenant;
            cage.watch_key("an organisation's key", organisation_service_key);
            cage.watch_key("a workspace's key", workspace_service_key);
            cage.watch_key("a user's key", workspace_user_key);
            cage.watch_key("a gateway's key", system_key);
        }
        cage
    }

    /// A secret with everything in it that some encoding would change.
    pub fn secret(&self, name: &str) -> String {
        let [head, tail] = [random(), random()];
        let secret = format!("{head}\"\\+/%&<'={tail}");
        self.search.lock().unwrap().add(name, &secret);
        secret
    }

    /// A key begins with the ids of its tenant and itself, which are no secrets.
    pub fn watch_key(&self, name: &str, key: &str) {
        let (_, secret) = key.rsplit_once('_').unwrap();
        let mut search = self.search.lock().unwrap();
        search.add(&format!("the secret of {name}"), secret);
        let whole = key.strip_prefix("mcps_").unwrap();
        search.add_whole(name, key);
        search.add_whole(&format!("{name} without its mark"), whole);
    }

    pub fn hear(&self, text: &str) {
        let mut heard = self.heard.lock().unwrap();
        heard.push_str(text);
        heard.push('\n');
    }

    pub fn note(&self, answer: Answer, expected: &[u16]) -> Answer {
        assert!(expected.contains(&answer.status), "{}", answer.text());
        self.hear(&format!("{:?}\n{}", answer.headers, answer.text()));
        answer
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: u16,
    ) -> Answer {
        let api = self.watched.api();
        let answer = api.send(method, path, &[], body.as_ref()).await;
        self.note(answer, &[expected])
    }

    pub async fn search(&self) {
        let stack = &self.watched.stack.stack;
        let search = self.search.lock().unwrap();
        let log = log::text();
        assert!(log.contains("native-connections-rotate"), "there is a log");
        let items = stored::raw_items(stack);
        let hashes = stored::items(stack).into_iter();
        let hashes =
            hashes.filter(|item| item.sk().starts_with("KEY#") && item.0["hash"].is_string());
        assert_eq!(hashes.count(), 9, "keys are stored as hashes");
        let binary: Vec<u8> = items.iter().flat_map(binary).collect();

        let to_dynamodb = self.watched.dynamodb.seen();
        let to_secrets = self.watched.secrets_manager.seen();
        let with_values = to_secrets.iter().map(|seen| seen.body.to_string());
        assert!(
            !search.within(joined(with_values).as_bytes()).is_empty(),
            "they were used"
        );
        let without_values = to_secrets.iter().map(|seen| {
            let mut body = seen.body.clone();
            body["SecretString"] = Value::Null;
            body.to_string()
        });
        let beside_the_credential = self.peer.seen();
        let around = stack.secrets_manager.secrets().into_iter().map(|secret| {
            let tags: Vec<_> = secret.tags.iter().map(|tag| format!("{tag:?}")).collect();
            format!("{} {:?} {tags:?}", secret.name, secret.description)
        });
        for (place, haystack) in [
            ("the log", log),
            ("an answer", self.heard.lock().unwrap().clone()),
            ("an item", joined(items.iter().map(Value::to_string))),
            (
                "the bytes of an item",
                String::from_utf8_lossy(&binary).into_owned(),
            ),
            (
                "a request to DynamoDB",
                joined(to_dynamodb.iter().map(|seen| seen.body.to_string())),
            ),
            (
                "a request to Secrets Manager, beside the value",
                joined(without_values),
            ),
            ("a secret's name, description or tags", joined(around)),
            (
                "a request to a server, beside the credential",
                joined(beside_the_credential.iter().map(beside)),
            ),
        ] {
            assert!(!haystack.is_empty(), "nothing to search: {place}");
            let found = search.within(haystack.as_bytes());
            assert!(found.is_empty(), "in {place}: {found:#?}");
        }
    }
}

/// 128 random bits.
pub fn random() -> String {
    let [high, low] = [0, 1].map(|half| RandomState::new().hash_one(half));
    format!("{high:016x}{low:016x}")
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("\n")
}

/// The bytes in an item, wherever they are.
fn binary(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match (name.as_str(), member) {
                ("B", Value::String(text)) => STANDARD.decode(text).unwrap(),
                _ => binary(member),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(binary).collect(),
        _ => Vec::new(),
    }
}

/// A request without the headers that carry the credential.
fn beside(seen: &Seen) -> String {
    let carries = |name: &str| ["authorization", "x-key", "x-user-key"].contains(&name);
    let headers = seen.headers.iter().filter(|(name, _)| !carries(name));
    format!(
        "{} {:?} {}",
        seen.method,
        headers.collect::<Vec<_>>(),
        seen.body
    )
}
