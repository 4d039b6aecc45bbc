//! Reads connections as the things that are shared out to workspaces.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use shared::{
    access::WorkspaceAccess,
    capability::{Pushed, Toggles},
    connection::ConnectionId,
    error::Result,
    ports::{Integrations, Listing, Shelf, Slice, Window},
    slug::Slug,
    tenant::{TenantId, WorkspaceId},
};
use uuid::Uuid;

use super::{
    DynamoStore,
    connections::Parts,
    lists::{Entry, Found},
    registrations::{FOR_ALL, OF_TENANT},
    sk,
};
use crate::keys::{Key, List, SlugKind, part};

#[async_trait]
impl Integrations for DynamoStore {
    async fn connection_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<ConnectionId>> {
        let found = self
            .led_to(&Key::Slug(tenant, SlugKind::Connection, slug))
            .await?;
        Ok(found.map(ConnectionId::new))
    }

    async fn listings(&self, tenant: TenantId, ids: &[ConnectionId]) -> Result<Vec<Listing>> {
        let ids: HashSet<_> = ids.iter().copied().collect();
        let keys: Vec<_> = ids
            .into_iter()
            .flat_map(|id| {
                [
                    Key::Connection(tenant, id),
                    Key::Contract(tenant, id),
                    Key::Health(tenant, id),
                ]
            })
            .collect();
        let mut found: HashMap<ConnectionId, Parts> = HashMap::new();
        for item in self.batch(&keys).await? {
            if let Some((id, part)) = part(sk(&item)) {
                found.entry(id).or_default().put(part, item);
            }
        }
        found
            .into_values()
            .filter_map(|parts| parts.listing().transpose())
            .collect()
    }

    async fn shelf(
        &self,
        tenant: TenantId,
        shelf: Shelf,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Listing>> {
        let (entries, total, has_more) = match shelf {
            Shelf::All => {
                self.listed(tenant, List::Connections, search, window)
                    .await?
            }
            Shelf::OfTenant => {
                self.listed(tenant, List::ConnectionsOfTenant, search, window)
                    .await?
            }
            Shelf::Of(workspace) => {
                self.listed(tenant, List::ConnectionsOf(workspace), search, window)
                    .await?
            }
            Shelf::OfWorkspaces => {
                let is_of_workspace = |entry: &Entry| ![FOR_ALL, OF_TENANT].contains(&&*entry.tag);
                let found = self
                    .search(tenant, List::Connections, |entry| {
                        is_of_workspace(entry) && names(entry, search)
                    })
                    .await?;
                found.window(window)
            }
            Shelf::Around(workspace) => {
                let own = workspace.to_string();
                let reached = [FOR_ALL, OF_TENANT, &own];
                let found = self
                    .search(tenant, List::Connections, |entry| {
                        reached.contains(&&*entry.tag) && names(entry, search)
                    })
                    .await?;
                found.window(window)
            }
            Shelf::GivenTo(workspace) => {
                let found = self.given(tenant, workspace, search).await?;
                found.window(window)
            }
            Shelf::UsableBy(workspace) => {
                let given = self.given(tenant, workspace, search).await?;
                let own = List::ConnectionsOf(workspace);
                let own = self
                    .search(tenant, own, |entry| names(entry, search))
                    .await?;
                both(given, own).window(window)
            }
        };
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| ConnectionId::new(entry.id))
            .collect();
        let mut items = self.listings(tenant, &ids).await?;
        items.sort_by_key(|listing| listing.connection.id);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn workspace_access(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        workspace: WorkspaceId,
    ) -> Result<Option<WorkspaceAccess>> {
        self.find(&Key::WorkspaceAccess(tenant, connection, workspace))
            .await
    }

    async fn workspace_accesses(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        window: Window,
    ) -> Result<Slice<WorkspaceAccess>> {
        let (entries, total, has_more) = self
            .listed(tenant, List::Access(connection), None, window)
            .await?;
        let keys: Vec<_> = entries
            .iter()
            .map(|entry| Key::WorkspaceAccess(tenant, connection, WorkspaceId::new(entry.id)))
            .collect();
        let mut items: Vec<WorkspaceAccess> = self.find_all(&keys).await?;
        items.sort_by_key(|said| said.workspace);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn toggles(&self, tenant: TenantId, of: Uuid) -> Result<Toggles> {
        let found = self.find(&Key::Toggles(tenant, of)).await?;
        Ok(found.unwrap_or_else(|| Toggles::none(tenant, of)))
    }

    async fn pushed(&self, tenant: TenantId, connection: ConnectionId) -> Result<Pushed> {
        let found = self.find(&Key::Pushed(tenant, connection)).await?;
        Ok(found.unwrap_or_else(|| Pushed::nothing(tenant, connection)))
    }
}

impl DynamoStore {
    /// The tenant's connections that a workspace may use: what is said of the two, or else what is said of all workspaces.
    async fn given(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        search: Option<&str>,
    ) -> Result<Found> {
        let said = self
            .search(tenant, List::Given(workspace), |_| true)
            .await?;
        let enabled: HashMap<_, _> = said
            .entries
            .iter()
            .map(|entry| (entry.id, entry.tag == "true"))
            .collect();
        let mut found = self
            .search(tenant, List::ConnectionsOfTenant, |entry| {
                let said = enabled.get(&entry.id).copied();
                said.unwrap_or(entry.tag == FOR_ALL) && names(entry, search)
            })
            .await?;
        found.is_complete &= said.is_complete;
        Ok(found)
    }
}

fn names(entry: &Entry, search: Option<&str>) -> bool {
    search.is_none_or(|part| entry.name.contains(&part.to_lowercase()))
}

fn both(one: Found, other: Found) -> Found {
    let mut entries = [one.entries, other.entries].concat();
    entries.sort_by_key(|entry| entry.id);
    Found {
        entries,
        is_complete: one.is_complete && other.is_complete,
    }
}
