//! Every five minutes: repairs what a crash left between the table and the secret store.

use serde_json::{Value, json};
use shared::error::Result;

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    journal::Metrics,
};

pub const FUNCTION: Function = Function {
    name: "sweep",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, _: Event) -> Result<Value> {
    let swept = app.sweeper()?.sweep().await?;

    Metrics::new()
        .with("ProvisioningAge", "Seconds", swept.oldest_seconds)
        .with("Repaired", "Count", swept.repaired)
        .with("RepairsFailed", "Count", swept.failed)
        .write(&[], app.clock().now());
    Ok(
        json!({ "repaired": swept.repaired, "failed": swept.failed, "oldestSeconds": swept.oldest_seconds }),
    )
}
