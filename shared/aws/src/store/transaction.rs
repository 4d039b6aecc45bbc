//! Writes that happen together or not at all, each with a mark by which a refusal is told from another.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, Put,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use shared::error::{Error, Noun, Result};

use super::DynamoStore;
use crate::{
    failure::failure,
    items::{self, Item},
    keys::{Key, PK, SK},
    retry::{patiently, pause},
};

/// What a write is for, where its refusal means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Row,
    Slug,
    Health,
    Idempotency,
    Name,
    Wheel,
    Tenant,
    /// What keys are granted, or what has to stay as it was seen for that.
    Grants,
    /// What the row stands on, which has to be there.
    Ground(Noun),
    /// Refused only when the table is not what it can be.
    Other,
}

/// What must hold of the item that is there, for a write to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    expression: Option<String>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    /// Nothing has to hold.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// There is no such item.
    pub(super) fn absent() -> Self {
        Self::when("attribute_not_exists(PK)")
    }

    /// There is such an item.
    pub(super) fn present() -> Self {
        Self::when("attribute_exists(PK)")
    }

    /// The item is there and was written this many times.
    pub(super) fn revision(revision: u64) -> Self {
        let expression = match revision {
            // Rows of some kinds were written without one at first.
            0 => {
                "attribute_exists(PK) AND (attribute_not_exists(revision) OR revision = :revision)"
            }
            _ => "revision = :revision",
        };
        Self::when(expression).with(":revision", items::number(revision))
    }

    pub(super) fn when(expression: &str) -> Self {
        Self {
            expression: Some(expression.to_owned()),
            values: None,
        }
    }

    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values
            .get_or_insert_default()
            .insert(name.to_owned(), value);
        self
    }

    /// The expression and its values, for a write that stands alone.
    pub(super) fn into_parts(self) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
        (self.expression, self.values)
    }
}

/// What came of a transaction.
pub(super) enum Outcome {
    Done,
    Refused(Refusals),
}

/// The writes whose condition did not hold, with the items that were there instead.
pub(super) struct Refusals(Vec<(Mark, Option<Item>)>);

impl Refusals {
    /// Which of the things that had to be there is not.
    pub(super) fn ground(&self) -> Option<Noun> {
        self.0.iter().find_map(|(refused, _)| match refused {
            Mark::Ground(noun) => Some(*noun),
            _ => None,
        })
    }

    /// Whether a write with this mark was refused, and the item that stood against it.
    pub(super) fn take(&mut self, mark: Mark) -> Option<Option<Item>> {
        let found = self.0.iter().position(|(refused, _)| *refused == mark)?;
        Some(self.0.swap_remove(found).1)
    }
}

pub(super) struct Transaction<'a> {
    store: &'a DynamoStore,
    marks: Vec<Mark>,
    writes: Vec<TransactWriteItem>,
    /// By how much counts change, by their keys. A transaction can write an item only once, so they are added up.
    counts: BTreeMap<(String, String), Change>,
}

/// By how much a count changes, and when it may go.
#[derive(Clone, Copy, Default)]
struct Change {
    by: i64,
    expires: Option<i64>,
}

impl DynamoStore {
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction {
            store: self,
            marks: Vec::new(),
            writes: Vec::new(),
            counts: BTreeMap::new(),
        }
    }
}

impl Transaction<'_> {
    pub(super) fn put(&mut self, mark: Mark, item: Item, only: Condition) -> Result<()> {
        let put = Put::builder()
            .table_name(&self.store.table)
            .set_item(Some(item))
            .set_condition_expression(only.expression)
            .set_expression_attribute_values(only.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::internal)?;
        self.push(mark, TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    pub(super) fn delete(&mut self, mark: Mark, key: &Key<'_>, only: Condition) -> Result<()> {
        let delete = Delete::builder()
            .table_name(&self.store.table)
            .set_key(Some(items::key(key)))
            .set_condition_expression(only.expression)
            .set_expression_attribute_values(only.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::internal)?;
        self.push(mark, TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    /// The values of the change stand beside those of the condition.
    pub(super) fn update(
        &mut self,
        mark: Mark,
        key: &Key<'_>,
        change: &str,
        only: Condition,
    ) -> Result<()> {
        let update = Update::builder()
            .table_name(&self.store.table)
            .set_key(Some(items::key(key)))
            .update_expression(change)
            .set_condition_expression(only.expression)
            .set_expression_attribute_values(only.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::internal)?;
        self.push(mark, TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    /// Writes nothing, and lets the others happen only if this holds.
    pub(super) fn check(&mut self, mark: Mark, key: &Key<'_>, only: Condition) -> Result<()> {
        let check = ConditionCheck::builder()
            .table_name(&self.store.table)
            .set_key(Some(items::key(key)))
            .set_condition_expression(only.expression)
            .set_expression_attribute_values(only.values)
            .build()
            .map_err(Error::internal)?;
        let check = TransactWriteItem::builder().condition_check(check).build();
        self.push(mark, check);
        Ok(())
    }

    /// Changes a count, which may go after `expires`, in seconds since the epoch, if there is such a moment.
    pub(super) fn count(&mut self, key: &Key<'_>, by: i64, expires: Option<i64>) {
        let change = self.counts.entry((key.pk(), key.sk())).or_default();
        change.by += by;
        change.expires = expires;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn write_counts(&mut self) -> Result<()> {
        for ((pk, sk), Change { by, expires }) in std::mem::take(&mut self.counts) {
            if by == 0 {
                continue;
            }
            let mut update = Update::builder()
                .table_name(&self.store.table)
                .key(PK, AttributeValue::S(pk))
                .key(SK, AttributeValue::S(sk))
                .update_expression(match expires {
                    None => "ADD listed :by",
                    Some(_) => "ADD listed :by SET expiresAt = :expires",
                })
                .expression_attribute_values(":by", items::number(by));
            if let Some(expires) = expires {
                update = update.expression_attribute_values(":expires", items::number(expires));
            }
            let update = update.build().map_err(Error::internal)?;
            self.push(
                Mark::Other,
                TransactWriteItem::builder().update(update).build(),
            );
        }
        Ok(())
    }

    fn push(&mut self, mark: Mark, write: TransactWriteItem) {
        self.marks.push(mark);
        self.writes.push(write);
    }

    /// Sends it, again after a while when it met another write.
    ///
    /// The SDK gives each call a token of its own and repeats it with its retries, so a transaction whose answer was lost is
    /// not done twice; and since refusals come with what was there, the caller can tell its own work from another's even after that.
    pub(super) async fn commit(mut self) -> Result<Outcome> {
        self.write_counts()?;
        let call = self
            .store
            .client
            .transact_write_items()
            .set_transact_items(Some(self.writes));
        for attempt in 1..=PATIENCE {
            let refused = match patiently(|| call.clone().send()).await {
                Ok(_) => return Ok(Outcome::Done),
                Err(error) => error,
            };
            let reasons = match refused.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => return Err(failure(refused)),
            };
            let met = |reason: &CancellationReason| PASSING.contains(&reason.code().unwrap_or(""));
            if !reasons.iter().any(met) {
                let refusals = refusals(&self.marks, reasons);
                return refusals.map_or_else(
                    || Err(failure(refused)),
                    |refusals| Ok(Outcome::Refused(refusals)),
                );
            }
            if attempt < PATIENCE {
                pause(attempt).await;
            }
        }
        Err(Error::Unavailable(
            "other writes to the same items would not end".into(),
        ))
    }
}

/// How often a transaction is tried that meets others. Those of one tenant meet at the counts of his lists, so many may want the same item.
const PATIENCE: u32 = 8;

/// Reasons for a cancellation that pass by themselves.
const PASSING: [&str; 3] = [
    "TransactionConflict",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
];

/// The writes that were refused; nothing when it was for anything else than a condition.
fn refusals(marks: &[Mark], reasons: &[CancellationReason]) -> Option<Refusals> {
    let mut refused = Vec::new();
    for (mark, reason) in marks.iter().zip(reasons) {
        match reason.code() {
            None | Some("None") => {}
            Some("ConditionalCheckFailed") => refused.push((*mark, reason.item().cloned())),
            Some(_) => return None,
        }
    }
    (!refused.is_empty()).then_some(Refusals(refused))
}
