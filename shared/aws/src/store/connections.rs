//! Reads connections, with nothing but Query.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::{
    connection::{Connection, ConnectionId},
    contract::{ContractDigest, Tool},
    error::{Error, Noun, Result},
    health::Health,
    history::{Incident, Sample},
    ports::{Connections, Listing, Page},
    tenant::TenantId,
    timestamp::Timestamp,
};

use super::{DynamoStore, sk, tools};
use crate::{
    failure::failure,
    items::{self, Item, SAMPLES},
    keys::{Part, Range, part},
};

/// Items that make up one connection at most: row, contract summary, health.
const PARTS: usize = 3;
/// Checks in an hour of a connection with the usual interval: how many hours to read for so many samples.
const USUAL_CHECKS_AN_HOUR: usize = 12;

#[async_trait]
impl Connections for DynamoStore {
    async fn connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Listing> {
        let found = self.query(&Range::Connection(tenant, id)).send().await;
        let mut parts = Parts::default();
        for item in found.map_err(failure)?.items.unwrap_or_default() {
            if let Some((_, part)) = part(sk(&item)) {
                parts.put(part, item);
            }
        }
        parts.listing()?.ok_or(Error::NotFound(Noun::Connection))
    }

    async fn connections(
        &self,
        tenant: TenantId,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Result<Page<Listing, ConnectionId>> {
        let limit = limit.max(1);
        let wanted = i32::try_from(limit.saturating_mul(PARTS)).unwrap_or(i32::MAX);
        let query = self.query(&Range::Connections(tenant, after)).limit(wanted);
        let page = query.send().await.map_err(failure)?;
        let is_last = page.last_evaluated_key.is_none();

        let (found, left_over) = whole(page.items.unwrap_or_default(), limit, is_last);

        let next = (left_over || !is_last)
            .then(|| found.last().map(|(id, _)| *id))
            .flatten();
        let items = found
            .into_iter()
            .filter_map(|(_, parts)| parts.listing().transpose())
            .collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    async fn tools(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        digest: &ContractDigest,
    ) -> Result<Vec<Tool>> {
        let chunks = super::all(self.query(&Range::Tools(tenant, id, digest))).await?;
        tools::join(chunks)
    }

    async fn samples(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        since: Timestamp,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>> {
        let hours = Range::Samples(tenant, id, since.hour(), before.hour());
        let page_size = limit.div_ceil(USUAL_CHECKS_AN_HOUR).clamp(4, 1000);
        let query = self
            .query(&hours)
            .scan_index_forward(false)
            .limit(i32::try_from(page_size).unwrap_or(i32::MAX));
        let mut found: Vec<Sample> = Vec::new();
        let mut from = None;
        loop {
            let page = query.clone().set_exclusive_start_key(from).send().await;
            let page = page.map_err(failure)?;
            for hour in page.items.unwrap_or_default() {
                let mut samples = samples_of(&hour)?;
                samples.retain(|sample| (since..before).contains(&sample.at));
                // In the order of the moments checked, not of those stored.
                samples.sort_unstable_by_key(|sample| std::cmp::Reverse(sample.at));
                found.append(&mut samples);
            }
            from = page.last_evaluated_key;
            if found.len() >= limit || from.is_none() {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    async fn incidents(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        limit: usize,
    ) -> Result<Vec<Incident>> {
        let query = self
            .query(&Range::Incidents(tenant, id))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX));
        let found = query.send().await.map_err(failure)?.items;
        found
            .unwrap_or_default()
            .into_iter()
            .take(limit)
            .map(items::noun)
            .collect()
    }
}

/// The items of one connection, as far as they were read.
#[derive(Default)]
pub(super) struct Parts {
    row: Option<Item>,
    contract: Option<Item>,
    health: Option<Item>,
}

impl Parts {
    pub(super) fn put(&mut self, part: Part, item: Item) {
        let place = match part {
            Part::Row => &mut self.row,
            Part::Contract => &mut self.contract,
            Part::Health => &mut self.health,
        };
        *place = Some(item);
    }

    /// Nothing when there is no row, or none that anybody may see.
    pub(super) fn listing(self) -> Result<Option<Listing>> {
        let Some(row) = self.row else {
            return Ok(None);
        };
        let connection: Connection = items::noun(row)?;
        if !connection.is_visible() {
            return Ok(None);
        }
        let health = match self.health {
            Some(item) => items::health(item)?,
            None => Health::unknown(connection.epoch),
        };
        let contract = self.contract.map(items::noun).transpose()?;
        Ok(Some(Listing {
            connection,
            health,
            contract,
        }))
    }
}

/// The connections that a page holds whole, at most `limit` of them, and whether it holds more.
///
/// A page can end in the middle of a connection, because it is counted in items and limited in bytes. Health comes last, so
/// a connection whose health was not read is left to the next page. The first one is always whole: a page has room for it.
fn whole(items: Vec<Item>, limit: usize, is_last: bool) -> (Vec<(ConnectionId, Parts)>, bool) {
    let mut found: Vec<(ConnectionId, Parts)> = Vec::new();
    for item in items {
        let Some((id, part)) = part(sk(&item)) else {
            continue;
        };
        if found.last().is_none_or(|(last, _)| *last != id) {
            found.push((id, Parts::default()));
        }
        if let Some((_, parts)) = found.last_mut() {
            parts.put(part, item);
        }
    }
    let mut left_over = false;
    let is_torn = |(_, parts): &(ConnectionId, Parts)| parts.health.is_none();
    if !is_last && found.len() > 1 && found.last().is_some_and(is_torn) {
        found.pop();
        left_over = true;
    }
    if found.len() > limit {
        found.truncate(limit);
        left_over = true;
    }
    (found, left_over)
}

/// The samples stored for an hour.
fn samples_of(hour: &Item) -> Result<Vec<Sample>> {
    let packed = match hour.get(SAMPLES) {
        Some(AttributeValue::L(packed)) => packed.as_slice(),
        _ => &[],
    };
    packed
        .iter()
        .map(|packed| packed.as_s().ok().and_then(|packed| items::sample(packed)))
        .collect::<Option<_>>()
        .ok_or_else(|| Error::internal("a stored sample cannot be read"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::keys::Key;

    fn read(limit: usize, is_last: bool, parts: &[(u8, Part)]) -> (Vec<u8>, bool) {
        let tenant = TenantId::new(uuid::Uuid::nil());
        let of = |n: u8| ConnectionId::new(uuid::Uuid::from_u128(n.into()));
        let items = parts
            .iter()
            .map(|(n, part)| {
                items::key(&match part {
                    Part::Row => Key::Connection(tenant, of(*n)),
                    Part::Contract => Key::Contract(tenant, of(*n)),
                    Part::Health => Key::Health(tenant, of(*n)),
                })
            })
            .collect();
        let (found, left_over) = whole(items, limit, is_last);
        let ids = found
            .into_iter()
            .map(|(id, _)| u8::try_from(id.uuid().as_u128()).unwrap())
            .collect();
        (ids, left_over)
    }

    #[test]
    fn a_connection_torn_by_the_end_of_a_page_is_left_to_the_next() {
        use Part::{Contract, Health, Row};
        let two = [(1, Row), (1, Health), (2, Row), (2, Contract), (2, Health)];
        assert_eq!(read(9, false, &two), (vec![1, 2], false));
        assert_eq!(read(9, false, &two[..4]), (vec![1], true));
        assert_eq!(read(9, false, &two[..3]), (vec![1], true));
        assert_eq!(read(9, false, &two[..2]), (vec![1], false));
        assert_eq!(read(1, true, &two), (vec![1], true));
        assert_eq!(read(2, true, &two), (vec![1, 2], false));
        assert_eq!(read(9, true, &[]), (vec![], false));
    }
}
