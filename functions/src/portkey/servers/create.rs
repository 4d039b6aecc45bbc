//! `POST /v1/mcp-servers`: make an integration available in a workspace, as a server with an address of its own.

use serde_json::json;
use shared::{error::Result, publication::NewServer, right::Right};

use super::Rendering;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    portkey::{VOCABULARY, own_organisation, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-create",
    &[Right::CREATE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&["description"]);
    own_organisation(&mut fields, &call);
    let wanted = parse(fields)?;

    let made = app
        .sharing()?
        .publish(&call.caller, &call.author, wanted)
        .await?;

    let mut shown = Rendering::new(&app, &call).server(&made, true);
    shown.insert("workspace_id".to_owned(), json!(made.workspace));
    Reply::ok(&shown)
}

fn parse(mut fields: Fields) -> Result<NewServer> {
    fields.require(&["name", "mcp_integration_id"]);
    let name = fields.text("name");
    let description = fields.nullable_text("description").flatten();
    let slug = fields.text("slug");
    let connection = fields.text("mcp_integration_id");
    let workspace = workspace_id(&mut fields);
    let (name, connection) = fields.accept(name.zip(connection))?;
    Ok(NewServer {
        name,
        description,
        slug,
        connection,
        workspace,
    })
}
