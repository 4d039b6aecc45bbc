//! `DELETE /v1/api-keys/{id}`: revoke an API key.

use shared::{
    error::Result,
    right::{KeyVerb, Right},
};

use super::{any_kind, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done},
};

const RIGHTS: [Right; 3] = any_kind(KeyVerb::Delete);

pub const FUNCTION: Function = VOCABULARY.endpoint("portkey-keys-delete", &RIGHTS, |app, call| {
    Box::pin(handle(app, call))
});

async fn handle(app: App, call: Call) -> Result<Reply> {
    let record = named(&app, &call, KeyVerb::Delete).await?;

    app.directory()?.revoke_key(&call.author, &record).await?;

    done()
}
