//! The log: one JSON line for each invocation, written to standard output as Lambda wants it, and metrics in CloudWatch's embedded format.
//!
//! A line holds ids, names and numbers of ours. It never holds a secret, a body or anything that a peer said.

use std::{error::Error as StdError, io::Write as _, sync::OnceLock, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use shared::{error::Error, tenant::TenantId, timestamp::Timestamp};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    level: &'static str,
    message: &'static str,
    function: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    /// `ok` or the error's code.
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// What went wrong below us, for the operator alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u128>,
}

/// An HTTP request was answered.
pub fn request(
    function: &str,
    request_id: &str,
    tenant: Option<TenantId>,
    status: u16,
    error: Option<&Error>,
    took: Duration,
) {
    write(&Line {
        level: level(error),
        message: "request answered",
        function,
        request_id: Some(request_id),
        tenant_id: tenant,
        outcome: error.map_or("ok", Error::word),
        status: Some(status),
        cause: error.and_then(cause),
        duration_us: Some(took.as_micros()),
    });
}

/// An event was handled.
pub fn event(function: &str, request_id: &str, error: Option<&Error>, took: Duration) {
    write(&Line {
        level: level(error),
        message: "event handled",
        function,
        request_id: Some(request_id),
        tenant_id: None,
        outcome: error.map_or("ok", Error::word),
        status: None,
        cause: error.and_then(cause),
        duration_us: Some(took.as_micros()),
    });
}

/// The function could not start, or its runtime ended.
pub fn crash(function: &str, error: &(dyn StdError + 'static)) {
    write(&Line {
        level: "ERROR",
        message: "function ended",
        function,
        request_id: None,
        tenant_id: None,
        outcome: "crashed",
        status: None,
        cause: Some(chain(error)),
        duration_us: None,
    });
}

/// Something of a longer piece of work failed without failing it.
pub fn fault(function: &str, error: &(dyn StdError + 'static)) {
    write(&Line {
        level: "ERROR",
        message: "part of the work failed",
        function,
        request_id: None,
        tenant_id: None,
        outcome: "internal_error",
        status: None,
        cause: Some(chain(error)),
        duration_us: None,
    });
}

/// The metrics of one invocation. Tenants are no dimension: that would cost one metric for each.
#[derive(Default)]
pub struct Metrics {
    document: serde_json::Map<String, Value>,
    definitions: Vec<Value>,
}

/// CloudWatch takes at most this many values of one metric in a line.
const MAX_VALUES: usize = 100;

impl Metrics {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, name: &str, unit: &str, value: impl Into<Value>) -> Self {
        self.definitions.push(json!({"Name": name, "Unit": unit}));
        self.document.insert(name.to_owned(), value.into());
        self
    }

    /// Writes the metrics, with further dimensions where `dimensions` has some.
    pub fn write(mut self, dimensions: &[(&str, &str)], now: Timestamp) {
        let names: Vec<&str> = std::iter::once("Service")
            .chain(dimensions.iter().map(|(name, _)| *name))
            .collect();
        self.document
            .insert("Service".to_owned(), "mcp-steward".into());
        for (name, value) in dimensions {
            self.document.insert((*name).to_owned(), (*value).into());
        }
        let directive =
            json!({"Namespace": "McpSteward", "Dimensions": [names], "Metrics": self.definitions});
        self.document.insert(
            "_aws".to_owned(),
            json!({"Timestamp": now.millis(), "CloudWatchMetrics": [directive]}),
        );
        write(&self.document);
    }
}

/// Splits a long list of values into as many lists as CloudWatch wants lines.
pub fn batches(values: &[u64]) -> impl Iterator<Item = &[u64]> {
    values.chunks(MAX_VALUES)
}

fn level(error: Option<&Error>) -> &'static str {
    match error {
        Some(Error::Internal(_) | Error::Unavailable(_)) => "ERROR",
        _ => "INFO",
    }
}

fn cause(error: &Error) -> Option<String> {
    error.source().map(chain)
}

/// An error with all that is behind it, each sentence once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Where lines go instead of standard output: the local stack keeps that for itself.
static SINK: OnceLock<Sink> = OnceLock::new();

type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Sends all lines of this process to `sink` from now on. The first call counts.
pub fn redirect(sink: impl Fn(&[u8]) + Send + Sync + 'static) {
    let _ = SINK.set(Box::new(sink));
}

fn write(line: &impl Serialize) {
    let Ok(mut line) = serde_json::to_vec(line) else {
        return;
    };
    line.push(b'\n');
    match SINK.get() {
        Some(sink) => sink(&line),
        // Nothing can be done about a log that does not take a line.
        None => drop(std::io::stdout().write_all(&line)),
    }
}
