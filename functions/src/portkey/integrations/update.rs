//! `PUT /v1/mcp-integrations/{id}`: change what is given, keep the rest. A value that is masked keeps what is stored.

use shared::{connection::Connection, credential::Secret, error::Result, integrations::Verb};

use super::{edit, either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-update",
    either!(Update),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&["description"]);
    let edit = edit(&mut fields);
    let edit = fields.accept(Some(edit))?;

    let id = named(&app, &call, Verb::Update).await?.connection.id;
    let apply = |row: &Connection, stored: Option<&Secret>| edit.apply(row, stored);
    app.registry()?
        .edit_knowing(&call.author, call.tenant(), id, None, edit.needs(), apply)
        .await?;

    done()
}
