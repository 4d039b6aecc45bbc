//! The authorizer in front of the native API: whose key is this?
//!
//! It lets every request through with what it found out, good or bad: an HTTP API gives an authorizer no way to shape a 401, so the
//! function refuses in its caller's vocabulary. The answer depends on the key alone, so it may be cached for every route.

use serde_json::Value;
use shared::{
    caller::{ApiKey, KeyKind, Refusal},
    error::Result,
};

use crate::{
    app::App,
    context::{answer, identify},
    edge::{Event, Function, Kind},
};

pub const FUNCTION: Function = Function {
    name: "authorize",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let key = presented(&event.payload)
        .and_then(bearer)
        .and_then(ApiKey::parse);

    let admitted = identify(&app, key).await?;
    // The gateway has no business here, and a key that is shown secrets opens no door it need not.
    let admitted = admitted.and_then(|caller| match caller.kind {
        KeyKind::System => Err(Refusal::UnknownKey),
        _ => Ok(caller),
    });

    Ok(answer(admitted))
}

/// The key as it was sent: the identity source, and nothing else of the request. API Gateway remembers the answer under that very value,
/// so an answer that looked at more would be given to the next caller whose request differs in it.
fn presented(event: &Value) -> Option<&str> {
    event.get("identitySource")?.get(0)?.as_str()
}

/// The key in a header that names the scheme.
fn bearer(sent: &str) -> Option<&str> {
    let (scheme, key) = sent.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
