//! `POST /v1/mcp-integrations`: register an MCP server, for the whole organisation or for one workspace. It is checked for the first time within a minute.

use serde_json::json;
use shared::{
    directory::named_workspace,
    error::Result,
    integrations::{Verb, right_to},
    reconfiguration::Draft,
    registry::Founding,
    slug::{Reference, Slug},
    tenant::WorkspaceId,
};

use super::{draft, either};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, own_organisation, workspace_id},
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-integrations-create",
    either!(Create),
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let (draft, slug, named) = parse(&call)?;

    // An integration of the whole organisation is what an organisation's key makes if it names no workspace.
    let workspace = named_workspace(&app.store()?, &call.caller, named.as_ref()).await?;
    call.caller
        .demand(right_to(Verb::Create, workspace.is_some()))?;
    let founding = Founding {
        slug,
        workspace: workspace.map(|workspace| workspace.id),
        may_share_name: true,
    };
    let (registry, wanted) = (app.registry()?, draft.into_wanted()?);
    let made = registry
        .register(&call.author, call.tenant(), wanted, founding, None)
        .await?;

    Reply::ok(&json!({ "id": made.id, "slug": made.slug_text(), "object": "mcp-integration" }))
}

fn parse(call: &Call) -> Result<(Draft, Option<Slug>, Option<Reference<WorkspaceId>>)> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    own_organisation(&mut fields, call);
    let workspace = workspace_id(&mut fields);
    let slug = fields.text("slug");
    let draft = draft(&mut fields);
    fields.accept(draft.map(|draft| (draft, slug, workspace)))
}
