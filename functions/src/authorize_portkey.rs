//! The authorizer in front of Portkey's API: whose key is this, and is it the gateway that asks for its holder?
//!
//! It is asked anew for every request, since clients send keys in two headers and the gateway in both. So it may look at all of them.

mod headers;

use serde_json::Value;
use shared::error::Result;

use crate::{
    app::App,
    context::{answer, identify},
    edge::{Event, Function, Kind},
};

pub const FUNCTION: Function = Function {
    name: "authorize-portkey",
    kind: Kind::Event {
        handler: |app, event| Box::pin(handle(app, event)),
    },
};

async fn handle(app: App, event: Event) -> Result<Value> {
    let (key, beside) = headers::keys(&event.payload);

    let mut admitted = identify(&app, key).await?;
    if let (Ok(caller), Some(beside)) = (&admitted, beside)
        && beside.tenant == caller.tenant
        && let Ok(other) = identify(&app, Some(beside)).await?
    {
        admitted = admitted.map(|caller| caller.through(&other));
    }

    Ok(answer(admitted))
}
