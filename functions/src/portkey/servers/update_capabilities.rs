//! `PUT /v1/mcp-servers/{id}/capabilities`: switch capabilities off for one server, or back on, known or not yet.

use shared::{error::Result, right::Right};

use super::{named, workspace_in_body, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, capabilities, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-update-capabilities",
    &[Right::UPDATE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let in_query = workspace_in_query(&call)?;
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    let in_body = workspace_in_body(&mut fields, &call);
    let switches = capabilities::switches(fields)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    sharing
        .switch_server(&call.author, &server, &switches)
        .await?;

    success()
}
