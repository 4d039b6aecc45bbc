//! Lists whose pages are counted: an entry for each row, and how many entries begin with the same digits.
//!
//! Entries and counts change in the transaction of the row they are for. A page is found by its number: the counts say with which digits it
//! begins, so of what is in front of it only the entries with these digits are read.

use std::collections::BTreeMap;

use shared::{
    error::{Error, Result},
    ports::Window,
    tenant::TenantId,
};
use uuid::Uuid;

use super::{
    DynamoStore, all, sk, string,
    transaction::{Condition, Mark, Transaction},
};
use crate::{
    failure::failure,
    items::{self, Item, text},
    keys::{Key, List, Range, counted, entry},
};

const NAME: &str = "entryName";
const TAG: &str = "tag";
const LISTED: &str = "listed";
/// Reads of one megabyte each, after which a search ends: some thirty thousand entries.
const LONGEST_SEARCH: usize = 5;

/// That a row is in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: Uuid,
    /// What a search looks at, in small letters.
    pub(super) name: String,
    /// What a filter looks at.
    pub(super) tag: String,
}

impl Entry {
    pub(super) fn new(id: Uuid, name: &str, tag: impl ToString) -> Self {
        Self {
            id,
            name: name.to_lowercase(),
            tag: tag.to_string(),
        }
    }

    fn item(&self, key: &Key<'_>) -> Item {
        let mut item = items::bare(key);
        item.insert(NAME.to_owned(), text(&self.name));
        item.insert(TAG.to_owned(), text(&self.tag));
        item
    }

    pub(super) fn read(item: &Item) -> Option<Self> {
        Some(Self {
            id: entry(sk(item))?,
            name: string(item, NAME).to_owned(),
            tag: string(item, TAG).to_owned(),
        })
    }
}

/// Takes a row from the lists that it was in to those that it is in.
pub(super) fn move_entries(
    writes: &mut Transaction<'_>,
    tenant: TenantId,
    before: &[(List<'_>, Entry)],
    after: &[(List<'_>, Entry)],
) -> Result<()> {
    for (list, entry) in before {
        let stays = after
            .iter()
            .any(|(other, there)| other == list && there.id == entry.id);
        if !stays {
            let key = Key::Entry(tenant, *list, entry.id);
            writes.delete(Mark::Other, &key, Condition::none())?;
            writes.count(&Key::Count(tenant, *list, entry.id), -1, None);
        }
    }
    for (list, entry) in after {
        let known = before
            .iter()
            .find(|(other, there)| other == list && there.id == entry.id);
        if known.is_some_and(|(_, there)| there == entry) {
            continue;
        }
        let key = Key::Entry(tenant, *list, entry.id);
        writes.put(Mark::Other, entry.item(&key), Condition::none())?;
        if known.is_none() {
            writes.count(&Key::Count(tenant, *list, entry.id), 1, None);
        }
    }
    Ok(())
}

/// From which end a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

/// Entries that were found, and whether the search came to the end of the list.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) is_complete: bool,
}

impl Found {
    /// What a window shows of them, how many there are, and whether there may be more.
    pub(super) fn window(self, window: Window) -> (Vec<Entry>, usize, bool) {
        let total = self.entries.len();
        let shown: Vec<_> = self
            .entries
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .collect();
        let has_more = window.offset.saturating_add(shown.len()) < total;
        (shown, total, has_more || !self.is_complete)
    }
}

impl DynamoStore {
    /// The items of a list that a window shows, and how many there are in all.
    pub(super) async fn window(
        &self,
        tenant: TenantId,
        list: List<'_>,
        window: Window,
        order: Order,
    ) -> Result<(Vec<Item>, usize)> {
        let counts = self.counts(tenant, list).await?;
        let total = counts.values().sum();
        let mut skipped = 0;
        let mut begin = None;
        let mut buckets: Vec<_> = counts.iter().collect();
        if order == Order::NewestFirst {
            buckets.reverse();
        }
        for (digits, count) in buckets {
            if skipped + count > window.offset {
                begin = Some(digits);
                break;
            }
            skipped += count;
        }
        let Some(digits) = begin else {
            return Ok((Vec::new(), total));
        };
        let range = match order {
            Order::OldestFirst => Range::EntriesFrom(tenant, list, digits),
            Order::NewestFirst => Range::EntriesTo(tenant, list, digits),
        };
        let mut to_skip = window.offset - skipped;
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let wanted = to_skip + window.limit - found.len();
            let query = self
                .query(&range)
                .scan_index_forward(order == Order::OldestFirst)
                .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
                .set_exclusive_start_key(from);
            let page = query.send().await.map_err(failure)?;
            for item in page.items.unwrap_or_default() {
                if to_skip > 0 {
                    to_skip -= 1;
                } else {
                    found.push(item);
                }
            }
            from = page.last_evaluated_key;
            if found.len() >= window.limit || from.is_none() {
                return Ok((found, total));
            }
        }
    }

    /// The same as entries.
    pub(super) async fn entries(
        &self,
        tenant: TenantId,
        list: List<'_>,
        window: Window,
    ) -> Result<(Vec<Entry>, usize)> {
        let (items, total) = self
            .window(tenant, list, window, Order::OldestFirst)
            .await?;
        Ok((items.iter().filter_map(Entry::read).collect(), total))
    }

    /// How many rows a list has.
    pub(super) async fn length(&self, tenant: TenantId, list: List<'_>) -> Result<usize> {
        Ok(self.counts(tenant, list).await?.values().sum())
    }

    /// Looks through a list for the entries to keep.
    pub(super) async fn search(
        &self,
        tenant: TenantId,
        list: List<'_>,
        keep: impl Fn(&Entry) -> bool,
    ) -> Result<Found> {
        let mut entries = Vec::new();
        let mut from = None;
        for _ in 0..LONGEST_SEARCH {
            let query = self
                .query(&Range::EntriesFrom(tenant, list, ""))
                .set_exclusive_start_key(from);
            let page = query.send().await.map_err(failure)?;
            let items = page.items.unwrap_or_default();
            entries.extend(
                items
                    .iter()
                    .filter_map(Entry::read)
                    .filter(|entry| keep(entry)),
            );
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(Found {
            entries,
            is_complete: from.is_none(),
        })
    }

    /// What a window shows of a list, or of those entries of it whose name contains `part`; how many there are, and whether there may be more.
    pub(super) async fn listed(
        &self,
        tenant: TenantId,
        list: List<'_>,
        part: Option<&str>,
        window: Window,
    ) -> Result<(Vec<Entry>, usize, bool)> {
        match part.map(str::to_lowercase) {
            Some(part) => {
                let found = self
                    .search(tenant, list, |entry| entry.name.contains(&part))
                    .await?;
                Ok(found.window(window))
            }
            None => {
                let (entries, total) = self.entries(tenant, list, window).await?;
                let has_more = window.offset.saturating_add(entries.len()) < total;
                Ok((entries, total, has_more))
            }
        }
    }

    async fn counts(&self, tenant: TenantId, list: List<'_>) -> Result<BTreeMap<String, usize>> {
        let items = all(self.query(&Range::Counts(tenant, list))).await?;
        let mut counts = BTreeMap::new();
        for item in &items {
            let count = item
                .get(LISTED)
                .and_then(|count| count.as_n().ok()?.parse::<i64>().ok());
            let (Some(digits), Some(count)) = (counted(sk(item)), count) else {
                return Err(Error::internal("a count of a list cannot be read"));
            };
            counts.insert(digits.to_owned(), usize::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }
}
