//! `PUT /v1/admin/workspaces/{id}`: change what is given, keep the rest. The slug stays as it is.

use shared::{directory::WorkspaceEdit, error::Result, right::Right};

use super::named;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done, own_organisation, settings},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-workspaces-update",
    &[Right::UPDATE_WORKSPACES],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let edit = parse(&call)?;

    let workspace = named(&app, &call).await?;
    app.directory()?
        .edit_workspace(&call.author, &workspace, edit)
        .await?;

    done()
}

fn parse(call: &Call) -> Result<WorkspaceEdit> {
    let mut fields = call.fields()?;
    // What can be cleared is cleared by null.
    let settings = settings::of_workspace(&mut fields);
    fields.drop_nulls(&["description"]);
    own_organisation(&mut fields, call);
    let edit = WorkspaceEdit {
        name: fields.text("name"),
        description: fields.nullable_text("description"),
        settings,
    };
    fields.accept(Some(edit))
}
