//! The schedule: slots of the wheel, checks out of turn, ticks.

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    connection::ConnectionId,
    error::Result,
    ports::{Due, Schedule},
    tenant::TenantId,
    timestamp::Timestamp,
    wheel::{LONGEST_PERIOD, Slot},
};

use super::{DynamoStore, all, sk, string};
use crate::{
    failure::failure,
    items::{self, Item, millis, number, text},
    keys::{EXPIRES_AT, Key, Range, minute, scheduled},
    retry::patiently,
};

/// The slot skips the connection until this moment, in milliseconds.
pub(super) const SKIP_UNTIL: &str = "skipUntil";
/// A check out of turn is wanted at this moment, in milliseconds.
const NOT_BEFORE: &str = "notBefore";
/// Until when a tick or a check out of turn is somebody's, in milliseconds, and whose.
const CLAIMED_UNTIL: &str = "claimedUntil";
const CLAIMED_BY: &str = "claimedBy";
const DONE: &str = "done";

const TICKS_KEPT_SECONDS: i64 = 24 * 60 * 60;
/// Writes in flight at the same time.
const WRITES_AT_ONCE: usize = 16;

#[async_trait]
impl Schedule for DynamoStore {
    async fn claim(&self, current: i64, now: Timestamp, until: Timestamp) -> Result<Vec<i64>> {
        let longest = i64::from(LONGEST_PERIOD);
        // One more than there can be in the window, so that a tick from before it is seen if there is one.
        let query = self
            .query(&Range::Ticks(current))
            .scan_index_forward(false)
            .limit(1 + i32::try_from(LONGEST_PERIOD).unwrap_or(i32::MAX));
        let known = query
            .send()
            .await
            .map_err(failure)?
            .items
            .unwrap_or_default();

        // What lies before the first tick there ever was, nobody missed.
        let first = known.last().and_then(|tick| minute(sk(tick)));
        let first = first.unwrap_or(current).max(current - longest + 1);
        let mut claimed = Vec::new();
        for minute in first..=current {
            let key = Key::Tick(minute);
            let tick = known.iter().find(|tick| sk(tick) == key.sk());
            let is_open = tick.is_none_or(|tick| {
                !tick.contains_key(DONE) && millis(tick, CLAIMED_UNTIL) <= Some(now)
            });
            if is_open && self.claim_one(minute, now, until).await? {
                claimed.push(minute);
            }
        }
        Ok(claimed)
    }

    async fn finish(&self, minute: i64) -> Result<()> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(items::key(&Key::Tick(minute))))
            .update_expression("SET done = :done, expiresAt = :expires")
            .expression_attribute_values(":done", AttributeValue::Bool(true))
            .expression_attribute_values(":expires", tick_expires(minute));
        let sent = patiently(|| update.clone().send()).await;
        sent.map_err(failure)?;
        Ok(())
    }

    async fn slot(&self, slot: Slot, at: Timestamp) -> Result<Vec<(TenantId, ConnectionId)>> {
        // Half the price, many times a minute: what is new in the slot is on the other list for its first check anyway.
        let query = self
            .query(&Range::Wheel(slot))
            .consistent_read(false)
            .filter_expression("attribute_not_exists(skipUntil) OR skipUntil <= :at")
            .expression_attribute_values(":at", number(at.millis()))
            .projection_expression("SK");
        let found = all(query).await?;
        Ok(found
            .iter()
            .filter_map(|item| scheduled(sk(item)))
            .collect())
    }

    async fn out_of_turn(&self, until: Timestamp) -> Result<Vec<Due>> {
        let query = self
            .query(&Range::OutOfTurn)
            .filter_expression("notBefore <= :until")
            .expression_attribute_values(":until", number(until.millis()))
            .projection_expression("SK, notBefore");
        let found = all(query).await?;
        let due = |item: &Item| {
            let (tenant, connection) = scheduled(sk(item))?;
            Some(Due {
                tenant,
                connection,
                at: millis(item, NOT_BEFORE)?,
            })
        };
        Ok(found.iter().filter_map(due).collect())
    }

    async fn take_out_of_turn(&self, due: &Due, now: Timestamp, until: Timestamp) -> Result<bool> {
        let mark = mark();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(items::key(&Key::OutOfTurn(
                due.tenant,
                due.connection,
            ))))
            .update_expression("SET claimedUntil = :until, claimedBy = :mark")
            .condition_expression(
                "notBefore <= :at AND (attribute_not_exists(claimedUntil) OR claimedUntil <= :now)",
            )
            .expression_attribute_values(":at", number(due.at.millis()))
            .expression_attribute_values(":until", number(until.millis()))
            .expression_attribute_values(":mark", text(&mark))
            .expression_attribute_values(":now", number(now.millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let refused = match patiently(|| update.clone().send()).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        match refused.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(refused
                .item()
                .is_none_or(|there| string(there, CLAIMED_BY) == mark)),
            _ => Err(failure(refused)),
        }
    }

    async fn postpone(&self, due: &[Due]) -> Result<()> {
        let writes: Vec<_> = due.iter().map(|due| self.postpone_one(due)).collect();
        stream::iter(writes)
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn drop_out_of_turn(&self, due: &Due) -> Result<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(items::key(&Key::OutOfTurn(
                due.tenant,
                due.connection,
            ))))
            .condition_expression("attribute_not_exists(PK) OR notBefore <= :at")
            .expression_attribute_values(":at", number(due.at.millis()));
        match patiently(|| delete.clone().send()).await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            dropped => dropped.map(drop).map_err(failure),
        }
    }
}

impl DynamoStore {
    /// Whether the minute is ours now.
    async fn claim_one(&self, minute: i64, now: Timestamp, until: Timestamp) -> Result<bool> {
        let mark = mark();
        let mut tick = items::bare(&Key::Tick(minute));
        tick.insert(CLAIMED_UNTIL.to_owned(), number(until.millis()));
        tick.insert(CLAIMED_BY.to_owned(), text(&mark));
        tick.insert(EXPIRES_AT.to_owned(), tick_expires(minute));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(tick))
            .condition_expression(
                "attribute_not_exists(PK) OR (attribute_not_exists(done) AND claimedUntil <= :now)",
            )
            .expression_attribute_values(":now", number(now.millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let refused = match patiently(|| put.clone().send()).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        match refused.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => Ok(refused
                .item()
                .is_some_and(|there| string(there, CLAIMED_BY) == mark)),
            _ => Err(failure(refused)),
        }
    }

    async fn postpone_one(&self, due: &Due) -> Result<()> {
        let key = Key::OutOfTurn(due.tenant, due.connection);
        // What is wanted later answers this one too, but not the other way round.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(out_of_turn_item(&key, due.at)))
            .condition_expression("attribute_not_exists(PK) OR notBefore <= :at")
            .expression_attribute_values(":at", number(due.at.millis()));
        match patiently(|| put.clone().send()).await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            put => put.map(drop).map_err(failure),
        }
    }
}

/// The item of a check that is wanted at this moment.
pub(super) fn out_of_turn_item(key: &Key<'_>, at: Timestamp) -> Item {
    let mut item = items::bare(key);
    item.insert(NOT_BEFORE.to_owned(), number(at.millis()));
    item
}

/// By this mark a claim whose answer was lost is recognised as our own when it is sent again.
fn mark() -> String {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), CLAIMED_BY);
    random.to_string()
}

fn tick_expires(minute: i64) -> AttributeValue {
    let at = Timestamp::from_minute(minute).plus_seconds(TICKS_KEPT_SECONDS);
    number(at.seconds())
}
