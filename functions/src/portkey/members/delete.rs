//! `DELETE /v1/admin/workspaces/{id}/users/{user}`: take a user out of a workspace, with his API keys and tokens there.

use shared::{
    error::{Noun, Result},
    right::Right,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{ENOUGH_SECONDS, VOCABULARY, done, workspaces::named},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-members-delete",
    &[Right::DELETE_MEMBERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let user = call.segment("user", Noun::Member)?;
    let until = app.clock().now().plus_seconds(ENOUGH_SECONDS);

    let workspace = named(&app, &call).await?;
    app.closing()?
        .leave(&call.author, &workspace, user, until)
        .await?;

    done()
}
