//! `GET /v1/admin/workspaces/{id}/users/{user}`: a user of a workspace.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use super::Member;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, workspaces::named},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-members-read",
    &[Right::READ_MEMBERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let user = call.segment("user", Noun::Member)?;

    let workspace = named(&app, &call).await?;
    let member = app.directory()?.member(&workspace, user).await?;

    Reply::ok(&Member::from(member))
}
