//! The wire types of `/v1/api-keys`. A key in the clear is in the answers to its creation and to its rotation, and nowhere else.

pub mod create_organisation_service;
pub mod create_workspace_service;
pub mod create_workspace_user;
pub mod delete;
pub mod list;
pub mod read;
pub mod read_self;
pub mod rotate;
pub mod update;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    Label, ParseError, Text,
    caller::{KeyId, KeyKind, KeyRecord, MAX_DESCRIPTION},
    directory::keys::{KeyDetails, NewKey},
    error::{Noun, Result},
    right::{KeyVerb, Right, Scope},
    tenant::{TenantId, UserId, WorkspaceId},
    timestamp::Timestamp,
    workspace::Member,
};

use super::{own_organisation, settings, workspaces::Workspace};
use crate::{
    app::App,
    edge::{Call, Reply},
};

/// What is shown of a key.
#[derive(Serialize)]
pub struct ApiKey {
    object: &'static str,
    id: KeyId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Text<MAX_DESCRIPTION>>,
    r#type: KeyKind,
    organisation_id: TenantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<WorkspaceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    status: &'static str,
    scopes: Vec<Scope>,
    created_at: Timestamp,
    last_updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limits: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_limits: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    defaults: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_emails: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_policy: Option<Value>,
}

impl ApiKey {
    pub fn new(record: KeyRecord, now: Timestamp) -> Self {
        let status = match (record.is_expired(now), record.disabled) {
            (true, _) => "expired",
            (false, true) => "inactive",
            (false, false) => "active",
        };
        let setting = |name| record.settings.as_ref()?.member(name).cloned();
        Self {
            object: "api-key",
            id: record.id,
            r#type: record.kind,
            organisation_id: record.tenant,
            workspace_id: record.workspace,
            user_id: record.user,
            status,
            created_at: record.created_at,
            last_updated_at: record.updated_at.unwrap_or(record.created_at),
            expires_at: record.expires_at,
            rate_limits: setting("rate_limits"),
            usage_limits: setting("usage_limits"),
            defaults: setting("defaults"),
            alert_emails: setting("alert_emails"),
            rotation_policy: setting("rotation_policy"),
            name: record.name,
            description: record.description,
            scopes: record.scopes,
        }
    }
}

/// What the holder of a key is told of it, under the names that the gateway looks for.
fn own_key(details: KeyDetails, now: Timestamp) -> Value {
    let KeyDetails {
        record,
        organisation,
        workspace,
        member,
    } = details;
    let tenant = record.tenant;
    let system_defaults = record.user.map(|user| {
        let name = member.as_ref().and_then(Member::name);
        json!({ "user_id": user, "user_name": name })
    });
    let key = OwnApiKey {
        key: ApiKey::new(record, now),
        system_defaults,
    };
    let mut data = json!({ "api_key_details": key });
    if let Some(name) = organisation {
        data["organisation_details"] = json!({
            "organisation_id": tenant,
            "name": name,
            "owner_id": null,
            "settings": {},
            "enterprise_settings": null,
            "defaults": null,
        });
    }
    if let Some(workspace) = workspace {
        data["workspace_details"] = json!(Workspace::from(workspace));
    }
    data
}

#[derive(Serialize)]
struct OwnApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The user that the key acts as.
    #[serde(skip_serializing_if = "Option::is_none")]
    system_defaults: Option<Value>,
}

/// The rights to do something with keys, of which kind is not known before one is read.
pub const fn any_kind(verb: KeyVerb) -> [Right; 3] {
    [
        Right::to_keys(KeyKind::OrganisationService, verb),
        Right::to_keys(KeyKind::WorkspaceService, verb),
        Right::to_keys(KeyKind::WorkspaceUser, verb),
    ]
}

/// Makes a key of one kind and shows it, this once.
async fn create(app: App, call: Call, kind: KeyKind) -> Result<Reply> {
    let wanted = wanted(&call, kind)?;

    let key = app
        .directory()?
        .make_key(&call.caller, &call.author, wanted, &app.key_pepper()?)
        .await?;

    Reply::ok(&json!({ "id": key.id, "key": key.expose(), "object": "api-key" }))
}

fn wanted(call: &Call, kind: KeyKind) -> Result<NewKey> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    fields.require(&["name", "scopes"]);
    if kind == KeyKind::WorkspaceUser {
        fields.require(&["user_id"]);
    }
    own_organisation(&mut fields, call);
    let name = fields.text("name");
    let description = fields.text("description");
    let workspace = fields.text("workspace_id");
    let user = fields.text("user_id");
    let scopes = fields.texts("scopes");
    let expires_at = fields.text("expires_at");
    let settings = settings::of_key(&mut fields);
    fields.accept(name.zip(scopes).map(|(name, scopes)| NewKey {
        kind,
        name,
        description,
        workspace,
        user,
        scopes,
        expires_at,
        settings,
    }))
}

/// Takes the key that a request is about, if the caller may do this with it.
async fn named(app: &App, call: &Call, verb: KeyVerb) -> Result<KeyRecord> {
    let id = call.id(Noun::ApiKey)?;
    app.directory()?.key(&call.caller, id, verb).await
}

/// A parameter of the query that is true or false.
struct Flag(bool);

impl TryFrom<String> for Flag {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        match text.as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(ParseError("must be true or false")),
        }
    }
}
