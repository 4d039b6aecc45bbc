//! `GET /v1/mcp-servers/{id}/user-access`: the users of a server's workspace, whether they may use the server and whether they are connected.

use serde_json::json;
use shared::{error::Result, right::Right};

use super::{named, query, user_state};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, page, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-list-user-access",
    &[Right::READ_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

const PAGES: Pages = Pages::from_one(100, 500);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = query(&call)?;
    let window = PAGES.read(&mut query);
    let search = query.text::<String>("search");
    let workspace = workspace_id(&mut query);
    query.accept(Some(()))?;
    let reads_default = !is_python_2(&call)?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, workspace.as_ref()).await?;
    let users = sharing.users(&server, search.as_deref(), window).await?;

    let mut shown = page(&users.map(user_state));
    if reads_default {
        shown["default_user_access"] = json!(server.default_access);
    }
    Reply::ok(&shown)
}

/// Portkey's client for Python takes `default_user_access` for an object and fails where it is what the document says. It may be left out.
fn is_python_2(call: &Call) -> Result<bool> {
    let version = call.header("x-portkey-package-version")?;
    let runtime = call.header("x-portkey-runtime")?;
    let is_2 = version.is_some_and(|version| version.starts_with("portkey-2."));
    Ok(is_2 && matches!(runtime, Some("CPython" | "PyPy")))
}
