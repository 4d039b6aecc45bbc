//! `POST /v1/mcp-integrations/{id}/test`: check an integration now, with its credential, and tell how it went.

use shared::{error::Result, integrations::Verb};

use super::{either, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, test_result},
};

pub const FUNCTION: Function =
    VOCABULARY.endpoint("portkey-integrations-test", either!(Update), |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = named(&app, &call, Verb::Update).await?.connection.id;

    let report = app.checkup()?.test(call.tenant(), id).await?;

    Reply::ok(&test_result::of(&report))
}
