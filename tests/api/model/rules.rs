//! The contract in as few lines as it takes: a list of structs, and what each request does to it. Shares no code with what it
//! is compared with.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::steps::{Body, IfMatch, Mood};

/// What a request is to be answered with.
#[derive(Debug, PartialEq)]
pub enum Expected {
    /// The connection with this index, as it is now.
    Connection(u16, usize),
    /// The connection with this index, as it was when it was made.
    Replayed(usize),
    Status(u16),
    Error(u16, &'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    None,
    Bearer(String),
    ApiKey(String, String),
}

#[derive(Clone, Debug)]
pub struct Connection {
    pub id: String,
    pub tenant: usize,
    /// Gone is gone for good; the index stays, so that a deleted connection can be asked for.
    pub is_there: bool,
    pub name: String,
    /// The server, and the path on it.
    pub place: (usize, String),
    pub auth: Auth,
    pub enabled: bool,
    pub interval: u64,
    pub version: u64,
    pub health: Health,
    /// Checks so far, whatever the connection was at the time.
    pub samples: usize,
    /// What the API answered when it was made.
    pub made: Value,
}

/// What is known since the address, the authentication or the credential changed.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Nothing until there is a verdict.
    pub works: Option<bool>,
    pub reason: Option<&'static str>,
    pub failures: u64,
    pub successes: u64,
    pub is_failing: bool,
    pub has_succeeded: bool,
    pub is_checked: bool,
}

impl Health {
    /// Notes one check; says whether another one is wanted soon, to confirm it.
    pub fn note(&mut self, found: Option<&'static str>) -> bool {
        self.is_checked = true;
        self.reason = found;
        let Some(reason) = found else {
            (self.failures, self.successes) = (0, self.successes + 1);
            self.has_succeeded = true;
            if self.works == Some(false) && self.successes < 2 {
                return true;
            }
            (self.works, self.is_failing) = (Some(true), false);
            return false;
        };
        (self.failures, self.successes) = (self.failures + 1, 0);
        self.is_failing = true;
        if reason == "connect_refused" && self.works == Some(true) && self.failures < 3 {
            return true;
        }
        self.works = Some(false);
        false
    }

    pub fn status(&self) -> &'static str {
        match self.works {
            None => "unknown",
            Some(true) => "active",
            Some(false) => "error",
        }
    }
}

#[derive(Default)]
pub struct Model {
    pub connections: Vec<Connection>,
    /// Every server's mood.
    pub moods: Vec<Mood>,
    /// The connection that a tenant's idempotency key made, and of what body.
    pub keys: BTreeMap<(usize, u8), (Value, usize)>,
}

impl Model {
    pub fn new(servers: usize) -> Self {
        Self {
            moods: vec![Mood::Open; servers],
            ..Self::default()
        }
    }

    /// A tenant's connections that are there, oldest id first.
    pub fn of(&self, tenant: usize) -> Vec<&Connection> {
        let mut found: Vec<_> = self
            .connections
            .iter()
            .filter(|one| one.tenant == tenant && one.is_there)
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    fn is_taken(&self, tenant: usize, name: &str, but: Option<usize>) -> bool {
        let mut all = self.connections.iter().enumerate();
        all.any(|(n, one)| {
            Some(n) != but && one.is_there && one.tenant == tenant && one.name == name
        })
    }

    /// What a server says to who comes with this.
    pub fn found(&self, server: usize, auth: &Auth) -> Option<&'static str> {
        match (&self.moods[server], auth) {
            (Mood::Down, _) => Some("connect_refused"),
            (Mood::Open, _) => None,
            (Mood::Wants(wanted), Auth::Bearer(token)) if token == wanted => None,
            (Mood::Wants(_), Auth::None) => Some("auth_required"),
            (Mood::Wants(_), _) => Some("credential_rejected"),
        }
    }

    /// How a connection is to authenticate by a body, and whether the credential is given; nothing if the body is wrong.
    fn auth(body: &Body, kept: Option<&Auth>) -> Option<(Auth, bool)> {
        let kind = |auth: &Auth| match auth {
            Auth::None => "none",
            Auth::Bearer(_) => "bearer",
            Auth::ApiKey(..) => "api_key",
        };
        let kept_kind = kept.map(kind);
        let wanted = body.auth_type.or(kept_kind)?;
        let is_new = kept_kind != Some(wanted);
        let Body {
            token, header, key, ..
        } = body;
        match wanted {
            "none" if token.is_none() && header.is_none() && key.is_none() => {
                Some((Auth::None, false))
            }
            "bearer" if header.is_none() && key.is_none() => match (token, kept) {
                (Some(token), _) => Some((Auth::Bearer(token.clone()), true)),
                (None, Some(kept)) if !is_new => Some((kept.clone(), false)),
                _ => None,
            },
            "api_key" if token.is_none() => {
                let (old_header, old_key) = match kept {
                    Some(Auth::ApiKey(header, key)) => (Some(header), Some(key)),
                    _ => (None, None),
                };
                let (new_header, new_key) =
                    (header.as_ref().or(old_header)?, key.as_ref().or(old_key)?);
                Some((
                    Auth::ApiKey(new_header.clone(), new_key.clone()),
                    key.is_some(),
                ))
            }
            _ => None,
        }
    }

    /// A name or an interval that cannot be.
    fn is_wrong(body: &Body) -> bool {
        body.name
            .as_ref()
            .is_some_and(|name| name.trim().is_empty())
            || body
                .interval
                .is_some_and(|seconds| !(60..=3600).contains(&seconds))
    }

    pub fn create(
        &mut self,
        tenant: usize,
        body: &Body,
        sent: &Value,
        key: Option<u8>,
    ) -> Expected {
        let auth = Self::auth(body, None);
        let (Some(name), Some(place), Some((auth, _))) = (&body.name, &body.place, auth) else {
            return Expected::Error(400, "invalid_request");
        };
        if Self::is_wrong(body) {
            return Expected::Error(400, "invalid_request");
        }
        if let Some((before, made)) = key.and_then(|key| self.keys.get(&(tenant, key))) {
            return if before == sent {
                Expected::Replayed(*made)
            } else {
                Expected::Error(422, "idempotency_key_reused")
            };
        }
        if self.is_taken(tenant, name, None) {
            return Expected::Error(409, "name_taken");
        }
        let made = self.connections.len();
        self.connections.push(Connection {
            id: String::new(),
            tenant,
            is_there: true,
            name: name.clone(),
            place: place.clone(),
            auth,
            enabled: body.enabled.unwrap_or(true),
            interval: body.interval.unwrap_or(300),
            version: 1,
            health: Health::default(),
            samples: 0,
            made: Value::Null,
        });
        if let Some(key) = key {
            self.keys.insert((tenant, key), (sent.clone(), made));
        }
        Expected::Connection(201, made)
    }

    /// The connection that a tenant may see under this index.
    fn seen(&self, tenant: usize, which: Option<usize>) -> Option<usize> {
        which.filter(|which| {
            self.connections[*which].is_there && self.connections[*which].tenant == tenant
        })
    }

    pub fn read(&self, tenant: usize, which: Option<usize>) -> Expected {
        match self.seen(tenant, which) {
            Some(which) => Expected::Connection(200, which),
            None => Expected::Error(404, "not_found"),
        }
    }

    pub fn patch(
        &mut self,
        tenant: usize,
        which: Option<usize>,
        body: &Body,
        seen: IfMatch,
    ) -> Expected {
        let Some(which) = self.seen(tenant, which) else {
            return Expected::Error(404, "not_found");
        };
        if seen == IfMatch::Stale {
            return Expected::Error(412, "version_mismatch");
        }
        let before = self.connections[which].clone();
        let Some((auth, is_given)) =
            Self::auth(body, Some(&before.auth)).filter(|_| !Self::is_wrong(body))
        else {
            return Expected::Error(400, "invalid_request");
        };
        let place = body.place.clone().unwrap_or(before.place.clone());
        if place.0 != before.place.0 && auth != Auth::None && !is_given {
            return Expected::Error(409, "credential_required");
        }
        let name = body.name.clone().unwrap_or(before.name.clone());
        if self.is_taken(tenant, &name, Some(which)) {
            return Expected::Error(409, "name_taken");
        }
        let after = Connection {
            name,
            place,
            auth,
            enabled: body.enabled.unwrap_or(before.enabled),
            interval: body.interval.unwrap_or(before.interval),
            ..before.clone()
        };
        let is_other = is_given || after.auth != before.auth || after.place != before.place;
        let is_changed = is_other
            || (&after.name, after.enabled, after.interval)
                != (&before.name, before.enabled, before.interval);
        self.connections[which] = Connection {
            version: before.version + u64::from(is_changed),
            health: if is_other {
                Health::default()
            } else {
                before.health
            },
            ..after
        };
        Expected::Connection(200, which)
    }

    pub fn rotate(
        &mut self,
        tenant: usize,
        which: Option<usize>,
        member: &str,
        token: &str,
    ) -> Expected {
        let Some(which) = self.seen(tenant, which) else {
            return Expected::Error(404, "not_found");
        };
        let auth = match (&self.connections[which].auth, member) {
            (Auth::None, _) => return Expected::Error(409, "no_credential"),
            (Auth::Bearer(_), "bearerToken") => Auth::Bearer(token.to_owned()),
            (Auth::ApiKey(header, _), "apiKey") => Auth::ApiKey(header.clone(), token.to_owned()),
            _ => return Expected::Error(400, "invalid_request"),
        };
        if self.found(self.connections[which].place.0, &auth).is_some() {
            return Expected::Error(422, "credential_not_proven");
        }
        let connection = &mut self.connections[which];
        connection.auth = auth;
        connection.version += 1;
        // The proof is the first check of what it has become.
        connection.health = Health::default();
        connection.health.note(None);
        connection.samples += 1;
        Expected::Connection(200, which)
    }

    pub fn test(&mut self, tenant: usize, which: Option<usize>) -> Expected {
        let Some(which) = self.seen(tenant, which) else {
            return Expected::Error(404, "not_found");
        };
        self.check(which);
        Expected::Status(200)
    }

    /// Notes a check of a connection; says whether it is to be confirmed.
    pub fn check(&mut self, which: usize) -> bool {
        let found = self.found(
            self.connections[which].place.0,
            &self.connections[which].auth,
        );
        let connection = &mut self.connections[which];
        connection.samples += 1;
        connection.health.note(found)
    }

    pub fn delete(&mut self, tenant: usize, which: Option<usize>) -> Expected {
        let Some(which) = self.seen(tenant, which) else {
            return Expected::Error(404, "not_found");
        };
        self.connections[which].is_there = false;
        self.keys.retain(|_, (_, made)| *made != which);
        Expected::Status(204)
    }
}

impl Connection {
    /// All that can be known of what the API says of it.
    pub fn shown(&self, tenant_id: &str, urls: &[String]) -> Value {
        let (auth_type, header) = match &self.auth {
            Auth::None => ("none", None),
            Auth::Bearer(_) => ("bearer", None),
            Auth::ApiKey(header, _) => ("api_key", Some(header)),
        };
        let mut shown = json!({
            "id": self.id,
            "tenantId": tenant_id,
            "name": self.name,
            "serverUrl": format!("{}{}", urls[self.place.0], self.place.1),
            "authType": auth_type,
            "status": self.health.status(),
            "statusReason": self.health.reason,
            "consecutiveFailures": self.health.failures,
            "enabled": self.enabled,
            "checkIntervalSeconds": self.interval,
            "hasCredential": self.auth != Auth::None,
            "createdAt": self.made["createdAt"],
        });
        if let Some(header) = header {
            shown["headerName"] = json!(header);
        }
        shown
    }

    /// What is there exactly when this is so.
    pub fn facts(&self) -> [(&'static str, bool); 9] {
        [
            ("lastHealthCheckAt", self.health.is_checked),
            ("firstFailedAt", self.health.is_failing),
            ("lastSucceededAt", self.health.has_succeeded),
            ("latencyMs", self.health.is_checked),
            // What an earlier address offered says nothing about this one.
            ("instructions", self.health.has_succeeded),
            ("protocolVersion", self.health.has_succeeded),
            ("toolCount", self.health.has_succeeded),
            ("credentialUpdatedAt", self.auth != Auth::None),
            ("nextCheckAt", self.enabled),
        ]
    }
}
