//! The authorizer in front of the HTTP API: whose key is this?
//!
//! It lets every request through with what it found out, good or bad: an HTTP API gives an authorizer no way to shape a 401, so the
//! function refuses in its caller's vocabulary. The answer depends on the key alone, so it may be cached for every route.

use serde_json::{Value, json};
use shared::{
    caller::{self, ApiKey, Refusal},
    error::Result,
    ports::Keys as _,
};

use crate::{
    app::App,
    context,
    edge::{Event, Function, Kind},
};

pub const FUNCTION: Function = Function {
    name: "authorize",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let key = presented(&event.payload).and_then(ApiKey::parse);

    let admitted = match key {
        None => Err(Refusal::UnknownKey),
        Some(key) => {
            let record = app.keys()?.key(key.tenant, key.id).await?;
            caller::admit(&key, record, &app.key_pepper()?, app.clock().now())
        }
    };

    let context = admitted.map_or_else(context::of_refusal, |caller| context::of_caller(&caller));
    Ok(json!({ "isAuthorized": true, "context": context }))
}

/// The key as it was sent: `Authorization: Bearer <key>`, or the key alone in `x-portkey-api-key`.
fn presented(event: &Value) -> Option<&str> {
    let headers = event.get("headers")?.as_object()?;
    // API Gateway writes the names in lower case, `sam local` as they were sent.
    let header = |name: &str| {
        let mut headers = headers.iter();
        headers
            .find(|(sent, _)| sent.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str())
    };
    if let Some(key) = header("x-portkey-api-key") {
        return Some(key.trim());
    }
    let (scheme, key) = header("authorization")?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
