//! `GET /api/oauth/flows/{token}/start`: send whoever opens the link on to the authorization server, which is found and told of us first.

use shared::error::{Noun, Result};

use super::{PAGES, page};
use crate::{
    app::App,
    edge::{Function, Kind, Reply, Visit},
};

pub const FUNCTION: Function = Function {
    name: "bifrost-oauth-start",
    kind: Kind::Open {
        vocabulary: &PAGES,
        handler: |app, visit| Box::pin(handle(app, visit)),
    },
};

async fn handle(app: App, visit: Visit) -> Result<Reply> {
    let token: String = visit.segment("token", Noun::Authorization)?;

    let place = app.authorizations()?.start(&token).await?;

    Ok(page(302, "You are being sent on.").with("location", place))
}
