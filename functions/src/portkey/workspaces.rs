//! The wire types of `/v1/admin/workspaces`.

pub mod create;
pub mod delete;
pub mod list;
pub mod read;
pub mod update;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    Label, ParseError, Text,
    error::{Noun, Result},
    slug::{Reference, Slug},
    tenant::WorkspaceId,
    timestamp::Timestamp,
    workspace::{self, MAX_DESCRIPTION},
};

use crate::{app::App, edge::Call};

/// What is shown of a workspace.
#[derive(Serialize)]
pub struct Workspace {
    object: &'static str,
    id: WorkspaceId,
    slug: Slug,
    name: Label,
    description: Option<Text<MAX_DESCRIPTION>>,
    status: &'static str,
    created_at: Timestamp,
    last_updated_at: Timestamp,
    defaults: Option<Value>,
    usage_limits: Value,
    rate_limits: Value,
}

impl From<workspace::Workspace> for Workspace {
    fn from(workspace: workspace::Workspace) -> Self {
        let setting = |name| workspace.settings.as_ref()?.member(name).cloned();
        Self {
            object: "workspace",
            id: workspace.id,
            status: "active",
            created_at: workspace.created_at,
            last_updated_at: workspace.updated_at,
            defaults: setting("defaults"),
            usage_limits: setting("usage_limits").unwrap_or_else(|| json!([])),
            rate_limits: setting("rate_limits").unwrap_or_else(|| json!([])),
            slug: workspace.slug,
            name: workspace.name,
            description: workspace.description,
        }
    }
}

/// The workspace in the path, by id or slug, if the caller reaches it.
pub async fn named(app: &App, call: &Call) -> Result<workspace::Workspace> {
    let named = call.id::<Reference<WorkspaceId>>(Noun::Workspace)?;
    app.directory()?.workspace(&call.caller, &named).await
}

/// Which there shall be, with commas between. All that are kept are active.
struct Statuses {
    has_active: bool,
}

impl TryFrom<String> for Statuses {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let mut words = text.split(',').map(str::trim);
        if !words
            .clone()
            .all(|word| matches!(word, "active" | "archived"))
        {
            return Err(ParseError(
                "must be active, archived or both with a comma between",
            ));
        }
        let has_active = words.any(|word| word == "active");
        Ok(Self { has_active })
    }
}
