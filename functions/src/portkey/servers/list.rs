//! `GET /v1/mcp-servers`: the servers of a workspace, each with what its integration is and whether that works.

use shared::{
    ParseError, Text, directory::workspace_of, error::Result, right::Right, server::ServerId,
};

use super::{Rendering, query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, page, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-list",
    &[Right::LIST_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

const PAGES: Pages = Pages::from_zero(100, 100);

/// Ids with commas between them. What cannot be an id is none of a server's.
struct Ids(Vec<ServerId>);

impl TryFrom<String> for Ids {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.split(',').count() > 100 {
            return Err(ParseError("must be at most 100 ids"));
        }
        let ids = text.split(',').filter_map(|id| id.trim().parse().ok());
        Ok(Self(ids.collect()))
    }
}

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = query(&call)?;
    let window = PAGES.read(&mut query);
    let ids = query.text::<Ids>("id").map(|ids| ids.0);
    let search = query.text::<Text<255>>("search");
    let named = workspace_id(&mut query);
    query.accept(Some(()))?;

    let sharing = app.sharing()?;
    let workspace = workspace_of(&sharing.store, &call.caller, named.as_ref()).await?;
    let search = search.as_ref().map(Text::as_str);
    let servers = sharing
        .servers(&call.caller, workspace.id, ids.as_deref(), search, window)
        .await?;
    let found = sharing.with_listings(call.tenant(), servers).await?;

    let rendering = Rendering::new(&app, &call);
    Reply::ok(&page(&found.map(|row| rendering.row(row, &workspace))))
}
