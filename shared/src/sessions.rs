//! Sessions: what each user brings for a connection whose server wants headers of his own.
//!
//! Somebody asks a user ([`Sessions::invite`]), and within a quarter of an hour he submits values ([`Submission::submit`]), which are tried against the
//! server before they are kept. A user has one session on a connection: it is pending at first, and asked again it stays what it is
//! until he has submitted.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    audit::{Action, Author},
    caller::Caller,
    checkup::Checkup,
    configuration::Configuration,
    connection::{Connection, ConnectionId, HeaderName, Method},
    credential::{CredentialRef, CredentialVersion, Secret},
    error::{Error, Noun, Problem, Result},
    ports::{Clock, Ids, Integrations, Servers, Slice, UserSessions, Whose, Window},
    registry::free,
    right::Right,
    rotation::not_proven,
    server::ServerId,
    tenant::{UserId, WorkspaceId},
    timestamp::Timestamp,
    tokens::{TokenStore, Tokens, record},
    trust::Trust,
    user_connection::{Footing, Invitation, SessionStatus, UserConnection, UserConnectionId},
};

/// So long an invitation is good.
pub const LASTS_SECONDS: i64 = 15 * 60;
/// How often something is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 3;
/// Rows that are looked through for a page of those that match: so many windows of so many rows.
const MOST_WINDOWS: usize = 20;
const LOOKED_AT_ONCE: usize = 500;

/// Whom a caller may know of: a user himself, a workspace's key its members, an organisation's everybody.
pub fn whose(caller: &Caller) -> Whose {
    match (caller.user, caller.workspace) {
        (Some(user), _) => Whose::Users(user),
        (None, Some(workspace)) => Whose::Of(workspace),
        (None, None) => Whose::Everybodys,
    }
}

/// Whether a caller may know of this one.
pub fn reaches(caller: &Caller, row: &UserConnection) -> bool {
    match whose(caller) {
        Whose::Users(user) => row.user == user,
        Whose::Of(workspace) => row.workspace == workspace,
        Whose::Everybodys | Whose::On(_) => true,
    }
}

/// To deal with his own sessions a user needs no more than to call tools; whoever deals with others' needs `right`.
pub fn demand(caller: &Caller, right: Right) -> Result<()> {
    match caller.user {
        Some(_) => Ok(()),
        None => caller.demand(right),
    }
}

/// Which sessions are wanted. Values of one are alternatives, and all hold together.
#[derive(Default)]
pub struct Filter {
    /// Part of the connection's name, or the user's id.
    pub search: Option<String>,
    pub statuses: Option<Vec<SessionStatus>>,
    pub connections: Option<Vec<ConnectionId>>,
    /// Whether there is a credential.
    pub is_kept: Option<bool>,
}

/// A session with its connection, as far as that is there.
pub struct Session {
    pub row: UserConnection,
    pub connection: Option<Connection>,
}

#[derive(Clone)]
pub struct Sessions<S> {
    pub store: S,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl<S: UserSessions + Servers + Integrations> Sessions<S> {
    /// One that the caller may know of.
    pub async fn named(&self, caller: &Caller, id: UserConnectionId) -> Result<UserConnection> {
        let found = self.store.session(caller.tenant, id).await?;
        found
            .filter(|row| reaches(caller, row))
            .ok_or(Error::NotFound(Noun::Session))
    }

    /// One that was begun for the caller, or that he may deal with. That another user's is there is no secret: its link may have been passed on.
    pub async fn begun(&self, caller: &Caller, id: UserConnectionId) -> Result<UserConnection> {
        let found = self.store.session(caller.tenant, id).await?;
        let row = found.ok_or(Error::NotFound(Noun::Session))?;
        if reaches(caller, &row) {
            return Ok(row);
        }
        if caller.user.is_some() {
            return Err(Error::NotAllowed("the session is another user's"));
        }
        Err(Error::NotFound(Noun::Session))
    }

    /// A session with its connection.
    pub async fn whole(&self, row: UserConnection) -> Result<Session> {
        let mut with = self.with_connections(vec![row]).await?;
        with.pop().ok_or(Error::NotFound(Noun::Session))
    }

    /// Asks a user for what he is to bring. What he brought before stays in use meanwhile.
    pub async fn invite(
        &self,
        (caller, by): (&Caller, &Author),
        connection: &Connection,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<UserConnection> {
        demand_headers(connection)?;
        let server = ServerId::new(connection.id.uuid());
        for _ in 0..ATTEMPTS {
            let there = self
                .store
                .user_connection(connection.tenant, server, user)
                .await?;
            if let Some(row) = there {
                // Begun in a workspace that the caller does not reach, so it is not his to renew.
                if !reaches(caller, &row) {
                    return Err(Error::NotFound(Noun::Member));
                }
                match self.invite_again(by, &row).await {
                    Err(Error::Stale) => continue,
                    asked => return asked,
                }
            }
            let now = self.clock.now();
            let new = UserConnection {
                tenant: connection.tenant,
                id: UserConnectionId::new(self.ids.sortable(now)?),
                server,
                footing: Footing::Connection,
                workspace,
                user,
                credential: None,
                keys: Vec::new(),
                trust: Trust::PUBLIC,
                invitation: Some(invitation(now)),
                created_at: now,
                updated_at: now,
                revision: 1,
                unfinished: None,
            };
            let record = record(by, Action::Create, &new, &*self.ids, now)?;
            match self.store.insert(&new, Some(&record)).await {
                Err(Error::Taken(_)) => {}
                written => return written.map(|()| new),
            }
        }
        Err(Error::Busy)
    }

    /// Asks a user again. `Stale` when his session was changed or has ended since it was read.
    async fn invite_again(&self, by: &Author, row: &UserConnection) -> Result<UserConnection> {
        if row.unfinished.is_some() {
            return Err(Error::Busy);
        }
        let now = self.clock.now();
        let asked = UserConnection {
            invitation: Some(invitation(now)),
            revision: row.revision + 1,
            ..row.clone()
        };
        let record = record(by, Action::Update, row, &*self.ids, now)?;
        self.store.exchange(row, &asked, Some(&record)).await?;
        Ok(asked)
    }

    /// Asks the user of a session for what he is to bring now, in place of what he brought.
    pub async fn renew(&self, by: &Author, session: &Session) -> Result<UserConnection> {
        let connection = session.connection.as_ref();
        demand_headers(connection.ok_or(Error::NotFound(Noun::Session))?)?;
        match self.invite_again(by, &session.row).await {
            Err(Error::Stale) => Err(Error::Busy),
            asked => asked,
        }
    }

    /// Sessions that the caller may know of, newest first.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &Filter,
        window: Window,
    ) -> Result<Slice<Session>> {
        let tenant = caller.tenant;
        let whose = match (whose(caller), &filter.connections) {
            (Whose::Everybodys, Some(named)) if named.len() == 1 => Whose::On(named[0]),
            (whose, _) => whose,
        };
        if filter.is_kept_in(whose) {
            let Slice {
                items,
                total,
                has_more,
            } = self.store.sessions(tenant, whose, window).await?;
            return Ok(Slice {
                items: self.with_connections(items).await?,
                total,
                has_more,
            });
        }
        let (mut items, mut total, mut has_more) = (Vec::new(), 0, false);
        for number in 0..MOST_WINDOWS {
            let looked_at = Window {
                offset: number * LOOKED_AT_ONCE,
                limit: LOOKED_AT_ONCE,
            };
            let page = self.store.sessions(tenant, whose, looked_at).await?;
            has_more = page.has_more;
            let now = self.clock.now();
            for session in self.with_connections(page.items).await? {
                if !filter.keeps(
                    &session,
                    session.row.status(session.connection.as_ref(), now),
                ) {
                    continue;
                }
                if total >= window.offset && items.len() < window.limit {
                    items.push(session);
                }
                total += 1;
            }
            if !has_more {
                break;
            }
        }
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn with_connections(&self, rows: Vec<UserConnection>) -> Result<Vec<Session>> {
        let mut ids: Vec<_> = rows.iter().filter_map(UserConnection::connection).collect();
        ids.sort_unstable();
        ids.dedup();
        let listings = match (rows.first(), ids.as_slice()) {
            (Some(row), [_, ..]) => self.store.listings(row.tenant, &ids).await?,
            _ => Vec::new(),
        };
        let found: BTreeMap<_, _> = listings
            .into_iter()
            .map(|listing| (listing.connection.id, listing.connection))
            .collect();
        let with = |row: UserConnection| Session {
            connection: row.connection().and_then(|id| found.get(&id).cloned()),
            row,
        };
        Ok(rows.into_iter().map(with).collect())
    }
}

fn invitation(now: Timestamp) -> Invitation {
    Invitation {
        since: now,
        until: now.plus_seconds(LASTS_SECONDS),
    }
}

fn demand_headers(connection: &Connection) -> Result<()> {
    if connection.auth.method() == Method::PerUserHeaders {
        return Ok(());
    }
    Err(Error::invalid(
        "id",
        "names a client whose users bring no headers of their own",
    ))
}

impl Filter {
    /// Whether a list is kept of just what it wants.
    fn is_kept_in(&self, whose: Whose) -> bool {
        self.search.is_none()
            && self.statuses.is_none()
            && self.is_kept.is_none()
            && (self.connections.is_none() || matches!(whose, Whose::On(_)))
    }

    fn keeps(&self, Session { row, connection }: &Session, status: SessionStatus) -> bool {
        let is_found = |part: &String| {
            row.user.to_string() == *part
                || connection
                    .as_ref()
                    .is_some_and(|row| row.name.contains(part))
        };
        let is_on = |ids: &Vec<ConnectionId>| row.connection().is_some_and(|id| ids.contains(&id));
        self.search.as_ref().is_none_or(is_found)
            && self.connections.as_ref().is_none_or(is_on)
            && self
                .statuses
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&status))
            && self
                .is_kept
                .is_none_or(|kept| row.credential.is_some() == kept)
    }
}

impl<S: TokenStore> Tokens<S> {
    /// Deletes what a user brought for a connection, and that he was asked for it.
    pub async fn end_session(&self, by: &Author, row: &UserConnection) -> Result<()> {
        self.forget_at(by, row.tenant, row.server, row.user).await
    }
}

/// Takes what users bring.
pub struct Submission<S> {
    pub tokens: Tokens<S>,
    pub checkup: Checkup,
}

impl<S: TokenStore> Submission<S> {
    /// Keeps what a user was asked for, if the server accepts it beside what is sent for everybody. What he does not give again stays what it was.
    /// `field` is where it stands in the request.
    pub async fn submit(
        &self,
        by: &Author,
        row: &UserConnection,
        given: Map<String, Value>,
        field: &str,
    ) -> Result<()> {
        let now = self.tokens.clock.now();
        free(row.unfinished.as_ref(), now)?;
        let row = &match row.unfinished {
            None => row.clone(),
            // Somebody broke off; what he left is cleared away first.
            Some(_) => {
                self.tokens.settle(row).await?;
                let settled = self.tokens.store.session(row.tenant, row.id).await?;
                settled.ok_or(Error::NotFound(Noun::Session))?
            }
        };
        let asked = row.invitation.ok_or(Error::NotFound(Noun::Session))?;
        if asked.until <= now {
            return Err(Error::Expired(Noun::Session));
        }
        let id = row.connection().ok_or(Error::NotFound(Noun::Session))?;
        let connection = self
            .checkup
            .store
            .connection(row.tenant, id)
            .await?
            .connection;
        if connection.auth.method() != Method::PerUserHeaders {
            return Err(Error::Conflict(
                "the client asks users for no headers any more",
            ));
        }

        let keys = &connection.details.gateway.per_user_header_keys;
        let origin = connection.server_url.origin();
        let stored = match row.is_good_for(&connection) {
            true => self.tokens.stored_secret(row, &origin).await?,
            false => None,
        };
        let values = together(keys, stored.as_ref(), given, field)?;
        self.prove(&connection, &values).await?;

        let secret = written(&values, field)?;
        let credential = CredentialRef {
            version: CredentialVersion::new(self.tokens.ids.random()?),
            origin,
            updated_at: self.tokens.clock.now(),
        };
        let wanted = UserConnection {
            credential: Some(credential.clone()),
            keys: keys.clone(),
            trust: connection.details.trust.clone(),
            invitation: None,
            ..row.clone()
        };
        match self
            .tokens
            .put(by, row, &wanted, &credential, &secret)
            .await
        {
            Err(Error::Stale) => Err(Error::Busy),
            kept => kept,
        }
    }

    async fn prove(
        &self,
        connection: &Connection,
        values: &BTreeMap<String, Zeroizing<String>>,
    ) -> Result<()> {
        let shared = self
            .checkup
            .secret_of(connection)
            .await
            .map_err(not_proven)?;
        self.checkup
            .admit_request(connection.tenant, connection.id)
            .await?;
        let sent = Configuration::of(&connection.auth, shared.as_ref())?.for_user(values);
        let finding = self.checkup.try_secret(connection, &sent.secret()?).await;
        match finding.outcome {
            Ok(_) => Ok(()),
            Err(failure) => Err(not_proven(failure.reason)),
        }
    }
}

/// What a user gives, together with what he gave before, under the names that are asked for.
fn together(
    keys: &[HeaderName],
    stored: Option<&Secret>,
    given: Map<String, Value>,
    field: &str,
) -> Result<BTreeMap<String, Zeroizing<String>>> {
    let mut values = stored.map_or(Ok(BTreeMap::new()), read)?;
    let mut problems = Vec::new();
    let is_asked_for = |name: &str| keys.iter().any(|key| key.as_str() == name);
    values.retain(|name, _| is_asked_for(name));
    let mut seen = Vec::new();
    for (name, value) in given {
        let place = format!("{field}/{name}");
        let key = name.to_ascii_lowercase();
        if !is_asked_for(&key) {
            problems.push(Problem::new(place, "is not asked for"));
            continue;
        }
        if seen.contains(&key) {
            problems.push(Problem::new(place, "is given twice"));
            continue;
        }
        match value {
            // Forms send along what was left blank.
            Value::String(text) if text.trim().is_empty() => {}
            Value::String(text) if is_sendable(&text) => {
                values.insert(key.clone(), Zeroizing::new(text));
            }
            Value::String(_) => problems.push(Problem::new(place, "must be visible ASCII")),
            _ => problems.push(Problem::new(place, "must be a string")),
        }
        seen.push(key);
    }
    for key in keys {
        let place = format!("{field}/{}", key.as_str());
        let is_known = problems
            .iter()
            .any(|problem| problem.field.eq_ignore_ascii_case(&place));
        if !values.contains_key(key.as_str()) && !is_known {
            problems.push(Problem::new(place, "is required"));
        }
    }
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Whether a text can be the value of a header, with spaces inside it alone.
fn is_sendable(text: &str) -> bool {
    text.trim() == text
        && text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn written(values: &BTreeMap<String, Zeroizing<String>>, field: &str) -> Result<Secret> {
    let members: Map<_, _> = values
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    let text = Zeroizing::new(Value::Object(members).to_string());
    Secret::document(&text).map_err(|problem| Error::invalid(field, problem))
}

fn read(secret: &Secret) -> Result<BTreeMap<String, Zeroizing<String>>> {
    let members: BTreeMap<String, String> = serde_json::from_str(secret.expose())
        // Not serde's own words, which could quote the value.
        .map_err(|_| Error::internal("what a user brought cannot be read"))?;
    let wiped = members
        .into_iter()
        .map(|(name, value)| (name, Zeroizing::new(value)));
    Ok(wiped.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn keys(names: &[&str]) -> Vec<HeaderName> {
        let names = names
            .iter()
            .map(|name| HeaderName::try_from((*name).to_owned()));
        names.collect::<Result<_, _>>().unwrap()
    }

    fn outcome(asked: &[&str], stored: Option<&str>, given: Value) -> Result<Value, Vec<String>> {
        let stored = stored.map(|text| Secret::document(text).unwrap());
        let Value::Object(given) = given else {
            panic!("headers are an object");
        };
        match together(&keys(asked), stored.as_ref(), given, "/headers") {
            Ok(values) => {
                let secret = written(&values, "/headers").unwrap();
                assert_eq!(read(&secret).unwrap(), values);
                Ok(serde_json::from_str(secret.expose()).unwrap())
            }
            Err(Error::Invalid(problems)) => Err(problems
                .into_iter()
                .map(|Problem { field, problem }| format!("{field} {problem}"))
                .collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_not_given_again_stays_and_what_is_not_asked_for_goes() {
        let stored = Some(r#"{"x-old":"o","x-key":"one"}"#);
        assert_eq!(
            outcome(
                &["x-key", "x-new"],
                stored,
                json!({ "X-New": "Token n", "x-key": " " })
            ),
            Ok(json!({ "x-key": "one", "x-new": "Token n" }))
        );
        assert_eq!(
            outcome(&["x-key"], stored, json!({ "x-key": "two" })),
            Ok(json!({ "x-key": "two" }))
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_not_quoted() {
        for (given, problems) in [
            (
                json!({}),
                vec!["/headers/x-a is required", "/headers/x-b is required"],
            ),
            (
                json!({ "x-a": "a", "x-b": "" }),
                vec!["/headers/x-b is required"],
            ),
            (
                json!({ "x-a": "a", "x-b": "b", "x-c": "c" }),
                vec!["/headers/x-c is not asked for"],
            ),
            (
                json!({ "x-a": "a\nb", "X-B": 7 }),
                vec![
                    "/headers/X-B must be a string",
                    "/headers/x-a must be visible ASCII",
                ],
            ),
            (
                json!({ "x-a": "a", "X-A": "b", "x-b": "b" }),
                vec!["/headers/x-a is given twice"],
            ),
        ] {
            let problems: Vec<_> = problems.into_iter().map(str::to_owned).collect();
            assert_eq!(outcome(&["x-a", "x-b"], None, given), Err(problems));
        }
    }
}
