//! `POST /api/mcp/client`: register an MCP client. It is checked for the first time within a minute, and not before this answers.

use serde_json::json;
use shared::{connection::Method, error::Result, registry::Founding, right::Right};

use super::body;
use crate::{
    app::App,
    bifrost::{VOCABULARY, oauth},
    edge::{Call, Function, Reply},
};

const NAME: &str = "bifrost-clients-create";

pub const FUNCTION: Function =
    VOCABULARY.endpoint(NAME, &[Right::CREATE_CONNECTIONS], |app, call| {
        Box::pin(handle(app, call))
    });

async fn handle(app: App, call: Call) -> Result<Reply> {
    let wanted = body::create(call.fields()?)?;
    let (is_local, method) = (wanted.server_url.is_local(), wanted.auth.method());
    let (now, signer) = (app.clock().now(), app.signer()?);
    let idempotency = call
        .idempotency_key()?
        .map(|key| signer.idempotency(call.tenant(), NAME, key, call.body(), now));

    let by = &call.author;
    let made = app
        .registry()?
        .register(by, call.tenant(), wanted, Founding::default(), idempotency)
        .await?;

    let message = match is_local {
        true => {
            "MCP client stored. It runs beside a gateway and is never run here: its state is disabled, its reason not_runnable_here"
        }
        false => {
            "MCP client stored. Its state is pending_tools until the first check, within a minute"
        }
    };
    let location = call.path_below(made.id);
    let body = if method == Method::Oauth {
        let origin = oauth::origin(call.origin())?;
        let begun = app.consents()?.begin(&signer, by, &made, &origin).await?;
        oauth::pending(&begun, &origin)
    } else {
        json!({ "status": "success", "message": message, "mcp_client_id": made.id })
    };
    Ok(Reply::ok(&body)?
        .with("location", location)
        .with_version(made.version))
}
