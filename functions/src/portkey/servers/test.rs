//! `POST /v1/mcp-servers/{id}/test`: check the integration behind a server now, with its credential, and tell how it went.

use shared::{error::Result, right::Right};

use super::{named, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, test_result},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-test",
    &[Right::UPDATE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = workspace_in_query(&call)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let published = sharing.published(server).await?;
    let Some(listing) = published.usable() else {
        return Reply::ok(&test_result::unreachable(&published.server));
    };
    let report = app
        .checkup()?
        .test(call.tenant(), listing.connection.id)
        .await?;

    Reply::ok(&test_result::of(&report))
}
