//! What keys are granted of connections: one row for each connection, and for each key in it an item by which the key is led there.
//!
//! A key that is added is written to, so that whoever removes it at the same time sees that it has changed; a connection that a key comes to must be as it was
//! seen. So of two that meet, one begins again, and nothing is granted to or of what is gone.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    audit::Record,
    caller::{KeyId, KeyRecord},
    connection::ConnectionId,
    error::{Error, Result},
    grants::{Grants, GrantsChange, MOST_CONNECTIONS},
    ports::Grantings,
    tenant::TenantId,
};

use super::{
    DynamoStore, all,
    audit::write_record,
    rows::{Stored as _, remove},
    sk,
    transaction::{Condition, Mark, Outcome, Transaction},
};
use crate::{
    items::{self, number},
    keys::{Key, Range, granted},
    retry::ATTEMPTS,
};

/// Keys whose connections are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 8;
/// What a transaction of nothing but removals takes.
const REMOVED_AT_ONCE: usize = 90;

#[async_trait]
impl Grantings for DynamoStore {
    async fn grants(&self, tenant: TenantId, connections: &[ConnectionId]) -> Result<Vec<Grants>> {
        let keys: Vec<_> = connections
            .iter()
            .map(|id| Key::Grants(tenant, *id))
            .collect();
        self.find_all(&keys).await
    }

    async fn granted_to(
        &self,
        tenant: TenantId,
        keys: &[KeyId],
    ) -> Result<Vec<(KeyId, ConnectionId)>> {
        let found: Vec<_> = stream::iter(keys.iter().copied())
            .map(|key| async move { all(self.query(&Range::Granted(tenant, key))).await })
            .buffered(LOOKED_UP_AT_ONCE)
            .try_collect()
            .await?;
        let items = found.iter().flatten();
        Ok(items.filter_map(|item| granted(sk(item))).collect())
    }

    async fn keys_named(&self, tenant: TenantId, ids: &[KeyId]) -> Result<Vec<KeyRecord>> {
        let keys: Vec<_> = ids.iter().map(|id| Key::ApiKey(tenant, *id)).collect();
        self.find_all(&keys).await
    }

    async fn remove_key(&self, last: &KeyRecord, record: Option<&Record>) -> Result<()> {
        let (tenant, id) = (last.tenant, last.id);
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            let pairs = self.granted_to(tenant, &[id]).await?;
            let some: Vec<_> = pairs
                .iter()
                .map(|(_, connection)| *connection)
                .take(MOST_CONNECTIONS)
                .collect();
            let is_all = some.len() == pairs.len();
            let mut writes = self.transaction();
            for grants in self.grants(tenant, &some).await? {
                if grants.tools(id).is_some() {
                    write(&mut writes, &grants, &grants.with(id, None))?;
                }
            }
            for connection in some {
                let lead = Key::Granted(tenant, id, connection);
                writes.delete(Mark::Other, &lead, Condition::none())?;
            }
            // The key goes with the last of them, so whoever breaks off leaves a key that can be removed again.
            if is_all {
                remove(&mut writes, last)?;
                write_record(&mut writes, record)?;
            }
            match writes.commit().await? {
                Outcome::Done if is_all => return Ok(()),
                Outcome::Done => {}
                Outcome::Refused(mut refused) => match refused.take(Mark::Row) {
                    Some(None) => return Ok(()),
                    Some(Some(_)) => return Err(Error::Stale),
                    None => attempt += 1,
                },
            }
        }
        Err(Error::Stale)
    }
}

impl DynamoStore {
    /// Lets no key be led to a connection any more that nobody sees.
    pub(super) async fn forget_grants(&self, tenant: TenantId, id: ConnectionId) -> Result<()> {
        let Some(grants) = self.find::<Grants>(&Key::Grants(tenant, id)).await? else {
            return Ok(());
        };
        let keys: Vec<_> = grants.keys().collect();
        for some in keys.chunks(REMOVED_AT_ONCE) {
            let mut writes = self.transaction();
            for key in some {
                let lead = Key::Granted(tenant, *key, id);
                writes.delete(Mark::Other, &lead, Condition::none())?;
            }
            if let Outcome::Refused(_) = writes.commit().await? {
                return Err(Error::internal("a removal without conditions was refused"));
            }
        }
        Ok(())
    }
}

/// Changes grants with the row of their connection.
pub(super) fn grant_with_connection(
    writes: &mut Transaction<'_>,
    change: &GrantsChange,
) -> Result<()> {
    let tenant = change.before.tenant;
    write(writes, &change.before, &change.after)?;
    for key in change.added() {
        let is_there = Condition::present().with(":one", number(1));
        let row = Key::ApiKey(tenant, key);
        writes.update(Mark::Grants, &row, "ADD revision :one", is_there)?;
    }
    lead(writes, change)
}

/// Changes grants with the row of the one key that they change for.
pub(super) fn grant_with_key(writes: &mut Transaction<'_>, change: &GrantsChange) -> Result<()> {
    let before = &change.before;
    write(writes, before, &change.after)?;
    if change.added().next().is_some() {
        let row = Key::Connection(before.tenant, before.connection);
        let as_seen = match change.seen {
            Some(revision) => Condition::revision(revision),
            None => return Err(Error::internal("a grant of a connection nobody saw")),
        };
        writes.check(Mark::Grants, &row, as_seen)?;
    }
    lead(writes, change)
}

/// The row stays when nothing is left in it, until its connection goes: a row that comes again would count from the beginning.
fn write(writes: &mut Transaction<'_>, before: &Grants, after: &Grants) -> Result<()> {
    let unchanged = match before.revision {
        0 => Condition::absent(),
        revision => Condition::revision(revision),
    };
    writes.put(Mark::Grants, after.item()?, unchanged)
}

fn lead(writes: &mut Transaction<'_>, change: &GrantsChange) -> Result<()> {
    let (tenant, connection) = (change.before.tenant, change.before.connection);
    for key in change.added() {
        let lead = items::bare(&Key::Granted(tenant, key, connection));
        writes.put(Mark::Other, lead, Condition::none())?;
    }
    for key in change.removed() {
        let lead = Key::Granted(tenant, key, connection);
        writes.delete(Mark::Other, &lead, Condition::none())?;
    }
    Ok(())
}
