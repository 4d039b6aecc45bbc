//! `GET /v1/mcp-integrations/{id}`: one integration, with its health.

use shared::{error::Result, integrations::Verb};

use super::{either, global_access, integration, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

pub const FUNCTION: Function =
    VOCABULARY.endpoint("portkey-integrations-read", either!(Read), |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let listing = named(&app, &call, Verb::Read).await?;

    let mut shown = integration(&listing);
    shown.insert(
        "global_workspace_access".to_owned(),
        global_access(&listing.connection),
    );
    Reply::ok(&shown)
}
