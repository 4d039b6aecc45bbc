//! Items of the table, from and to the nouns of the domain.
//!
//! A noun's fields are its item's attributes, beside the keys and the version of this format. What an item has besides, a later version
//! has put there, and it is ignored.

use std::{collections::HashMap, fmt::Write as _};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use shared::{
    caller::KeyRecord,
    connection::Connection,
    error::{Error, Result},
    health::{Count, Health, Status},
    history::Sample,
    timestamp::Timestamp,
    verdict::Reason,
};

use crate::keys::{EXPIRES_AT, Key, PK, SK, THE_SHARD, UNFINISHED_SHARD, UNFINISHED_SINCE};

pub(crate) type Item = HashMap<String, AttributeValue>;

const SCHEMA: &str = "schema";
/// The version of this format that is written.
const CURRENT_SCHEMA: u32 = 1;

/// The checks of an hour, each a [packed text](packed_sample).
pub(crate) const SAMPLES: &str = "samples";
const HOURS: &str = "hours";
const DAYS: &str = "days";
/// When a key expires, which must not be taken for the time when its item may go: an expired key is refused as such.
const VALID_UNTIL: &str = "validUntil";

pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The two attributes that name an item.
pub(crate) fn key(key: &Key<'_>) -> Item {
    HashMap::from([
        (PK.to_owned(), AttributeValue::S(key.pk())),
        (SK.to_owned(), AttributeValue::S(key.sk())),
    ])
}

/// An item with nothing but its keys so far.
pub(crate) fn bare(of: &Key<'_>) -> Item {
    let mut item = key(of);
    item.insert(SCHEMA.to_owned(), number(CURRENT_SCHEMA));
    item
}

/// The item of a noun. What the noun leaves open is no attribute.
pub(crate) fn item(of: &Key<'_>, noun: &impl Serialize) -> Result<Item> {
    let mut item: Item = serde_dynamo::to_item(noun).map_err(Error::internal)?;
    item.retain(|_, value| !value.is_null());
    item.extend(bare(of));
    Ok(item)
}

pub(crate) fn noun<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(Error::internal)
}

pub(crate) fn row_item(row: &Connection) -> Result<Item> {
    let mut item = item(&Key::Connection(row.tenant, row.id), row)?;
    if let Some(unfinished) = &row.unfinished {
        item.insert(UNFINISHED_SHARD.to_owned(), text(THE_SHARD));
        item.insert(UNFINISHED_SINCE.to_owned(), text(unfinished.since));
    }
    Ok(item)
}

/// Health is read with every connection, so its many counts are one short text and not a hundred attributes.
pub(crate) fn health_item(of: &Key<'_>, health: &Health) -> Result<Item> {
    let mut item = item(of, health)?;
    for (name, counts) in [(HOURS, &health.hours), (DAYS, &health.days)] {
        item.insert(name.to_owned(), AttributeValue::S(pack(counts)));
    }
    Ok(item)
}

pub(crate) fn health(mut item: Item) -> Result<Health> {
    let [hours, days] = [HOURS, DAYS].map(|name| {
        let none = AttributeValue::L(Vec::new());
        match item.insert(name.to_owned(), none) {
            Some(AttributeValue::S(packed)) => unpack(&packed),
            _ => Some(Vec::new()),
        }
    });
    let malformed = || Error::internal("counts of a health item cannot be read");
    Ok(Health {
        hours: hours.ok_or_else(malformed)?,
        days: days.ok_or_else(malformed)?,
        ..noun(item)?
    })
}

pub(crate) fn api_key_item(record: &KeyRecord) -> Result<Item> {
    let mut item = item(&Key::ApiKey(record.tenant, record.id), record)?;
    if let Some(until) = item.remove(EXPIRES_AT) {
        item.insert(VALID_UNTIL.to_owned(), until);
    }
    Ok(item)
}

pub(crate) fn api_key(mut item: Item) -> Result<KeyRecord> {
    if let Some(until) = item.remove(VALID_UNTIL) {
        item.insert(EXPIRES_AT.to_owned(), until);
    }
    noun(item)
}

/// A sample as one short text, since a month of them is kept: `{milliseconds} {status} {reason or -} {latency}`.
pub(crate) fn packed_sample(sample: &Sample) -> String {
    format!(
        "{} {} {} {}",
        sample.at.millis(),
        sample.status.word(),
        sample.reason.map_or("-", Reason::word),
        sample.latency_ms,
    )
}

pub(crate) fn sample(packed: &str) -> Option<Sample> {
    let mut words = packed.split(' ');
    let (at, status, reason, latency) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    Some(Sample {
        at: Timestamp::from_millis(at.parse().ok()?),
        status: [Status::Unknown, Status::Active, Status::Error]
            .into_iter()
            .find(|known| known.word() == status)?,
        reason: match reason {
            "-" => None,
            word => Some(Reason::ALL.into_iter().find(|known| known.word() == word)?),
        },
        latency_ms: latency.parse().ok()?,
    })
}

/// A number that an item may have.
pub(crate) fn millis(item: &Item, name: &str) -> Option<Timestamp> {
    let value = item.get(name)?.as_n().ok()?;
    value.parse().ok().map(Timestamp::from_millis)
}

/// `{at} {ok} {failed}` for each count, parted by commas.
fn pack(counts: &[Count]) -> String {
    let mut packed = String::with_capacity(counts.len() * 12);
    for Count { at, ok, failed } in counts {
        let comma = if packed.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(packed, "{comma}{at} {ok} {failed}");
    }
    packed
}

fn unpack(packed: &str) -> Option<Vec<Count>> {
    if packed.is_empty() {
        return Some(Vec::new());
    }
    packed
        .split(',')
        .map(|count| {
            let mut numbers = count.split(' ');
            Some(Count {
                at: numbers.next()?.parse().ok()?,
                ok: numbers.next()?.parse().ok()?,
                failed: numbers.next()?.parse().ok()?,
            })
        })
        .collect()
}
