//! Every minute: checks the connections that are due.

use serde_json::{Value, json};
use shared::{error::Result, scheduler::Tally, timestamp::Timestamp};

use crate::{
    app::App,
    edge::{Event, Function, Kind},
    log::{self, Metrics},
};

pub const FUNCTION: Function = Function {
    name: "check-due-connections",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

/// No check begins in the last seconds before Lambda ends the invocation: renewing a token takes up to five, a check up to ten, and its result must be stored.
const RESERVED_SECONDS: i64 = 20;

async fn handle(app: App, event: Event) -> Result<Value> {
    let take_until = event.deadline.plus_seconds(-RESERVED_SECONDS);

    let tally = app.scheduler()?.tick(take_until).await?;

    report(&tally, app.clock().now());
    Ok(json!({
        "checks": tally.checks(),
        "verdicts": tally.verdicts,
        "pointless": tally.pointless,
        "postponed": tally.postponed,
        "faults": tally.faults.len(),
        "lagMs": tally.lag_ms,
    }))
}

fn report(tally: &Tally, now: Timestamp) {
    for fault in &tally.faults {
        log::fault(FUNCTION.name, fault.as_ref());
    }
    let metrics = Metrics::new()
        .with("ScheduleLag", "Milliseconds", tally.lag_ms)
        .with("ChecksPostponed", "Count", tally.postponed)
        .with("CheckFaults", "Count", tally.faults.len());
    metrics.write(&[], now);
    for (verdict, count) in &tally.verdicts {
        Metrics::new()
            .with("Checks", "Count", *count)
            .write(&[("Verdict", verdict)], now);
    }
    for latencies in log::batches(&tally.latencies_ms) {
        Metrics::new()
            .with("CheckLatency", "Milliseconds", latencies)
            .write(&[], now);
    }
}
