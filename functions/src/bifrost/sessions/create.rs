//! `POST /api/mcp/client/{id}/sessions`: ask a user for what he is to bring for an MCP client.

use shared::{
    error::{Error, Result},
    right::Right,
    sessions,
    slug::Reference,
    tenant::{UserId, WorkspaceId},
};

use super::{begun, may_ask, reached, workspace_of};
use crate::{
    app::App,
    bifrost::{VOCABULARY, oauth::origin},
    edge::{Call, Function, Reply},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "bifrost-sessions-create",
    &[Right::UPDATE_CONNECTIONS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

const MAX_BODY_BYTES: usize = 4 * 1024;

async fn handle(app: App, call: Call) -> Result<Reply> {
    sessions::demand(&call.caller, Right::UPDATE_CONNECTIONS)?;
    let origin = origin(call.origin())?;
    let connection = reached(&app, &call).await?;
    let (user, named) = parse(&call)?;
    let workspace = workspace_of(&app, &call, named.as_ref(), &connection).await?;

    let row = app
        .sessions()?
        .invite((&call.caller, &call.author), &connection, workspace, user)
        .await?;

    Reply::ok(&begun(&row, &origin))
}

fn parse(call: &Call) -> Result<(UserId, Option<Reference<WorkspaceId>>)> {
    let mut fields = call.optional_fields(MAX_BODY_BYTES)?;
    fields.drop_nulls(&[]);
    let user = fields.text::<UserId>("user_id").or(call.caller.user);
    let workspace = fields.text("workspace_id");
    if user.is_none() {
        fields.require(&["user_id"]);
    }
    let (user, workspace) = fields.finish(user.map(|user| (user, workspace)))?;
    if !may_ask(&call.caller, user) {
        return Err(Error::NotAllowed(
            "the key of a user cannot name another user",
        ));
    }
    Ok((user, workspace))
}
