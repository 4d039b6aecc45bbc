//! `GET /v1/admin/workspaces`: the workspaces of the organisation.

use shared::{directory::WorkspaceFilter, error::Result, right::Right};

use super::{Statuses, Workspace};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, own_organisation, page},
};

const PAGES: Pages = Pages::from_zero(100, 500);

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-workspaces-list",
    &[Right::LIST_WORKSPACES],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    own_organisation(&mut query, &call);
    let window = PAGES.read(&mut query);
    let filter = WorkspaceFilter {
        part: query.text("name"),
        name: query.text("exact_name"),
        is_closed: query
            .text::<Statuses>("status")
            .is_some_and(|statuses| !statuses.has_active),
    };
    query.accept(Some(()))?;

    let found = app
        .directory()?
        .workspaces(call.tenant(), &filter, window)
        .await?;

    Reply::ok(&page(&found.map(Workspace::from)))
}
