//! `DELETE /v1/mcp-servers/{id}/connections`: delete the tokens that a user has on a server. Whether he may use it stays as it is.

use shared::{
    directory::demand_workspace,
    error::{Error, Result},
    publication::Subject,
    right::Right,
};

use super::{named, user_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-delete-connection",
    &[Right::UPDATE_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (workspace, user) = user_in_query(&call)?;
    demand_workspace(&call.caller, workspace.as_ref())?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let subject = sharing
        .subject(&call.caller, &server, user, Right::UPDATE_SERVERS)
        .await?;
    let Subject::User(user) = subject else {
        return Err(Error::invalid(
            "user_id",
            "is required with an API key that is no user's",
        ));
    };
    app.tokens()?.forget(&call.author, &server, user).await?;

    success()
}
