//! Every five minutes: repairs what a crash left between the table and the secret store.

use serde_json::{Value, json};
use shared::error::Result;

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    log::Metrics,
};

pub const FUNCTION: Function = Function {
    name: "sweep",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

/// A repair that has begun gets this long to end.
const RESERVED_SECONDS: i64 = 30;

async fn handle(app: App, event: Event) -> Result<Value> {
    let until = event.deadline.plus_seconds(-RESERVED_SECONDS);

    let swept = app.sweeper()?.sweep(until).await?;

    Metrics::new()
        .with("ProvisioningAge", "Seconds", swept.oldest_seconds)
        .with("Repaired", "Count", swept.repaired)
        .with("RepairsFailed", "Count", swept.failed)
        .write(&[], app.clock().now());
    Ok(
        json!({ "repaired": swept.repaired, "failed": swept.failed, "oldestSeconds": swept.oldest_seconds }),
    )
}
