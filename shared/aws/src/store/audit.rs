//! The audit trail: each record three times, so that it is found by time, by resource and by key.

use async_trait::async_trait;
use shared::{
    audit::{Filter, KEPT_DAYS, Record},
    error::{Error, Result},
    ports::{Slice, Trail, Window},
    tenant::TenantId,
    timestamp::Timestamp,
};

use super::{
    DynamoStore,
    lists::Order,
    transaction::{Condition, Mark, Outcome, Transaction},
};
use crate::{
    failure::failure,
    items::{self, number},
    keys::{EXPIRES_AT, Key, List, Range},
};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;
/// Reads of one megabyte each, after which a search ends: some ten thousand records.
const LONGEST_SEARCH: usize = 5;

/// Writes a record with the change that it tells of.
pub(super) fn write_record(writes: &mut Transaction<'_>, record: Option<&Record>) -> Result<()> {
    let Some(record) = record else {
        return Ok(());
    };
    let expires = record.at.plus_seconds(KEPT_DAYS * SECONDS_A_DAY).seconds();
    for list in [
        List::Audit,
        List::AuditOf(&record.resource_id),
        List::AuditBy(record.author.key),
    ] {
        let key = Key::Entry(record.tenant, list, record.id.uuid());
        let mut item = items::item(&key, record)?;
        item.insert(EXPIRES_AT.to_owned(), number(expires));
        writes.put(Mark::Other, item, Condition::none())?;
    }
    let count = Key::Count(record.tenant, List::Audit, record.id.uuid());
    writes.count(&count, 1, Some(expires));
    Ok(())
}

#[async_trait]
impl Trail for DynamoStore {
    async fn append(&self, record: &Record) -> Result<()> {
        let mut writes = self.transaction();
        write_record(&mut writes, Some(record))?;
        match writes.commit().await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(_) => Err(Error::internal("a record without conditions was refused")),
        }
    }

    async fn records(
        &self,
        tenant: TenantId,
        filter: &Filter,
        window: Window,
    ) -> Result<Slice<Record>> {
        if *filter == Filter::default() {
            let (items, total) = self
                .window(tenant, List::Audit, window, Order::NewestFirst)
                .await?;
            let has_more = window.offset.saturating_add(items.len()) < total;
            let items = items.into_iter().map(items::noun).collect::<Result<_>>()?;
            return Ok(Slice {
                items,
                total,
                has_more,
            });
        }
        self.search_records(tenant, filter, window).await
    }
}

impl DynamoStore {
    async fn search_records(
        &self,
        tenant: TenantId,
        filter: &Filter,
        window: Window,
    ) -> Result<Slice<Record>> {
        let list = match (&filter.resource_id, filter.key) {
            (Some(resource), _) => List::AuditOf(resource),
            (None, Some(key)) => List::AuditBy(key),
            (None, None) => List::Audit,
        };
        let since = filter.since.unwrap_or(Timestamp::from_millis(0));
        let until = filter.until.unwrap_or(Timestamp::from_millis(i64::MAX));
        let range = Range::EntriesWithin(tenant, list, since, until);
        let (mut found, mut from) = (Vec::new(), None);
        for _ in 0..LONGEST_SEARCH {
            let query = self
                .query(&range)
                .scan_index_forward(false)
                .set_exclusive_start_key(from);
            let page = query.send().await.map_err(failure)?;
            for item in page.items.unwrap_or_default() {
                let record: Record = items::noun(item)?;
                if filter.key.is_none_or(|key| record.author.key == key) {
                    found.push(record);
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        let total = found.len();
        let items: Vec<_> = found
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .collect();
        let has_more = window.offset.saturating_add(items.len()) < total || from.is_some();
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }
}
