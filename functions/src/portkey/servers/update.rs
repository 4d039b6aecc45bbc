//! `PUT /v1/mcp-servers/{id}`: give a server another name or description. Its slug and its integration stay.

use shared::{error::Result, publication::ServerEdit, right::Right};

use super::{named, workspace_in_body, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    portkey::{VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-update",
    &[Right::UPDATE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let in_query = workspace_in_query(&call)?;
    let mut fields = call.fields()?;
    fields.drop_nulls(&["description"]);
    let in_body = workspace_in_body(&mut fields, &call);
    let edit = parse(fields)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    sharing.edit_server(&call.author, &server, edit).await?;

    done()
}

fn parse(mut fields: Fields) -> Result<ServerEdit> {
    if !fields.has("name") && !fields.has("description") {
        fields.problem("", "must have at least one of name and description");
    }
    let edit = ServerEdit {
        name: fields.text("name"),
        description: fields.nullable_text("description"),
    };
    fields.accept(Some(edit))
}
