//! `POST /v1/api-keys/{id}/rotate`: replace an API key. The new one is shown once; the old one ends at once, or after the time that is asked for.

use serde_json::json;
use shared::{
    caller::Transition,
    error::Result,
    right::{KeyVerb, Right},
};

use super::{any_kind, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

const RIGHTS: [Right; 3] = any_kind(KeyVerb::Rotate);
/// There is one number to say.
const MAX_BODY_BYTES: usize = 4096;

pub const FUNCTION: Function = VOCABULARY.endpoint("portkey-keys-rotate", &RIGHTS, |app, call| {
    Box::pin(handle(app, call))
});

async fn handle(app: App, call: Call) -> Result<Reply> {
    let transition = parse(&call)?;

    let record = named(&app, &call, KeyVerb::Rotate).await?;
    let (key, until) = app
        .directory()?
        .rotate_key(
            &call.caller,
            &call.author,
            &record,
            transition,
            &app.key_pepper()?,
        )
        .await?;

    let mut answer = json!({ "id": key.id, "key": key.expose(), "object": "api-key" });
    if let Some(until) = until {
        answer["key_transition_expires_at"] = json!(until);
    }
    Reply::ok(&answer)
}

fn parse(call: &Call) -> Result<Option<Transition>> {
    let mut fields = call.optional_fields(MAX_BODY_BYTES)?;
    fields.drop_nulls(&[]);
    let transition = fields.number("key_transition_period_ms");
    fields.accept(Some(transition))
}
