//! `DELETE /v1/admin/workspaces/{id}`: remove a workspace; with `force_delete` also what is in it, as far as one request gets.

use shared::{
    Label,
    error::{Error, Result},
    right::Right,
};

use super::named;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{ENOUGH_SECONDS, VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-workspaces-delete",
    &[Right::DELETE_WORKSPACES],
    |app, call| Box::pin(handle(app, call)),
);

/// A name and a flag.
const MAX_BODY_BYTES: usize = 4096;
async fn handle(app: App, call: Call) -> Result<Reply> {
    let (name, forced) = parse(&call)?;
    let until = app.clock().now().plus_seconds(ENOUGH_SECONDS);

    let workspace = named(&app, &call).await?;
    if name.is_some_and(|name| name != workspace.name) {
        return Err(Error::invalid("/name", "is not the name of this workspace"));
    }
    app.closing()?
        .close(&call.author, &workspace, forced, until)
        .await?;

    done()
}

fn parse(call: &Call) -> Result<(Option<Label>, bool)> {
    let mut fields = call.optional_fields(MAX_BODY_BYTES)?;
    fields.drop_nulls(&[]);
    let name = fields.text("name");
    let forced = fields.flag("force_delete").unwrap_or(false);
    fields.accept(Some((name, forced)))
}
