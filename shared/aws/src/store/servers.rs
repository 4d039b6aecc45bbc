//! Reads servers, and what users may and have on them.

use std::collections::HashMap;

use async_trait::async_trait;
use shared::{
    access::UserAccess,
    error::Result,
    ports::{Servers, Slice, Window},
    server::{Server, ServerId},
    slug::Slug,
    tenant::{TenantId, UserId, WorkspaceId},
    user_connection::UserConnection,
};

use super::DynamoStore;
use crate::{
    items,
    keys::{Key, List, Range, SlugKind},
};

#[async_trait]
impl Servers for DynamoStore {
    async fn server(&self, tenant: TenantId, id: ServerId) -> Result<Option<Server>> {
        self.find(&Key::Server(tenant, id)).await
    }

    async fn server_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<ServerId>> {
        let found = self
            .led_to(&Key::Slug(tenant, SlugKind::Server, slug))
            .await?;
        Ok(found.map(ServerId::new))
    }

    async fn servers(&self, tenant: TenantId, ids: &[ServerId]) -> Result<Vec<Server>> {
        let mut wanted = ids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let keys: Vec<_> = wanted
            .into_iter()
            .map(|id| Key::Server(tenant, id))
            .collect();
        let found: Vec<Server> = self.find_all(&keys).await?;
        let mut found: HashMap<_, _> = found
            .into_iter()
            .map(|server| (server.id, server))
            .collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    async fn servers_in(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Server>> {
        let (entries, total, has_more) = self
            .listed(tenant, List::Servers(workspace), search, window)
            .await?;
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| ServerId::new(entry.id))
            .collect();
        Ok(Slice {
            items: self.servers(tenant, &ids).await?,
            total,
            has_more,
        })
    }

    async fn user_access(
        &self,
        tenant: TenantId,
        server: ServerId,
        user: UserId,
    ) -> Result<Option<UserAccess>> {
        self.find(&Key::UserAccess(tenant, server, user)).await
    }

    async fn user_accesses(&self, tenant: TenantId, server: ServerId) -> Result<Vec<UserAccess>> {
        let found = super::all(self.query(&Range::UserAccesses(tenant, server))).await?;
        found.into_iter().map(items::noun).collect()
    }

    async fn of_users(
        &self,
        tenant: TenantId,
        server: ServerId,
        users: &[UserId],
    ) -> Result<(Vec<UserAccess>, Vec<UserConnection>)> {
        let said: Vec<_> = users
            .iter()
            .map(|user| Key::UserAccess(tenant, server, *user))
            .collect();
        let connected: Vec<_> = users
            .iter()
            .map(|user| Key::UserConnection(tenant, server, *user))
            .collect();
        Ok((
            self.find_all(&said).await?,
            self.find_all(&connected).await?,
        ))
    }

    async fn user_connection(
        &self,
        tenant: TenantId,
        server: ServerId,
        user: UserId,
    ) -> Result<Option<UserConnection>> {
        self.find(&Key::UserConnection(tenant, server, user)).await
    }

    async fn user_connections(
        &self,
        tenant: TenantId,
        server: ServerId,
        window: Window,
    ) -> Result<Slice<UserConnection>> {
        let (entries, total, has_more) = self
            .listed(tenant, List::UserConnections(server), None, window)
            .await?;
        let keys: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.tag.parse().ok())
            .map(|user| Key::UserConnection(tenant, server, user))
            .collect();
        let mut items: Vec<UserConnection> = self.find_all(&keys).await?;
        items.sort_by_key(|connection| connection.id);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }
}
