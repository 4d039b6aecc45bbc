//! `POST /v1/admin/workspaces/{id}/users`: add users to a workspace. Who is there already stays as he is.

use shared::{directory::NewMember, error::Result, right::Right};

use super::{new_member, new_members};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    portkey::{VOCABULARY, done, workspaces::named},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-members-create",
    &[Right::CREATE_MEMBERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let users = parse(call.fields()?)?;

    let workspace = named(&app, &call).await?;
    app.directory()?
        .join(&call.author, &workspace, users)
        .await?;

    done()
}

/// A list, or one user alone.
fn parse(mut fields: Fields) -> Result<Vec<NewMember>> {
    fields.drop_nulls(&[]);
    let users = if fields.has("user_id") || fields.has("id") {
        new_member(&mut fields).map(|user| vec![user])
    } else {
        fields.require(&["users"]);
        new_members(&mut fields)
    };
    fields.accept(users)
}
