//! `PUT /v1/mcp-integrations/{id}/workspaces`: say of workspaces whether they may use an integration of the organisation.

use shared::{
    connection::Connection,
    error::{Error, Result},
    integrations::Verb,
    registry::Wanted,
};

use super::{access, either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-update-workspaces",
    either!(Update),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (said, global, replaces) = access(call.fields()?)?;

    let connection = named(&app, &call, Verb::Update).await?.connection;
    let sharing = app.sharing()?;
    let said = sharing
        .resolve_workspaces(&call.caller, &connection, &said)
        .await?;
    if let Some(enabled) = global {
        if connection.workspace.is_some() {
            return Err(Error::invalid(
                "/global_workspace_access",
                "cannot be set: this integration belongs to one workspace alone",
            ));
        }
        let edit = |row: &Connection| {
            Ok(Wanted {
                global_access: Some(enabled),
                ..Wanted::like(row)
            })
        };
        app.registry()?
            .edit(&call.author, call.tenant(), connection.id, None, edit)
            .await?;
    }
    sharing
        .share(&call.author, &connection, said, replaces)
        .await?;

    done()
}
