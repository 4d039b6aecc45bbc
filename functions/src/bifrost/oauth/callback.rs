//! `GET /api/oauth/callback`: take back whoever was sent to an authorization server, and exchange the code he brings for tokens.

use shared::error::Result;

use super::{PAGES, page};
use crate::{
    app::App,
    edge::{Function, Kind, Reply, Visit},
};

pub const FUNCTION: Function = Function {
    name: "bifrost-oauth-callback",
    kind: Kind::Open {
        vocabulary: &PAGES,
        handler: |app, visit| Box::pin(handle(app, visit)),
    },
};

async fn handle(app: App, visit: Visit) -> Result<Reply> {
    let answer = visit.parameters()?;

    app.authorizations()?.finish(&answer).await?;

    Ok(page(
        200,
        "The authorization succeeded. You can close this page.",
    ))
}
