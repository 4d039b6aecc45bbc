//! What we know of a connection's health, which Portkey has no words for: an additional member that its clients let pass.

use serde_json::{Value, json};
use shared::{ports::Listing, verdict::Reason};

use super::test_result;

pub fn of(listing: &Listing) -> Value {
    let (health, reason) = (&listing.health, listing.reason());
    json!({
        "status": health.status,
        "reason": reason,
        "retryable": reason.map(Reason::retryable),
        "remedy": reason.and_then(test_result::remedy),
        "last_checked_at": health.last_check_at,
        "last_succeeded_at": health.last_succeeded_at,
        "latency_ms": health.latency_ms,
    })
}
