//! Virtual keys, and what they are granted.

use async_trait::async_trait;
use shared::{
    audit::Record,
    caller::{KeyId, KeyKind, KeyRecord},
    connection::{Connection, ConnectionId, ConnectionName},
    error::{Error, Noun, Result},
    grants::GrantsChange,
    ports::{Slice, VirtualKeys, Window},
    tenant::{TenantId, WorkspaceId},
};

use super::{
    DynamoStore,
    audit::write_record,
    grants::grant_with_key,
    registrations::MADE_FOR,
    rows::{Stored as _, demand, exchange, insert, key_tag},
    string,
    transaction::{Mark, Outcome},
};
use crate::{
    items,
    keys::{Key, List},
};

#[async_trait]
impl VirtualKeys for DynamoStore {
    async fn virtual_keys(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<KeyRecord>> {
        let list = workspace.map_or(List::Keys, List::KeysOf);
        let tag = key_tag(KeyKind::WorkspaceService, true);
        let part = search.map(str::to_lowercase);
        let found = self
            .search(tenant, list, |entry| {
                let is_named = part.as_ref().is_none_or(|part| entry.name.contains(part));
                entry.tag == tag && is_named
            })
            .await?;
        let (entries, total, has_more) = found.window(window);
        let keys: Vec<_> = entries
            .iter()
            .map(|entry| Key::ApiKey(tenant, KeyId::new(entry.id)))
            .collect();
        let mut items: Vec<KeyRecord> = self.find_all(&keys).await?;
        items.sort_by_key(|record| record.id);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn connection_named(
        &self,
        tenant: TenantId,
        name: &ConnectionName,
    ) -> Result<Option<ConnectionId>> {
        let guard = self.item(&Key::Name(tenant, name)).await?;
        let id = guard.map(|guard| string(&guard, MADE_FOR).parse());
        id.transpose().map_err(Error::internal)
    }

    async fn rows_of(&self, tenant: TenantId, ids: &[ConnectionId]) -> Result<Vec<Connection>> {
        let keys: Vec<_> = ids.iter().map(|id| Key::Connection(tenant, *id)).collect();
        let found = self.batch(&keys).await?;
        let rows: Vec<Connection> = found.into_iter().map(items::noun).collect::<Result<_>>()?;
        Ok(rows.into_iter().filter(Connection::is_visible).collect())
    }

    async fn write_key(
        &self,
        before: Option<&KeyRecord>,
        after: &KeyRecord,
        grants: &[GrantsChange],
        record: Option<&Record>,
    ) -> Result<()> {
        let mut writes = self.transaction();
        match before {
            Some(before) => exchange(&mut writes, before, after)?,
            None => {
                insert(&mut writes, after)?;
                demand(&mut writes, after.stands_on())?;
            }
        }
        for change in grants {
            grant_with_key(&mut writes, change)?;
        }
        write_record(&mut writes, record)?;
        let mut refused = match writes.commit().await? {
            Outcome::Done => return Ok(()),
            Outcome::Refused(refused) => refused,
        };
        match (refused.take(Mark::Row), refused.ground()) {
            // What stands there as we want it was written by us, and what was lost was the answer.
            (Some(Some(there)), _) if there == after.item()? => Ok(()),
            (_, Some(noun)) => Err(Error::NotFound(noun)),
            (Some(Some(_)), None) if before.is_none() => Err(Error::Taken(Noun::ApiKey)),
            _ => Err(Error::Stale),
        }
    }
}
