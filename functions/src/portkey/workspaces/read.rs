//! `GET /v1/admin/workspaces/{id}`: a workspace, by id or slug.

use shared::{error::Result, right::Right};

use super::{Workspace, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-workspaces-read",
    &[Right::READ_WORKSPACES],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let workspace = named(&app, &call).await?;

    Reply::ok(&Workspace::from(workspace))
}
