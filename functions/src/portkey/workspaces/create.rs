//! `POST /v1/admin/workspaces`: make a workspace, with its first users if some are named.

use shared::{directory::NewWorkspace, error::Result, right::Right};

use super::Workspace;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, members, own_organisation, settings},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-workspaces-create",
    &[Right::CREATE_WORKSPACES],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let wanted = parse(&call)?;

    let made = app
        .directory()?
        .found(&call.caller, &call.author, wanted)
        .await?;

    Reply::ok(&Workspace::from(made))
}

fn parse(call: &Call) -> Result<NewWorkspace> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    fields.require(&["name"]);
    own_organisation(&mut fields, call);
    let name = fields.text("name");
    let slug = fields.text("slug");
    let description = fields.text("description");
    let members = members::new_members(&mut fields).unwrap_or_default();
    let settings = settings::of_workspace(&mut fields);
    fields.accept(name.map(|name| NewWorkspace {
        name,
        slug,
        description,
        settings,
        members,
    }))
}
