//! Reads users' credentials on connections themselves.

use async_trait::async_trait;
use shared::{
    error::Result,
    ports::{Slice, UserSessions, Whose, Window},
    server::ServerId,
    tenant::{TenantId, UserId},
    user_connection::{UserConnection, UserConnectionId},
};

use super::{
    DynamoStore,
    lists::{Entry, Order},
};
use crate::keys::{Key, List};

#[async_trait]
impl UserSessions for DynamoStore {
    async fn session(
        &self,
        tenant: TenantId,
        id: UserConnectionId,
    ) -> Result<Option<UserConnection>> {
        let entry = self
            .item(&Key::Entry(tenant, List::Sessions, id.uuid()))
            .await?;
        let place = entry.as_ref().and_then(Entry::read);
        let Some((server, user)) = place.as_ref().and_then(named) else {
            return Ok(None);
        };
        let row: Option<UserConnection> = self
            .find(&Key::UserConnection(tenant, server, user))
            .await?;
        Ok(row.filter(|row| row.id == id && row.is_visible()))
    }

    async fn sessions(
        &self,
        tenant: TenantId,
        whose: Whose,
        window: Window,
    ) -> Result<Slice<UserConnection>> {
        let list = match whose {
            Whose::Everybodys => List::Sessions,
            Whose::Of(workspace) => List::SessionsOf(workspace),
            Whose::Users(user) => List::SessionsOfUser(user),
            Whose::On(connection) => List::UserConnections(ServerId::new(connection.uuid())),
        };
        let (items, total) = self
            .window(tenant, list, window, Order::NewestFirst)
            .await?;
        let entries: Vec<_> = items.iter().filter_map(Entry::read).collect();
        let has_more = window.offset.saturating_add(entries.len()) < total;
        let keys: Vec<_> = entries
            .iter()
            .filter_map(|entry| match whose {
                Whose::On(connection) => {
                    let user = entry.tag.parse().ok()?;
                    Some((ServerId::new(connection.uuid()), user))
                }
                _ => named(entry),
            })
            .map(|(server, user)| Key::UserConnection(tenant, server, user))
            .collect();
        let mut items: Vec<UserConnection> = match keys.as_slice() {
            [] => Vec::new(),
            keys => self.find_all(keys).await?,
        };
        items.retain(UserConnection::is_visible);
        items.sort_by_key(|row| std::cmp::Reverse(row.id));
        Ok(Slice {
            items,
            total,
            has_more,
        })
    }
}

/// Names a row in lists that are of no single connection.
pub(super) fn tag(row: &UserConnection) -> String {
    format!("{}#{}", row.server, row.user)
}

fn named(entry: &Entry) -> Option<(ServerId, UserId)> {
    let (server, user) = entry.tag.split_once('#')?;
    Some((server.parse().ok()?, user.parse().ok()?))
}
