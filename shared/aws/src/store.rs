//! The table. Each port has a file; a function that uses one port links the operations of that port and no others.

use aws_sdk_dynamodb::{
    Client,
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes},
};
use shared::error::{Error, Result};

use crate::{
    failure::failure,
    items::{self, Item},
    keys::{Key, PK, Range, SK},
    retry::{ATTEMPTS, pause},
};

mod audit;
mod connections;
mod flows;
mod grants;
mod integrations;
mod keys;
mod lists;
mod registrations;
mod results;
mod rows;
mod schedule;
mod servers;
mod sessions;
mod tenants;
mod tools;
mod transaction;
mod virtual_keys;
mod workspaces;

/// Implements the ports of `shared` that keep something in the table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// A Query of these items. Reads are consistent: who creates something and asks for it at once expects to see it.
    fn query(&self, range: &Range<'_>) -> QueryFluentBuilder {
        let (from, to) = range.bounds();
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :pk AND SK BETWEEN :from AND :to")
            .expression_attribute_values(":pk", AttributeValue::S(range.pk()))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":to", AttributeValue::S(to))
    }

    /// One item, as it is at this moment.
    async fn item(&self, key: &Key<'_>) -> Result<Option<Item>> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(items::key(key)))
            .consistent_read(true)
            .send()
            .await;
        Ok(found.map_err(failure)?.item)
    }
}

/// What one `BatchGetItem` can ask for.
const BATCH: usize = 100;

impl DynamoStore {
    /// Those of these items that there are, in no order.
    async fn batch(&self, keys: &[Key<'_>]) -> Result<Vec<Item>> {
        let mut found = Vec::new();
        for some in keys.chunks(BATCH) {
            let mut wanted: Vec<Item> = some.iter().map(items::key).collect();
            for attempt in 1.. {
                let asked = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build()
                    .map_err(Error::internal)?;
                let call = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table, asked);
                let answer = call.send().await.map_err(failure)?;
                let answered = answer.responses.unwrap_or_default();
                found.extend(answered.into_values().flatten());
                // What the service had no room or no time for.
                let left = answer.unprocessed_keys.unwrap_or_default();
                wanted = left.into_values().flat_map(|left| left.keys).collect();
                if wanted.is_empty() {
                    break;
                }
                if attempt >= ATTEMPTS {
                    return Err(Error::Unavailable(
                        "a batch was never read to its end".into(),
                    ));
                }
                pause(attempt).await;
            }
        }
        Ok(found)
    }
}

/// All items that a Query finds, however many pages they fill.
async fn all(query: QueryFluentBuilder) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let page = query.clone().set_exclusive_start_key(from).send().await;
        let page = page.map_err(failure)?;
        found.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}

fn pk(item: &Item) -> &str {
    string(item, PK)
}

fn sk(item: &Item) -> &str {
    string(item, SK)
}

/// Empty when the item has no such text; no key and no value of ours is.
fn string<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}
