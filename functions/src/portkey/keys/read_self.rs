//! `GET /v1/api-keys/self/details`: the caller's own API key, with its organisation and workspace if wanted. The gateway asks for the key it was sent.

use serde_json::json;
use shared::{error::Result, right::Right};

use super::{Flag, own_key};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

/// Who has none of these has no use for our routes, nor for the gateway.
const RIGHTS: [Right; 4] = [
    Right::INVOKE,
    Right::LIST_SERVERS,
    Right::READ_SERVERS,
    Right::LIST_CONNECTIONS,
];

pub const FUNCTION: Function =
    VOCABULARY.endpoint("portkey-keys-read-self", &RIGHTS, |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    let organisation = query
        .text::<Flag>("include_organisation")
        .is_some_and(|flag| flag.0);
    let workspace = query
        .text::<Flag>("include_workspace")
        .is_some_and(|flag| flag.0);
    query.accept(Some(()))?;

    let details = app
        .directory()?
        .own_key(&call.caller, organisation, workspace)
        .await?;

    let data = own_key(details, app.clock().now());
    Reply::ok(&json!({ "success": true, "data": data }))
}
