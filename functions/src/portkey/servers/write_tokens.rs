//! `PUT /v1/mcp-servers/{id}/tokens`: store the tokens that a user was given for a server, in place of those he had.

use shared::{
    error::Result,
    grant::Grant,
    right::Right,
    tokens::{Purpose, holder},
};

use super::{named, user_in_query, workspace_in_body};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-write-tokens",
    &[Right::UPDATE_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (in_query, user) = user_in_query(&call)?;
    let user = holder(&call.caller, user, Purpose::Write)?;
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    let in_body = workspace_in_body(&mut fields, &call);
    let given = fields.rest();
    fields.accept(Some(()))?;
    let grant = Grant::parse(given)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    let connection = sharing.connection_behind(&server).await?.connection;
    app.tokens()?
        .keep(&call.author, &server, &connection, user, grant)
        .await?;

    success()
}
