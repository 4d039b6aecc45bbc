//! `POST /api/mcp/client/{id}/verify-headers`: give samples of the headers that each user brings. Accepted by the server, checks are made with them from then on.

use serde_json::{Map, Value, json};
use shared::{
    configuration::USER_HEADERS,
    error::{Noun, Result},
    right::Right,
};

use super::values;
use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-clients-verify-headers",
    &[Right::UPDATE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (id, expected) = (call.id(Noun::Connection)?, call.if_match()?);
    let samples = parse(&call)?;

    let proven = app
        .rotation()?
        .verify_samples(&call.author, call.tenant(), id, expected, samples)
        .await?;

    let message = "the server accepts the samples; each user brings values of his own";
    let body = json!({ "status": "success", "message": message, "tools_count": proven.tools });
    Ok(Reply::ok(&body)?.with_version(proven.listing.connection.version))
}

fn parse(call: &Call) -> Result<Map<String, Value>> {
    let mut fields = call.fields()?;
    fields.require(&[USER_HEADERS]);
    let samples = values::headers(&mut fields, USER_HEADERS);
    fields.finish(samples)
}
