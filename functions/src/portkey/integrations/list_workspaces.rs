//! `GET /v1/mcp-integrations/{id}/workspaces`: of which workspaces it is said whether they may use an integration.

use serde_json::json;
use shared::{error::Result, integrations::Verb};

use super::{either, global_access, named, workspace_access};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, page},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-list-workspaces",
    either!(Read),
    |app, call| Box::pin(handle(app, call)),
);

/// The published API has no pages here, so a page is as large as it can be.
const PAGES: Pages = Pages::from_zero(1000, 1000);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    let window = PAGES.read(&mut query);
    let has_version = query.has("version");
    query.accept(Some(()))?;

    let connection = named(&app, &call, Verb::Read).await?.connection;
    let said = app.sharing()?.accesses(&connection, window).await?;

    let global = global_access(&connection);
    let said = said.map(|said| workspace_access(&said));
    if has_version {
        let mut shown = page(&said);
        shown["global_workspace_access"] = global;
        return Reply::ok(&shown);
    }
    Reply::ok(&json!({ "workspaces": said.items, "global_workspace_access": global }))
}
