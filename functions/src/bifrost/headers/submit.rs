//! `PUT /api/mcp/per-user-headers/flows/{id}`: bring what was asked for. It is kept if the server accepts it, and only then.

use serde_json::{Map, Value, json};
use shared::{
    error::{Error, Noun, Result},
    right::Right,
};

use crate::{
    app::App,
    bifrost::VOCABULARY,
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-headers-submit",
    &[Right::UPDATE_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

const HEADERS: &str = "headers";

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Session)?;
    let row = app.sessions()?.begun(&call.caller, id).await?;
    // Whoever may ask him could otherwise plant values that are used in his name.
    if call.caller.user != Some(row.user) {
        return Err(Error::NotAllowed(
            "only the key of the user himself brings his values",
        ));
    }
    let given = parse(&call)?;

    app.submission()?
        .submit(&call.author, &row, given, &format!("/{HEADERS}"))
        .await?;

    let updated_at = app.clock().now();
    Reply::ok(&json!({ "status": "success", "credential_id": row.id, "updated_at": updated_at }))
}

fn parse(call: &Call) -> Result<Map<String, Value>> {
    let mut fields = call.fields()?;
    fields.require(&[HEADERS]);
    let given = fields.object(HEADERS);
    fields.finish(given)
}
