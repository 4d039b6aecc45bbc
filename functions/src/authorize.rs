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

/// The key as it was sent: the identity source, and nothing else of the request. API Gateway remembers the answer under that very value,
/// so an answer that looked at more would be given to the next caller whose request differs in it.
fn presented(event: &Value) -> Option<&str> {
    let sent = event.get("identitySource")?.get(0)?.as_str()?.trim();
    match sent.split_once(' ') {
        Some((scheme, key)) => scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()),
        // Without a scheme it may stand in Portkey's header alone.
        None => is_header(event, "x-portkey-api-key", sent).then_some(sent),
    }
}

fn is_header(event: &Value, name: &str, value: &str) -> bool {
    let headers = event.get("headers").and_then(Value::as_object);
    headers.is_some_and(|headers| {
        headers
            .iter()
            .any(|(header, sent)| header.eq_ignore_ascii_case(name) && sent == value)
    })
}
