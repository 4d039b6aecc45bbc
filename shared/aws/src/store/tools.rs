//! The tools of a contract: up to 4 MiB of JSON, cut into chunks that fit into items.
//!
//! Chunks are written before the summary that names their digest and deleted after the one that does not any more, one by one: a
//! partition takes a thousand units of writing a second, so many large writes at once would only be throttled.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use shared::{
    connection::Connection,
    contract::{ContractDigest, Tool},
    error::{Error, Result},
};

use super::{DynamoStore, string};
use crate::{
    failure::failure,
    items::{self, Item, number},
    keys::{Key, PK, Range, SK},
    retry::patiently,
};

/// An item has room for 400 KB with its keys.
const CHUNK_BYTES: usize = 350_000;
const BYTES: &str = "bytes";
/// How many chunks there are, so that a set which is not whole is told from one that is.
const CHUNKS: &str = "chunks";
/// Revision of the health that they were written with: what is written later is not deleted by who deletes for an earlier revision.
const WRITTEN_AT: &str = "writtenAt";

impl DynamoStore {
    /// Stores tools under a digest, for the result with this revision of the health.
    pub(super) async fn store_tools(
        &self,
        connection: &Connection,
        digest: &ContractDigest,
        tools: &[Tool],
        revision: u64,
    ) -> Result<()> {
        let mut sorted: Vec<&Tool> = tools.iter().collect();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        let bytes = serde_json::to_vec(&sorted).map_err(Error::internal)?;
        let chunks = bytes.len().div_ceil(CHUNK_BYTES);
        for (index, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
            let key = Key::Tools(connection.tenant, connection.id, digest, index);
            let mut item = items::bare(&key);
            item.insert(BYTES.to_owned(), AttributeValue::B(Blob::new(chunk)));
            item.insert(CHUNKS.to_owned(), number(chunks));
            item.insert(WRITTEN_AT.to_owned(), number(revision));
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item));
            patiently(|| put.clone().send()).await.map_err(failure)?;
        }
        Ok(())
    }

    /// Deletes the chunks in a range, except those written at or after a revision, if one is given.
    pub(super) async fn delete_tools(&self, range: &Range<'_>, before: Option<u64>) -> Result<()> {
        let chunks = super::all(self.query(range).projection_expression("PK, SK")).await?;
        for chunk in chunks {
            let mut delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .key(PK, AttributeValue::S(string(&chunk, PK).to_owned()))
                .key(SK, AttributeValue::S(string(&chunk, SK).to_owned()));
            if let Some(revision) = before {
                delete = delete
                    .condition_expression("writtenAt < :revision")
                    .expression_attribute_values(":revision", number(revision));
            }
            match patiently(|| delete.clone().send()).await {
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_conditional_check_failed_exception()) => {}
                deleted => drop(deleted.map_err(failure)?),
            }
        }
        Ok(())
    }
}

/// The tools in a set of chunks; none when the set is not whole, because it is being deleted.
pub(super) fn join(chunks: Vec<Item>) -> Result<Vec<Tool>> {
    let expected = chunks.first().and_then(|first| first.get(CHUNKS));
    let expected = expected.and_then(|count| count.as_n().ok()?.parse().ok());
    if expected != Some(chunks.len()) {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::with_capacity(chunks.len() * CHUNK_BYTES);
    for mut chunk in chunks {
        if let Some(AttributeValue::B(part)) = chunk.remove(BYTES) {
            bytes.extend(part.into_inner());
        }
    }
    serde_json::from_slice(&bytes).map_err(Error::internal)
}
