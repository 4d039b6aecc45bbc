//! The schedules of template.yaml: what runs each minute runs each tick, and what runs less often, so much less often.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::{gateway::Invoke as _, host::Host, template::Template};

/// Which functions run by themselves, and how often.
pub fn of(template: &Template, tick: Duration) -> Vec<(String, Duration)> {
    let functions = template.functions.iter();
    functions
        .flat_map(|function| {
            let in_ticks = |every: Duration| tick.mul_f64(every.as_secs_f64() / 60.0);
            function
                .schedules
                .iter()
                .map(move |schedule| (function.binary.clone(), in_ticks(schedule.every)))
        })
        .collect()
}

/// Invokes a function again and again until `ended`. As with `EventBridge`, one invocation does not wait for the one before.
pub async fn run(
    host: Arc<Host>,
    function: String,
    every: Duration,
    ended: impl Future<Output = ()>,
) {
    let mut ended = pin!(ended);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = ticks.tick() => {
                let (host, function) = (Arc::clone(&host), function.clone());
                let event = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {} });
                // The function has logged what went wrong; EventBridge would try again, and so does the next tick.
                tokio::spawn(async move { drop(host.invoke(&function, event).await) });
            }
        }
    }
}
