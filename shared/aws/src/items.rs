//! Items of the table, from and to the nouns of the domain.
//!
//! A noun's fields are its item's attributes, beside the keys and the version of this format. What an item has besides, a later version
//! has put there, and it is ignored.

use std::{collections::HashMap, fmt::Write as _};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use shared::{
    caller::KeyRecord,
    connection::{Connection, Unfinished},
    error::{Error, Result},
    health::{Count, Health, Status},
    history::Sample,
    oauth::flow::Flow,
    timestamp::Timestamp,
    user_connection::UserConnection,
    verdict::Reason,
};

use crate::{
    attributes,
    keys::{EXPIRES_AT, Key, PK, SK, THE_SHARD, UNFINISHED_SHARD, UNFINISHED_SINCE},
};

pub(crate) type Item = HashMap<String, AttributeValue>;

const SCHEMA: &str = "schema";
/// The version of this format that is written.
const CURRENT_SCHEMA: u32 = 1;

/// That nothing may be made on it any more.
const CLOSING: &str = "closing";
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
    attributes::read(item).map_err(Error::internal)
}

pub(crate) fn row_item(row: &Connection) -> Result<Item> {
    let mut item = item(&Key::Connection(row.tenant, row.id), row)?;
    mark_unfinished(&mut item, since(row.unfinished.as_ref()));
    if !row.is_visible() {
        item.insert(CLOSING.to_owned(), AttributeValue::Bool(true));
    }
    Ok(item)
}

pub(crate) fn user_connection_item(row: &UserConnection) -> Result<Item> {
    let mut item = item(&Key::UserConnection(row.tenant, row.server, row.user), row)?;
    let lapses_at = row.lapses_at();
    mark_unfinished(&mut item, since(row.unfinished.as_ref()).or(lapses_at));
    Ok(item)
}

/// A flow goes by itself.
pub(crate) fn flow_item(flow: &Flow) -> Result<Item> {
    let mut item = item(&Key::Flow(flow.tenant, flow.id), flow)?;
    let kept_until = number(flow.kept_until().seconds());
    item.insert(EXPIRES_AT.to_owned(), kept_until);
    Ok(item)
}

fn since(unfinished: Option<&Unfinished>) -> Option<Timestamp> {
    unfinished.map(|unfinished| unfinished.since)
}

/// Puts a row into the index of unfinished work while it has some. What there is to be done later is there from the beginning, under its time.
fn mark_unfinished(item: &mut Item, since: Option<Timestamp>) {
    if let Some(since) = since {
        item.insert(UNFINISHED_SHARD.to_owned(), text(THE_SHARD));
        item.insert(UNFINISHED_SINCE.to_owned(), text(since));
    }
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

/// Goes over the bytes once, because this is done for every connection that is read.
fn unpack(packed: &str) -> Option<Vec<Count>> {
    let mut counts = Vec::with_capacity(packed.len() / 10);
    let mut numbers = [0_u32; 3];
    let mut at = 0;
    for byte in packed.bytes() {
        match byte {
            b'0'..=b'9' => {
                let number = numbers.get_mut(at)?;
                *number = number
                    .checked_mul(10)?
                    .checked_add(u32::from(byte - b'0'))?;
            }
            b' ' => at += 1,
            b',' => {
                counts.push(count(numbers, at)?);
                (numbers, at) = ([0; 3], 0);
            }
            _ => return None,
        }
    }
    if !packed.is_empty() {
        counts.push(count(numbers, at)?);
    }
    Some(counts)
}

fn count([at, ok, failed]: [u32; 3], last: usize) -> Option<Count> {
    (last == 2).then_some(Count {
        at: at.into(),
        ok,
        failed,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;
    use shared::{
        connection::{ConnectionId, Work},
        contract::ContractSummary,
        health::{Next, Observation},
        history::Incident,
        tenant::TenantId,
        verdict::Era,
    };
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_007);

    fn ids() -> (TenantId, ConnectionId) {
        (
            TenantId::new(Uuid::from_u128(1)),
            ConnectionId::new(Uuid::from_u128(2)),
        )
    }

    fn connection() -> Connection {
        let (tenant, id) = ids();
        serde_json::from_value(json!({
            "tenant": tenant,
            "id": id,
            "name": "日本語",
            "serverUrl": "https://mcp.example.com/mcp?x=1",
            "auth": {"type": "api_key", "header": "x-api-key"},
            "credential": {"version": id, "origin": "https://mcp.example.com", "updatedAt": NOW},
            "enabled": false,
            "checkInterval": 3600,
            "createdAt": NOW,
            "updatedAt": NOW,
            "version": 4_294_967_295_u32,
            "revision": u64::MAX - 1,
            "epoch": 7,
            "idempotency": "key",
        }))
        .unwrap()
    }

    #[test]
    fn a_row_is_read_as_it_was_written_and_what_a_later_version_adds_is_ignored() {
        let version = Uuid::from_u128(3);
        let works = [
            json!(null),
            json!({"work": "provision"}),
            json!({"work": "discard"}),
            json!({"work": "remove"}),
            json!({"work": "replace", "version": version}),
        ];
        for work in works {
            let work: Option<Work> = serde_json::from_value(work).unwrap();
            let row = connection().with_work(work, NOW);
            let mut item = row_item(&row).unwrap();
            assert_eq!(
                item.contains_key(UNFINISHED_SHARD),
                row.unfinished.is_some()
            );
            assert_eq!(
                item.contains_key(UNFINISHED_SINCE),
                row.unfinished.is_some()
            );
            for later in [
                AttributeValue::Ss(vec!["x".to_owned()]),
                AttributeValue::M(HashMap::from([("x".to_owned(), number(1))])),
                AttributeValue::Null(true),
            ] {
                item.insert("later".to_owned(), later);
                assert_eq!(noun::<Connection>(item.clone()).unwrap(), row);
            }
        }
    }

    #[test]
    fn an_item_that_cannot_be_read_is_an_error_and_no_panic() {
        let mut item = row_item(&connection()).unwrap();
        item.insert("version".to_owned(), AttributeValue::N("1.5".to_owned()));
        assert!(matches!(
            noun::<Connection>(item.clone()),
            Err(Error::Internal(_))
        ));
        item.insert("version".to_owned(), AttributeValue::N("-1".to_owned()));
        assert!(matches!(
            noun::<Connection>(item.clone()),
            Err(Error::Internal(_))
        ));
        item.remove("version");
        assert!(matches!(noun::<Connection>(item), Err(Error::Internal(_))));
    }

    #[test]
    fn health_is_read_as_it_was_written_at_every_step() {
        let (tenant, id) = ids();
        let key = Key::Health(tenant, id);
        let mut known = Health::unknown(3);
        let reasons = [
            None,
            Some(Reason::ConnectRefused),
            Some(Reason::CredentialRejected),
        ];
        for n in 0..200_i64 {
            assert_eq!(health(health_item(&key, &known).unwrap()).unwrap(), known);
            let observed = Observation {
                at: NOW.plus_seconds(n * 7200),
                reason: reasons[usize::try_from(n).unwrap() * n.unsigned_abs() as usize / 3 % 3],
                retry_after_seconds: None,
                latency_ms: n.unsigned_abs(),
                era: (n > 3).then_some(Era::Modern),
            };
            known = known.after(&observed, 300);
        }
        for next in [Next::Turn, Next::Confirm(NOW), Next::NotBefore(NOW)] {
            known.next = next;
            assert_eq!(health(health_item(&key, &known).unwrap()).unwrap(), known);
        }
        let mut broken = health_item(&key, &known).unwrap();
        broken.insert(HOURS.to_owned(), text("1 2"));
        assert!(health(broken).is_err());
    }

    #[test]
    fn the_other_nouns_are_read_as_they_were_written() {
        let (tenant, id) = ids();
        let summary: ContractSummary = serde_json::from_value(json!({
            "digest": "abc",
            "protocolVersion": "2026-07-28",
            "serverInfo": {"name": "s", "version": ""},
            "instructions": null,
            "toolCount": 12,
        }))
        .unwrap();
        let written = item(&Key::Contract(tenant, id), &summary).unwrap();
        assert_eq!(noun::<ContractSummary>(written).unwrap(), summary);

        let incident = Incident {
            started_at: NOW,
            ended_at: None,
            reason: Some(Reason::DnsFailure),
        };
        let written = item(&Key::Incident(tenant, id, NOW), &incident).unwrap();
        assert_eq!(noun::<Incident>(written).unwrap(), incident);
    }

    #[test]
    fn samples_are_read_as_they_were_written() {
        for reason in Reason::ALL.into_iter().map(Some).chain([None]) {
            for status in [Status::Unknown, Status::Active, Status::Error] {
                let written = Sample {
                    at: NOW,
                    status,
                    reason,
                    latency_ms: u64::MAX,
                };
                assert_eq!(sample(&packed_sample(&written)), Some(written));
            }
        }
        assert_eq!(sample("1774440000007 active"), None);
        assert_eq!(sample("1774440000007 active surprising 3"), None);
    }
}
