//! Reads workspaces, who belongs to them, and API keys.

use async_trait::async_trait;
use shared::{
    access::WorkspaceAccess,
    caller::{KeyId, KeyKind, KeyRecord},
    connection::ConnectionId,
    error::Result,
    ports::{Rows as _, Slice, Window, Workspaces},
    slug::Slug,
    tenant::{TenantId, UserId, WorkspaceId},
    workspace::{Member, Workspace},
};

use super::{DynamoStore, rows::kind_in};
use crate::keys::{Key, List, SlugKind};

/// What is looked at before it is removed, and looked at again.
const FIRST: Window = Window {
    offset: 0,
    limit: 100,
};

#[async_trait]
impl Workspaces for DynamoStore {
    async fn workspace(&self, tenant: TenantId, id: WorkspaceId) -> Result<Option<Workspace>> {
        self.find(&Key::Workspace(tenant, id)).await
    }

    async fn workspace_of(&self, tenant: TenantId, slug: &Slug) -> Result<Option<WorkspaceId>> {
        let found = self
            .led_to(&Key::Slug(tenant, SlugKind::Workspace, slug))
            .await?;
        Ok(found.map(WorkspaceId::new))
    }

    async fn workspaces(
        &self,
        tenant: TenantId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Workspace>> {
        let (entries, total, has_more) = self
            .listed(tenant, List::Workspaces, search, window)
            .await?;
        let keys: Vec<_> = entries
            .iter()
            .map(|entry| Key::Workspace(tenant, WorkspaceId::new(entry.id)))
            .collect();
        let mut items: Vec<Workspace> = self.find_all(&keys).await?;
        items.sort_by_key(|workspace| workspace.id);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn forget_accesses_of(&self, tenant: TenantId, workspace: WorkspaceId) -> Result<()> {
        let list = List::Given(workspace);
        loop {
            let (entries, _, has_more) = self.listed(tenant, list, None, FIRST).await?;
            let keys: Vec<_> = entries
                .iter()
                .map(|entry| Key::WorkspaceAccess(tenant, ConnectionId::new(entry.id), workspace))
                .collect();
            let said: Vec<WorkspaceAccess> = self.find_all(&keys).await?;
            for said in &said {
                self.discard(said, None).await?;
            }
            if !has_more {
                return Ok(());
            }
        }
    }

    async fn contents(&self, tenant: TenantId, workspace: WorkspaceId) -> Result<usize> {
        let mut contents = 0;
        for list in [
            List::Servers(workspace),
            List::ConnectionsOf(workspace),
            List::KeysOf(workspace),
            List::SessionsOf(workspace),
        ] {
            contents += self.length(tenant, list).await?;
        }
        Ok(contents)
    }

    async fn member(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<Member>> {
        self.find(&Key::Member(tenant, workspace, user)).await
    }

    async fn members(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
        search: Option<&str>,
        window: Window,
    ) -> Result<Slice<Member>> {
        let (entries, total, has_more) = self
            .listed(tenant, List::Members(workspace), search, window)
            .await?;
        let keys: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.tag.parse().ok())
            .map(|user| Key::Member(tenant, workspace, user))
            .collect();
        let mut items: Vec<Member> = self.find_all(&keys).await?;
        items.sort_by_key(|member| member.seat);
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }

    async fn keys_in(
        &self,
        tenant: TenantId,
        workspace: Option<WorkspaceId>,
        kinds: &[KeyKind],
        window: Window,
    ) -> Result<Slice<KeyRecord>> {
        let list = workspace.map_or(List::Keys, List::KeysOf);
        let all_there_are = [
            KeyKind::OrganisationService,
            KeyKind::WorkspaceService,
            KeyKind::WorkspaceUser,
        ];
        let takes_all = all_there_are.iter().all(|kind| kinds.contains(kind));
        let (entries, total, has_more) = if takes_all {
            self.listed(tenant, list, None, window).await?
        } else {
            let is_wanted = |tag: &str| kinds.iter().any(|kind| kind.word() == kind_in(tag));
            let found = self
                .search(tenant, list, |entry| is_wanted(&entry.tag))
                .await?;
            found.window(window)
        };
        let keys: Vec<_> = entries
            .iter()
            .map(|entry| Key::ApiKey(tenant, KeyId::new(entry.id)))
            .collect();
        let mut items: Vec<KeyRecord> = self.find_all(&keys).await?;
        items.sort_by_key(|record| record.id.uuid());
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }
}
