//! Lambda authorizers in payload format 2.0 with simple answers, and the memory of what they said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::event::Asked;
use crate::template::{IdentitySource, Template};

/// Beyond this many remembered callers, those whose answer no longer holds are forgotten.
const PRUNE_AT: usize = 1_000;

pub struct Authorizers(Vec<Authorizer>);

pub struct Authorizer {
    /// The binary of the function that answers.
    pub function: String,
    name: String,
    sources: Vec<IdentitySource>,
    ttl: Duration,
    memory: Mutex<HashMap<Vec<String>, (Instant, Verdict)>>,
}

/// What an authorizer said about a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub allowed: bool,
    pub context: Json,
}

impl Authorizers {
    pub fn new(template: &Template) -> Self {
        let authorizers = template.authorizers.iter().map(|declared| Authorizer {
            // The template has been checked: the function is there.
            function: template
                .function(&declared.function)
                .map(|function| function.binary.clone())
                .unwrap_or_default(),
            name: declared.name.clone(),
            sources: declared.identity.clone(),
            ttl: declared.ttl,
            memory: Mutex::default(),
        });
        Self(authorizers.collect())
    }

    pub fn named(&self, name: &str) -> Option<&Authorizer> {
        self.0.iter().find(|authorizer| authorizer.name == name)
    }
}

impl Authorizer {
    /// The values of the identity sources; `None` when one is missing or empty, and then nobody is asked.
    pub fn identity(&self, asked: &Asked) -> Option<Vec<String>> {
        let value = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => asked.header(name).map(str::to_owned),
            IdentitySource::QueryString(name) => asked.query_parameter(name),
        };
        self.sources
            .iter()
            .map(|source| value(source).filter(|value| !value.is_empty()))
            .collect()
    }

    /// What was said about the same identity before, on whichever route, while it still holds.
    pub fn remembered(&self, identity: &[String]) -> Option<Verdict> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, verdict) = memory.get(identity)?;
        (*until > Instant::now()).then(|| verdict.clone())
    }

    pub fn remember(&self, identity: Vec<String>, verdict: Verdict) {
        if self.ttl.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= PRUNE_AT {
            memory.retain(|_, (until, _)| *until > now);
        }
        memory.insert(identity, (now + self.ttl, verdict));
    }
}

impl Verdict {
    /// `None` when the function's answer is not a simple response.
    pub fn read(returned: &Json) -> Option<Self> {
        let allowed = returned.get("isAuthorized")?.as_bool()?;
        let context = match returned.get("context") {
            None | Some(Json::Null) => json!({}),
            Some(context @ Json::Object(_)) => context.clone(),
            Some(_) => return None,
        };
        Some(Self { allowed, context })
    }
}
