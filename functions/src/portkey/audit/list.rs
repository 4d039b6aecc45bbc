//! `GET /v1/audit-logs`: what was done, newest first, by time, resource and actor.

use shared::{Text, audit::Filter, error::Result, ports::Trail as _, right::Right};

use super::AuditLog;
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, own_organisation, page},
};

const PAGES: Pages = Pages::from_zero(100, 500);
/// None that we give is longer.
const MAX_RESOURCE_ID: usize = 255;

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-audit-list",
    &[Right::LIST_AUDIT_LOGS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    own_organisation(&mut query, &call);
    let window = PAGES.read(&mut query);
    let resource = query.text::<Text<MAX_RESOURCE_ID>>("resource_id");
    let filter = Filter {
        since: query.text("start_time"),
        until: query.text("end_time"),
        resource_id: resource.map(|id| id.as_str().to_owned()),
        key: query.text("actor"),
    };
    let filter = query.accept(Some(filter))?.checked()?;

    let found = app.store()?.records(call.tenant(), &filter, window).await?;

    Reply::ok(&page(&found.map(AuditLog::from)))
}
