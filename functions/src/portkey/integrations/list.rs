//! `GET /v1/mcp-integrations`: the integrations that the caller may see, or that a workspace may use.

use shared::{
    ParseError, directory::named_workspace, error::Result, integrations::Scope, right::Right,
};

use super::integration;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, own_organisation, page, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-list",
    &[Right::LIST_CONNECTIONS, Right::LIST_WORKSPACE_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

const PAGES: Pages = Pages::from_zero(100, 1000);

struct Type(Scope);

impl TryFrom<String> for Type {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match text.as_str() {
            "all" => Ok(Self(Scope::All)),
            "organisation" => Ok(Self(Scope::OfTenant)),
            "workspace" => Ok(Self(Scope::OfWorkspace)),
            _ => Err(ParseError("must be workspace, organisation or all")),
        }
    }
}

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    own_organisation(&mut query, &call);
    let window = PAGES.read(&mut query);
    let scope = query
        .text::<Type>("type")
        .map_or(Scope::All, |named| named.0);
    let search = query.text::<String>("search");
    let named = workspace_id(&mut query);
    query.accept(Some(()))?;

    let sharing = app.sharing()?;
    let workspace = named_workspace(&sharing.store, &call.caller, named.as_ref()).await?;
    let workspace = workspace.map(|workspace| workspace.id);
    let found = sharing
        .list(&call.caller, scope, workspace, search.as_deref(), window)
        .await?;

    Reply::ok(&page(&found.map(|listing| integration(&listing))))
}
