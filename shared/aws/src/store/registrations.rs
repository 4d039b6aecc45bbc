//! Writes connections. Each change is one transaction, derived in one place from what was and what is to be.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::{
    audit::Record,
    connection::{Connection, ConnectionId},
    error::{Error, Noun, Result},
    grants::GrantsChange,
    health::{Health, Status},
    ports::{Added, Idempotency, Integrations as _, Registrations, Rows as _, Unsettled, Window},
    tenant::TenantId,
    timestamp::Timestamp,
    wheel::Slot,
};

use super::{
    DynamoStore,
    audit::write_record,
    grants::grant_with_connection,
    lists::{Entry, move_entries},
    pk,
    rows::{Ground, demand, open_workspace, slug_guard},
    sk,
    transaction::{Condition, Mark, Outcome, Transaction},
};
use crate::{
    failure::failure,
    items::{self, Item, number, text},
    keys::{
        EXPIRES_AT, Key, List, Range, SlugKind, THE_SHARD, UNFINISHED, UNFINISHED_SHARD,
        UNFINISHED_SINCE, unsettled,
    },
    retry::ATTEMPTS,
};

/// The connection that a guard or an idempotency record was made for.
pub(super) const MADE_FOR: &str = "madeFor";
const FINGERPRINT: &str = "fingerprint";
/// The connection as it was made.
const MADE: &str = "made";
/// Tags of connections that belong to no workspace: those that all workspaces may use of which nothing else is said, and the others.
pub(super) const FOR_ALL: &str = "all";
pub(super) const OF_TENANT: &str = "tenant";

#[async_trait]
impl Registrations for DynamoStore {
    async fn row(&self, tenant: TenantId, id: ConnectionId) -> Result<Option<Connection>> {
        let row = self.item(&Key::Connection(tenant, id)).await?;
        row.map(items::noun).transpose()
    }

    async fn add(
        &self,
        new: &Connection,
        idempotency: Option<&Idempotency>,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<Added> {
        let mut writes = self.transaction();
        let health = items::health_item(
            &Key::Health(new.tenant, new.id),
            &Health::unknown(new.epoch),
        )?;
        writes.put(Mark::Row, items::row_item(new)?, Condition::absent())?;
        writes.put(Mark::Other, health, Condition::none())?;
        if !new.shares_name {
            writes.put(Mark::Name, name_guard(new), Condition::absent())?;
        }
        if let Some(slug) = &new.slug {
            let key = Key::Slug(new.tenant, SlugKind::Connection, slug);
            writes.put(
                Mark::Slug,
                slug_guard(&key, new.id.uuid()),
                Condition::absent(),
            )?;
        }
        move_entries(&mut writes, new.tenant, &[], &entries(new))?;
        demand(&mut writes, stands_on(new))?;
        write_record(&mut writes, record)?;
        place(&mut writes, None, Some(new), false, now)?;
        if let Some(idempotency) = idempotency {
            // What has expired may be there for days until the table drops it.
            let unused = Condition::when("attribute_not_exists(PK) OR expiresAt <= :now")
                .with(":now", number(now.seconds()));
            writes.put(Mark::Idempotency, replay_record(new, idempotency)?, unused)?;
        }

        let mut refused = match writes.commit().await? {
            Outcome::Done => return Ok(Added::Stored),
            Outcome::Refused(refused) => refused,
        };

        if let Some(there) = refused.take(Mark::Row) {
            // An id is drawn for one connection alone, so this is our own row, and what was lost was the answer.
            return match is(there, new)? {
                true => Ok(Added::Stored),
                false => Err(Error::internal("the id of a new connection is in use")),
            };
        }
        if let (Some(Some(record)), Some(asked)) = (refused.take(Mark::Idempotency), idempotency) {
            return replayed(record, asked);
        }
        if let Some(noun) = refused.ground() {
            return Err(Error::NotFound(noun));
        }
        if refused.take(Mark::Slug).is_some() {
            return Err(Error::Taken(Noun::Slug));
        }
        Err(Error::Taken(Noun::ConnectionName))
    }

    async fn replace_granting(
        &self,
        before: &Connection,
        after: &Connection,
        grants: Option<&GrantsChange>,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut writes = self.transaction();
            let unchanged = Condition::revision(before.revision);
            writes.put(Mark::Row, items::row_item(after)?, unchanged)?;
            if before.name != after.name {
                if !before.shares_name {
                    let old = Key::Name(before.tenant, &before.name);
                    writes.delete(Mark::Other, &old, Condition::none())?;
                }
                writes.put(Mark::Name, name_guard(after), Condition::absent())?;
            }
            let is_other = before.epoch != after.epoch;
            if is_other {
                self.forget(&mut writes, after, now).await?;
            }
            place(&mut writes, Some(before), Some(after), is_other, now)?;
            let (was_in, is_in) = (entries(before), entries(after));
            move_entries(&mut writes, after.tenant, &was_in, &is_in)?;
            if stands_on(before).is_empty() {
                demand(&mut writes, stands_on(after))?;
            }
            if let Some(grants) = grants {
                grant_with_connection(&mut writes, grants)?;
            }
            write_record(&mut writes, record)?;

            let mut refused = match writes.commit().await? {
                Outcome::Done => return Ok(()),
                Outcome::Refused(refused) => refused,
            };

            if let Some(there) = refused.take(Mark::Row) {
                // What stands there as we want it was written by us, and what was lost was the answer.
                return match is(there, after)? {
                    true => Ok(()),
                    false => Err(Error::Stale),
                };
            }
            if refused.take(Mark::Grants).is_some() {
                return Err(Error::Stale);
            }
            if let Some(noun) = refused.ground() {
                return Err(Error::NotFound(noun));
            }
            if refused.take(Mark::Name).is_some() {
                return Err(Error::Taken(Noun::ConnectionName));
            }
            // A check ended in between, and there is another health to forget.
        }
        Err(Error::Unavailable("checks kept getting in between".into()))
    }

    async fn remove(&self, last: &Connection) -> Result<()> {
        let (tenant, id) = (last.tenant, last.id);
        let tools = Range::AllTools(tenant, id);
        // Of a connection that nobody sees what hangs on it goes first, so that a crash leaves a row to come back for.
        if !last.is_visible() {
            self.forget_accesses(tenant, id).await?;
            self.forget_grants(tenant, id).await?;
            self.delete_tools(&tools, None).await?;
        }
        let mut record = last.idempotency.as_deref();
        loop {
            let mut writes = self.transaction();
            let row = Key::Connection(tenant, id);
            writes.delete(Mark::Row, &row, Condition::revision(last.revision))?;
            let name = Key::Name(tenant, &last.name);
            let slug = last.slug.as_ref();
            let slug = slug.map(|slug| Key::Slug(tenant, SlugKind::Connection, slug));
            for key in [
                Key::Contract(tenant, id),
                Key::Health(tenant, id),
                Key::Toggles(tenant, id.uuid()),
                Key::Pushed(tenant, id),
                Key::Grants(tenant, id),
            ]
            .into_iter()
            .chain((!last.shares_name).then_some(name))
            .chain(slug)
            {
                writes.delete(Mark::Other, &key, Condition::none())?;
            }
            move_entries(&mut writes, tenant, &entries(last), &[])?;
            place(&mut writes, Some(last), None, false, last.updated_at)?;
            if let Some(key) = record {
                let ours = Condition::when("attribute_not_exists(PK) OR madeFor = :id")
                    .with(":id", text(id));
                writes.delete(Mark::Idempotency, &Key::Idempotency(tenant, key), ours)?;
            }

            match writes.commit().await? {
                Outcome::Done => break,
                Outcome::Refused(mut refused) => match refused.take(Mark::Row) {
                    Some(Some(_)) => return Err(Error::Stale),
                    Some(None) => break,
                    // The record expired, and its key has made another connection since.
                    None => record = None,
                },
            }
        }
        self.delete_tools(&tools, None).await
    }

    async fn unfinished(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(TenantId, Unsettled)>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNFINISHED)
            .key_condition_expression("#shard = :shard AND #since < :since")
            .expression_attribute_names("#shard", UNFINISHED_SHARD)
            .expression_attribute_names("#since", UNFINISHED_SINCE)
            .expression_attribute_values(":shard", text(THE_SHARD))
            .expression_attribute_values(":since", text(since))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX));
        let found = query.send().await.map_err(failure)?.items;
        Ok(found
            .unwrap_or_default()
            .iter()
            .filter_map(|item| unsettled(pk(item), sk(item)))
            .take(limit)
            .collect())
    }
}

impl DynamoStore {
    /// Forgets what was said of workspaces.
    async fn forget_accesses(&self, tenant: TenantId, id: ConnectionId) -> Result<()> {
        let window = Window {
            offset: 0,
            limit: 100,
        };
        loop {
            let page = self.workspace_accesses(tenant, id, window).await?;
            for said in &page.items {
                self.discard(said, None).await?;
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }

    /// Resets the health of what has become something else, and ends the incident that belonged to what it was.
    async fn forget(
        &self,
        writes: &mut Transaction<'_>,
        after: &Connection,
        now: Timestamp,
    ) -> Result<()> {
        let (tenant, id) = (after.tenant, after.id);
        let key = Key::Health(tenant, id);
        let (known, unchanged) = match self.item(&key).await? {
            Some(item) => {
                let known = items::health(item)?;
                let revision = known.revision;
                (known, Condition::revision(revision))
            }
            None => (Health::unknown(after.epoch), Condition::absent()),
        };
        let forgotten = items::health_item(&key, &known.forgotten(after.epoch))?;
        writes.put(Mark::Health, forgotten, unchanged)?;
        if let (Status::Error, Some(started_at)) = (known.status, known.first_failed_at) {
            super::results::end_incident(writes, tenant, id, started_at, now)?;
        }
        Ok(())
    }
}

/// Gives a connection its place on the wheel and on the list of checks out of turn, or takes it away, by how the schedule of the
/// two differs. What is new there, or has become something else, is checked at once.
fn place(
    writes: &mut Transaction<'_>,
    before: Option<&Connection>,
    after: Option<&Connection>,
    is_other: bool,
    now: Timestamp,
) -> Result<()> {
    let Some(connection) = after.or(before) else {
        return Ok(());
    };
    let (tenant, id) = (connection.tenant, connection.id);
    let out_of_turn = Key::OutOfTurn(tenant, id);
    let slot = |period| Key::Wheel(Slot::of(id, period), tenant, id);
    let [old, new] = [before, after].map(|row| row.and_then(Connection::schedule));
    if let Some(period) = old
        && old != new
    {
        writes.delete(Mark::Other, &slot(period), Condition::none())?;
    }
    match new {
        Some(period) if old != new || is_other => {
            writes.put(Mark::Other, items::bare(&slot(period)), Condition::none())?;
            let at_once = super::schedule::out_of_turn_item(&out_of_turn, now);
            writes.put(Mark::Other, at_once, Condition::none())
        }
        Some(_) => Ok(()),
        None if old.is_some() || after.is_none() => {
            writes.delete(Mark::Other, &out_of_turn, Condition::none())
        }
        None => Ok(()),
    }
}

/// What has to be there for anybody to see a connection.
fn stands_on(row: &Connection) -> Vec<Ground<'static>> {
    let workspace = row.workspace.filter(|_| row.is_visible());
    let workspace = workspace.map(|workspace| open_workspace(row.tenant, workspace));
    workspace.into_iter().collect()
}

/// The lists that a connection is in, while anybody may see it. The tag says whose it is, and of the tenant's whether all workspaces may use it.
fn entries(row: &Connection) -> Vec<(List<'static>, Entry)> {
    if !row.is_visible() {
        return Vec::new();
    }
    let (list, tag) = match (row.workspace, row.global_access) {
        (Some(workspace), _) => (List::ConnectionsOf(workspace), workspace.to_string()),
        (None, Some(true)) => (List::ConnectionsOfTenant, FOR_ALL.to_owned()),
        (None, _) => (List::ConnectionsOfTenant, OF_TENANT.to_owned()),
    };
    let entry = Entry::new(row.id.uuid(), row.name.as_str(), tag);
    vec![(List::Connections, entry.clone()), (list, entry)]
}

fn name_guard(row: &Connection) -> Item {
    let mut guard = items::bare(&Key::Name(row.tenant, &row.name));
    guard.insert("connectionName".to_owned(), text(row.name.as_str()));
    guard.insert(MADE_FOR.to_owned(), text(row.id));
    guard
}

fn replay_record(made: &Connection, idempotency: &Idempotency) -> Result<Item> {
    let mut record = items::bare(&Key::Idempotency(made.tenant, &idempotency.key));
    let snapshot = items::row_item(made)?;
    record.insert(MADE.to_owned(), AttributeValue::M(snapshot));
    record.insert(MADE_FOR.to_owned(), text(made.id));
    record.insert(FINGERPRINT.to_owned(), text(&idempotency.fingerprint));
    record.insert(
        EXPIRES_AT.to_owned(),
        number(idempotency.expires_at.seconds()),
    );
    Ok(record)
}

/// What a request gets that was made before.
fn replayed(mut record: Item, asked: &Idempotency) -> Result<Added> {
    if super::string(&record, FINGERPRINT) != asked.fingerprint {
        return Err(Error::KeyReused);
    }
    match record.remove(MADE) {
        Some(AttributeValue::M(made)) => Ok(Added::Before(Box::new(items::noun(made)?))),
        _ => Err(Error::internal("an idempotency record has no connection")),
    }
}

/// Whether a row is there and is this one.
fn is(there: Option<Item>, row: &Connection) -> Result<bool> {
    let there: Option<Connection> = there.map(items::noun).transpose()?;
    Ok(there.as_ref() == Some(row))
}
