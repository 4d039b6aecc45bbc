//! `PUT /v1/admin/workspaces/{id}/users/{user}`: give a user of a workspace another role.

use shared::{
    error::{Noun, Result},
    right::Right,
    workspace::Role,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    portkey::{VOCABULARY, done, workspaces::named},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-members-update",
    &[Right::UPDATE_MEMBERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let user = call.segment("user", Noun::Member)?;
    let role = parse(call.fields()?)?;

    let workspace = named(&app, &call).await?;
    app.directory()?
        .set_role(&call.author, &workspace, user, role)
        .await?;

    done()
}

fn parse(mut fields: Fields) -> Result<Role> {
    fields.require(&["role"]);
    let role = fields.text("role");
    fields.accept(role)
}
