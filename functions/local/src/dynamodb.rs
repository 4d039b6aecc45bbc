//! DynamoDB for the local stack: dynoxide, in this process, answering the ordinary SDKs over HTTP.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::template::{Table, TemplateError};

/// The database; clones share it.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
}

#[derive(Debug)]
pub enum DynamoDbError {
    Template(TemplateError),
    Database(DynoxideError),
    /// The data was written under another template.
    OtherSchema(String),
    /// The background work that ran an operation did not come back.
    Interrupted,
}

type Result<T> = std::result::Result<T, DynamoDbError>;

impl DynamoDb {
    /// Gone with the process.
    pub fn memory() -> Result<Self> {
        Ok(Self {
            database: Database::memory()?,
        })
    }

    /// Kept in a file, which one process at a time may have open.
    pub fn open(file: &Path) -> Result<Self> {
        Ok(Self {
            database: Database::new(&file.to_string_lossy())?,
        })
    }

    /// Makes the tables that are not there yet. One that is there must be as the template has it.
    pub fn create_tables(&self, tables: &[Table]) -> Result<()> {
        for table in tables {
            let wanted = table.create_request()?;
            let described = self
                .database
                .describe_table(request(json!({ "TableName": table.name }))?);
            match described {
                Ok(existing) => {
                    let existing = serde_json::to_value(&existing).unwrap_or_default();
                    if schema(&existing["Table"]) != schema(&wanted) {
                        return Err(DynamoDbError::OtherSchema(table.name.clone()));
                    }
                }
                Err(DynoxideError::ResourceNotFoundException(_)) => {
                    self.database.create_table(request(wanted)?)?;
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(expiry) = table.expiry_request()? {
                self.database.update_time_to_live(request(expiry)?)?;
            }
        }
        Ok(())
    }

    /// Answers requests on `listener` until `shutdown` resolves and running ones are done.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) {
        // It fails for no reason but the listener's, and then there is nobody left to answer.
        let _ =
            dynoxide::server::serve_with_shutdown(listener, self.database.clone(), shutdown).await;
    }

    /// Deletes the items that have expired, and tells how many they were. AWS does so within days, without a promise.
    pub async fn sweep(&self) -> Result<usize> {
        let database = self.database.clone();
        let sweep = tokio::task::spawn_blocking(move || database.sweep_ttl());
        Ok(sweep.await.map_err(|_| DynamoDbError::Interrupted)??)
    }

    /// Sweeps again and again until `shutdown` resolves.
    pub async fn sweep_every(&self, period: Duration, shutdown: impl Future<Output = ()>) {
        let sweeping = async {
            let mut ticks = tokio::time::interval(period);
            loop {
                ticks.tick().await;
                // What one sweep could not delete the next one will; expired items are filtered by their readers.
                let _ = self.sweep().await;
            }
        };
        tokio::select! {
            () = sweeping => {}
            () = shutdown => {}
        }
    }

    /// The database itself, for tests that look behind the interface.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

fn request<T: DeserializeOwned>(body: Json) -> Result<T> {
    serde_json::from_value(body).map_err(|error| {
        DynamoDbError::Database(DynoxideError::ValidationException(error.to_string()))
    })
}

/// What of a table can only be had by making it anew: its keys and its indexes.
fn schema(table: &Json) -> Json {
    let sorted = |list: &Json, key: &str, entry: &dyn Fn(&Json) -> Json| {
        let mut entries: Vec<_> = list.as_array().into_iter().flatten().collect();
        entries.sort_by_key(|entry| entry[key].to_string());
        Json::Array(entries.into_iter().map(entry).collect())
    };
    let index = |index: &Json| json!([index["IndexName"], index["KeySchema"], index["Projection"]]);
    json!({
        "keys": table["KeySchema"],
        "attributes": sorted(&table["AttributeDefinitions"], "AttributeName", &Json::clone),
        "global": sorted(&table["GlobalSecondaryIndexes"], "IndexName", &index),
        "local": sorted(&table["LocalSecondaryIndexes"], "IndexName", &index),
    })
}

impl From<TemplateError> for DynamoDbError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

impl From<DynoxideError> for DynamoDbError {
    fn from(error: DynoxideError) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for DynamoDbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(error) => error.fmt(f),
            Self::Database(error) => write!(f, "DynamoDB: {error}"),
            Self::OtherSchema(table) => {
                write!(
                    f,
                    "the table {table} has other keys or indexes than the template; remove the data to start anew"
                )
            }
            Self::Interrupted => f.write_str("DynamoDB: interrupted"),
        }
    }
}

impl std::error::Error for DynamoDbError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::oneshot;

    use super::*;
    use crate::ambient;
    use crate::template::Template;

    fn tables() -> Vec<Table> {
        let text = include_str!("../../../template.yaml");
        Template::parse(text, &BTreeMap::new()).unwrap().tables
    }

    fn put(database: &DynamoDb, key: &str, expires_at: u64) {
        let name = &tables()[0].name;
        let item = json!({ "PK": { "S": key }, "SK": { "S": "a" }, "expiresAt": { "N": expires_at.to_string() } });
        let put = json!({ "TableName": name, "Item": item });
        database.database().put_item(request(put).unwrap()).unwrap();
    }

    fn count(database: &DynamoDb) -> usize {
        let scan = json!({ "TableName": tables()[0].name });
        let found = database.database().scan(request(scan).unwrap()).unwrap();
        serde_json::to_value(&found).unwrap()["Count"]
            .as_u64()
            .unwrap()
            .try_into()
            .unwrap()
    }

    #[tokio::test]
    async fn the_tables_of_the_template_are_made_and_their_expired_items_swept() {
        let database = DynamoDb::memory().unwrap();
        database.create_tables(&tables()).unwrap();
        database.create_tables(&tables()).unwrap();
        let now = ambient::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        put(&database, "old", now - 10);
        put(&database, "young", now + 1_000);
        assert_eq!(database.sweep().await.unwrap(), 1);
        assert_eq!(count(&database), 1);
    }

    #[tokio::test]
    async fn a_file_keeps_the_data_and_refuses_another_schema() {
        let folder = std::env::temp_dir().join(ambient::id().to_string());
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("dynamodb.sqlite");
        let first = DynamoDb::open(&file).unwrap();
        first.create_tables(&tables()).unwrap();
        put(&first, "a", 99_999_999_999);
        drop(first);

        let second = DynamoDb::open(&file).unwrap();
        second.create_tables(&tables()).unwrap();
        assert_eq!(count(&second), 1);
        let mut other = tables();
        other[0].properties["GlobalSecondaryIndexes"][0]["IndexName"] = json!("other");
        let error = second.create_tables(&other).unwrap_err();
        assert!(matches!(error, DynamoDbError::OtherSchema(_)), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn the_server_stops_when_it_is_told_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let database = DynamoDb::memory().unwrap();
        let server = tokio::spawn(async move {
            database
                .serve(listener, async {
                    let _ = stopped.await;
                })
                .await;
        });
        let _idle = tokio::net::TcpStream::connect(address).await.unwrap();
        stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), server)
            .await
            .unwrap()
            .unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
