//! `PUT /v1/mcp-servers/{id}/user-access`: say which users may use a server, and whether those may of whom nothing is said.

use shared::{access::Rule, error::Result, right::Right, tenant::UserId};

use super::{named, workspace_in_body, workspace_in_query};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    fields::Fields,
    portkey::{VOCABULARY, success},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-servers-update-user-access",
    &[Right::UPDATE_SERVERS],
    |app, call| Box::pin(handle(app, call)),
);

const MAX_BODY_BYTES: usize = 64 * 1024;

async fn handle(app: App, call: Call) -> Result<Reply> {
    let in_query = workspace_in_query(&call)?;
    let mut fields = call.optional_fields(MAX_BODY_BYTES)?;
    fields.drop_nulls(&[]);
    let in_body = workspace_in_body(&mut fields, &call);
    let said = fields.objects("user_access", user_access);
    let default = fields.text::<Rule>("default_user_access");
    fields.accept(Some(()))?;

    let sharing = app.sharing()?;
    let server = named(&sharing, &call, in_body.or(in_query).as_ref()).await?;
    sharing
        .set_user_access(&call.author, &server, &said.unwrap_or_default())
        .await?;
    if let Some(rule) = default {
        sharing
            .set_default_access(&call.author, &server, rule)
            .await?;
    }

    success()
}

/// Some clients have another name for the user's id.
fn user_access(item: &mut Fields) -> Option<(UserId, bool)> {
    item.drop_nulls(&[]);
    if !item.has("id") {
        item.require(&["user_id"]);
    }
    item.require(&["enabled"]);
    let (user, id) = (item.text("user_id"), item.text("id"));
    user.or(id).zip(item.flag("enabled"))
}
