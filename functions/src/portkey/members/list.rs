//! `GET /v1/admin/workspaces/{id}/users`: the users of a workspace, in the order in which they came.

use shared::{directory::MemberFilter, error::Result, right::Right};

use super::Member;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, page, workspaces::named},
};

const PAGES: Pages = Pages::from_zero(50, 500);

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-members-list",
    &[Right::LIST_MEMBERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    let window = PAGES.read(&mut query);
    let filter = MemberFilter {
        part: query.text("search"),
        email: query.text("email"),
        role: query.text("role"),
    };
    query.accept(Some(()))?;

    let workspace = named(&app, &call).await?;
    let found = app
        .directory()?
        .members(&workspace, &filter, window)
        .await?;

    Reply::ok(&page(&found.map(Member::from)))
}
