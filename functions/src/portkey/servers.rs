//! The wire types of `/v1/mcp-servers`: connections made available in workspaces, and what users may and have on them.

pub mod check_user_access;
pub mod create;
pub mod delete;
pub mod delete_connection;
pub mod delete_tokens;
pub mod list;
pub mod list_capabilities;
pub mod list_connections;
pub mod list_user_access;
pub mod read;
pub mod read_client_info;
pub mod read_metadata;
pub mod read_tokens;
pub mod sync_capabilities;
pub mod sync_metadata;
pub mod test;
pub mod update;
pub mod update_capabilities;
pub mod update_user_access;
pub mod write_tokens;

use serde_json::{Map, Value, json};
use shared::{
    error::{Noun, Result},
    integrations::Sharing,
    ports::Listing,
    publication::UserState,
    server::{Server, ServerId},
    slug::Reference,
    tenant::{UserId, WorkspaceId},
    user_connection::UserConnection,
    workspace::Workspace,
};

use super::{health, metadata, own_organisation, workspace_id};
use crate::{
    app::{App, Store},
    edge::Call,
    fields::Fields,
};

/// Servers with their addresses: those at which their tools are called.
pub struct Rendering {
    gateway: String,
}

impl Rendering {
    /// Without a gateway of its own a deployment is taken to have it in front of this API, so that the address is one that leads somewhere.
    pub fn new(app: &App, call: &Call) -> Self {
        let gateway = app.gateway_url().map(str::to_owned);
        Self {
            gateway: gateway.or_else(|| call.origin()).unwrap_or_default(),
        }
    }

    /// What everybody is shown of a server. One whose connection is gone is in the archive.
    pub fn server(&self, server: &Server, is_there: bool) -> Map<String, Value> {
        members(json!({
            "id": server.id,
            "object": "mcp-server",
            "organisation_id": server.tenant,
            "name": server.name,
            "slug": server.slug,
            "description": server.description,
            "status": if is_there { "active" } else { "archived" },
            "url": format!("{}/{}/mcp", self.gateway, server.slug.as_str()),
            "owner_id": server.owner,
            "mcp_integration_id": server.connection,
            "created_at": server.created_at,
            "last_updated_at": server.updated_at,
        }))
    }

    /// A row of the list.
    pub fn row(
        &self,
        (server, listing): (Server, Option<Listing>),
        workspace: &Workspace,
    ) -> Value {
        let mut row = self.server(&server, listing.is_some());
        let connection = listing.as_ref().map(|listing| &listing.connection);
        row.extend(members(json!({
            "workspace_id": workspace.id,
            "workspace_name": workspace.name,
            "workspace_slug": workspace.slug,
            "mcp_integration_slug": connection.map(|connection| connection.slug_text()),
            "mcp_integration_url": connection.map(|connection| &connection.server_url),
            "metadata": listing.as_ref().map(metadata::summary),
            "health": listing.as_ref().map(health::of),
        })));
        // Portkey's document does not let it be null.
        row.extend(connection.map(|connection| {
            (
                "auth_type".to_owned(),
                json!(connection.auth.method().simplified()),
            )
        }));
        Value::Object(row)
    }
}

/// What the gateway serves by. `configuration` has the secrets in it, and is nothing where it may not be handed out.
pub fn integration_details(listing: &Listing, configuration: Option<Value>) -> Value {
    let connection = &listing.connection;
    let mappings = connection.details.secret_mappings.as_ref();
    json!({
        "id": connection.id,
        "slug": connection.slug_text(),
        "status": "active",
        "url": connection.server_url,
        "transport": connection.details.transport,
        "auth_type": connection.auth.method().simplified(),
        "configurations": configuration,
        "secret_mappings": mappings.map_or_else(|| json!([]), |mappings| mappings.0.clone()),
    })
}

/// That a user is connected.
pub fn user_connection(connection: UserConnection) -> Value {
    json!({
        "user_id": connection.user,
        "connected": true,
        "created_at": connection.created_at,
        "last_updated_at": connection.updated_at,
    })
}

/// What holds of a user.
pub fn user_state(state: UserState) -> Value {
    json!({
        "user_id": state.member.user,
        "first_name": state.member.first_name,
        "last_name": state.member.last_name,
        "enabled": state.enabled,
        "has_override": state.has_override,
        "connection_status": if state.is_connected { "connected" } else { "not_connected" },
    })
}

/// The query of a request, with the organisation taken out of it. The gateway sends parameters that it has no value for.
pub fn query(call: &Call) -> Result<Fields> {
    let mut query = call.query()?;
    query.drop_empty();
    own_organisation(&mut query, call);
    Ok(query)
}

/// Takes from a body what says whose the server is. Some clients say it in the query, with a body as well.
pub fn workspace_in_body(fields: &mut Fields, call: &Call) -> Option<Reference<WorkspaceId>> {
    own_organisation(fields, call);
    workspace_id(fields)
}

/// The workspace that is named in the query, of a request that has nothing else to say there.
pub fn workspace_in_query(call: &Call) -> Result<Option<Reference<WorkspaceId>>> {
    let mut query = query(call)?;
    let workspace = workspace_id(&mut query);
    query.accept(Some(workspace))
}

/// The workspace and the user that are named in the query.
pub fn user_in_query(call: &Call) -> Result<(Option<Reference<WorkspaceId>>, Option<UserId>)> {
    let mut query = query(call)?;
    let named = (workspace_id(&mut query), query.text("user_id"));
    query.accept(Some(named))
}

/// The server in the path. It has to be in the workspace that is named, if one is.
pub async fn named(
    sharing: &Sharing<Store>,
    call: &Call,
    workspace: Option<&Reference<WorkspaceId>>,
) -> Result<Server> {
    let named: Reference<ServerId> = call.id(Noun::Server)?;
    sharing.server(&call.caller, &named, workspace).await
}

fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
