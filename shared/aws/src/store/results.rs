//! Stores what checks find.

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use shared::{
    connection::ConnectionId,
    error::{Error, Result},
    health::{Health, Next},
    history::{INCIDENTS_KEPT_DAYS, Incident, KEPT_DAYS, Sample, incident},
    ports::{Checked, Registrations as _, Reschedule, Results},
    tenant::TenantId,
    timestamp::Timestamp,
    wheel::Slot,
};

use super::{
    DynamoStore,
    schedule::{SKIP_UNTIL, out_of_turn_item},
    transaction::{Condition, Mark, Outcome, Transaction},
};
use crate::{
    failure::failure,
    items::{self, Item, SAMPLES, number, packed_sample, text},
    keys::{EXPIRES_AT, Key, Range},
    retry::{ATTEMPTS, patiently},
};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

#[async_trait]
impl Results for DynamoStore {
    async fn store_result(&self, checked: &Checked<'_>) -> Result<()> {
        let Checked {
            connection,
            after,
            contract,
            superseded,
            ..
        } = checked;
        let new_tools = contract
            .map(|contract| (contract, contract.digest()))
            .filter(|(_, digest)| *superseded != Some(digest));
        if let Some((contract, digest)) = &new_tools {
            self.store_tools(connection, digest, &contract.tools, after.revision)
                .await?;
        }

        self.judge(checked).await?;

        // The result is stored. What follows is worth a try and no more: a lost sample is one sample less, and tools
        // that nobody can find any more go with the connection.
        let _ = self
            .append(connection.tenant, connection.id, checked.sample)
            .await;
        if let (Some(_), Some(digest)) = (new_tools, superseded) {
            let old = Range::Tools(connection.tenant, connection.id, digest);
            let _ = self.delete_tools(&old, Some(after.revision)).await;
        }
        Ok(())
    }

    async fn count_request(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        minute: i64,
        most: u32,
    ) -> Result<bool> {
        let hour_later = Timestamp::from_minute(minute + 60).seconds();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(items::key(&Key::Requests(tenant, id, minute))))
            .update_expression("ADD requests :one SET #expires = :expires")
            .condition_expression("attribute_not_exists(requests) OR requests < :most")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(most))
            .expression_attribute_values(":expires", number(hour_later));
        match patiently(|| update.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failure(error)),
            },
        }
    }
}

impl DynamoStore {
    /// Writes the health, and in the same transaction whatever else changes with it.
    async fn judge(&self, checked: &Checked<'_>) -> Result<()> {
        let (tenant, id) = (checked.connection.tenant, checked.connection.id);
        let key = Key::Health(tenant, id);
        let mut period = checked.connection.schedule();
        for _ in 0..ATTEMPTS {
            let health = items::health_item(&key, checked.after)?;
            // The item goes with the connection, so that nothing is stored for what is gone.
            // The epoch is the row's: row and health are read together but not at one moment, and a finding about what the
            // connection was must not become the health of what it is.
            let unchanged = Condition::when("revision = :revision AND epoch = :epoch")
                .with(":revision", number(checked.before.revision))
                .with(":epoch", number(checked.connection.epoch));
            let mut others = self.transaction();
            if let Some(contract) = checked.contract {
                let key = Key::Contract(tenant, id);
                let summary = items::item(&key, &contract.summary())?;
                others.put(Mark::Other, summary, Condition::none())?;
            }
            if let (Reschedule::To(next), Some(period)) = (checked.reschedule(), period) {
                reschedule(&mut others, checked, next, period)?;
            }
            if let Some(incident) = incident(checked.before, checked.after) {
                store_incident(&mut others, tenant, id, &incident)?;
            }

            if others.is_empty() {
                return self.put_health(health, unchanged, checked.after).await;
            }
            others.put(Mark::Health, health, unchanged)?;
            let mut refused = match others.commit().await? {
                Outcome::Done => return Ok(()),
                Outcome::Refused(refused) => refused,
            };

            if let Some(there) = refused.take(Mark::Health) {
                return is_ours(there, checked.after);
            }
            // It is not in its slot any more, because its period was changed during the check.
            let row = self.row(tenant, id).await?.ok_or(Error::Stale)?;
            period = row.schedule();
        }
        Err(Error::Unavailable("the schedule kept changing".into()))
    }

    async fn put_health(&self, item: Item, unchanged: Condition, after: &Health) -> Result<()> {
        let (expression, values) = unchanged.into_parts();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let refused = match patiently(|| put.clone().send()).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match refused.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                is_ours(refused.item().cloned(), after)
            }
            _ => Err(failure(refused)),
        }
    }

    /// Adds a sample to those of its hour, once.
    async fn append(&self, tenant: TenantId, id: ConnectionId, sample: &Sample) -> Result<()> {
        let packed = text(packed_sample(sample));
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(items::key(&Key::Samples(
                tenant,
                id,
                sample.at.hour(),
            ))))
            .update_expression(
                "SET #samples = list_append(if_not_exists(#samples, :none), :one), #expires = :expires",
            )
            // An append that is sent again because its answer was lost finds itself done, and is refused.
            .condition_expression("attribute_not_exists(#samples) OR NOT contains(#samples, :sample)")
            .expression_attribute_names("#samples", SAMPLES)
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":one", AttributeValue::L(vec![packed.clone()]))
            .expression_attribute_values(":sample", packed)
            .expression_attribute_values(":expires", expires_after(sample.at, KEPT_DAYS));
        update.send().await.map_err(failure)?;
        Ok(())
    }
}

/// Ends an incident.
pub(super) fn end_incident(
    writes: &mut Transaction<'_>,
    tenant: TenantId,
    id: ConnectionId,
    started_at: Timestamp,
    ended_at: Timestamp,
) -> Result<()> {
    // Its beginning is written again, so that the end of an incident whose item is gone is an incident still.
    writes.update(
        Mark::Other,
        &Key::Incident(tenant, id, started_at),
        "SET startedAt = :started, endedAt = :ended, expiresAt = :expires",
        Condition::none()
            .with(":started", text(started_at))
            .with(":ended", text(ended_at))
            .with(":expires", expires_after(ended_at, INCIDENTS_KEPT_DAYS)),
    )
}

fn store_incident(
    writes: &mut Transaction<'_>,
    tenant: TenantId,
    id: ConnectionId,
    incident: &Incident,
) -> Result<()> {
    if let Some(ended_at) = incident.ended_at {
        return end_incident(writes, tenant, id, incident.started_at, ended_at);
    }
    let mut item = items::item(&Key::Incident(tenant, id, incident.started_at), incident)?;
    let expires = expires_after(incident.started_at, INCIDENTS_KEPT_DAYS);
    item.insert(EXPIRES_AT.to_owned(), expires);
    writes.put(Mark::Other, item, Condition::none())
}

/// Tells the schedule when the next check is wanted, by the law of [`Reschedule`].
fn reschedule(
    writes: &mut Transaction<'_>,
    checked: &Checked<'_>,
    next: Next,
    period: u32,
) -> Result<()> {
    let (tenant, id) = (checked.connection.tenant, checked.connection.id);
    let out_of_turn = Key::OutOfTurn(tenant, id);
    match next {
        Next::Confirm(at) => {
            let item = out_of_turn_item(&out_of_turn, at);
            writes.put(Mark::Other, item, Condition::none())?;
        }
        Next::Turn | Next::NotBefore(_) => {
            writes.delete(Mark::Other, &out_of_turn, Condition::none())?;
        }
    }
    let slot = Key::Wheel(Slot::of(id, period), tenant, id);
    match (checked.before.next, next) {
        (_, Next::NotBefore(until)) => writes.update(
            Mark::Wheel,
            &slot,
            &format!("SET {SKIP_UNTIL} = :until"),
            Condition::present().with(":until", number(until.millis())),
        ),
        // A moment that has passed holds nothing back, so it may stay.
        (Next::NotBefore(until), _) if until > checked.sample.at => writes.update(
            Mark::Wheel,
            &slot,
            &format!("REMOVE {SKIP_UNTIL}"),
            Condition::present(),
        ),
        _ => Ok(()),
    }
}

/// What a refused health means: nothing, when what stands there is what was to be written and only the answer was lost.
fn is_ours(there: Option<Item>, after: &Health) -> Result<()> {
    let there = there.map(items::health).transpose()?;
    if there.as_ref() == Some(after) {
        Ok(())
    } else {
        Err(Error::Stale)
    }
}

fn expires_after(at: Timestamp, days: i64) -> AttributeValue {
    number(at.plus_seconds(days * SECONDS_A_DAY).seconds())
}
