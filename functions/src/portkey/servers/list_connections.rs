//! `GET /v1/mcp-servers/{id}/connections`: the users who have tokens on a server. A user sees himself, a service key sees everybody.

use shared::{directory::demand_workspace, error::Result, right::Right};

use super::{named, query, user_connection};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, page, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-list-connections",
    &[Right::READ_SERVERS, Right::INVOKE],
    |app, call| Box::pin(handle(app, call)),
);

const PAGES: Pages = Pages::from_zero(100, 500);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = query(&call)?;
    let window = PAGES.read(&mut query);
    let user = query.text("user_id");
    let workspace = workspace_id(&mut query);
    query.accept(Some(()))?;
    demand_workspace(&call.caller, workspace.as_ref())?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let subject = sharing
        .subject(&call.caller, &server, user, Right::READ_SERVERS)
        .await?;
    let found = sharing.user_connections(&server, &subject, window).await?;

    Reply::ok(&page(&found.map(user_connection)))
}
