//! What a virtual key may use in effect: the tools that are known to be there, as far as a connection allows and a key is granted them.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::by_connection;
use crate::{
    caller::KeyRecord,
    connection::{ConnectionId, ConnectionName},
    directory::Directory,
    error::Result,
    grants::{self, Grants, Withheld},
    ports::{Listing, Shelf, Slice, VirtualKeys, Window},
    timestamp::Timestamp,
};

/// Of so many connections the tools are read at once: each can have megabytes of them.
const READ_AT_ONCE: usize = 4;

/// What a key may use of a connection in effect.
pub struct Usable {
    pub connection: ConnectionId,
    pub name: ConnectionName,
    /// The names of tools that are known to be there, as their server says them.
    pub tools: Vec<String>,
    /// Those of them that may be called without asking a person.
    pub auto: Vec<String>,
    /// Why there are none.
    pub withheld: Option<Withheld>,
}

impl<S: VirtualKeys> Directory<S> {
    /// What a key may use in effect, connection by connection. Those of other workspaces are none of its business.
    pub async fn usable(&self, key: &KeyRecord, window: Window) -> Result<Slice<Usable>> {
        let shelf = key.workspace.map_or(Shelf::OfTenant, Shelf::Around);
        let page = self.store.shelf(key.tenant, shelf, None, window).await?;
        let ids: Vec<_> = page
            .items
            .iter()
            .map(|listing| listing.connection.id)
            .collect();
        let grants = by_connection(self.store.grants(key.tenant, &ids).await?);
        let now = self.clock.now();
        let items = stream::iter(page.items)
            .map(|listing| {
                let grants = grants.get(&listing.connection.id);
                async move { self.usable_of(key, listing, grants, now).await }
            })
            .buffered(READ_AT_ONCE)
            .try_collect()
            .await?;
        Ok(Slice {
            items,
            total: page.total,
            has_more: page.has_more,
        })
    }

    async fn usable_of(
        &self,
        key: &KeyRecord,
        listing: Listing,
        grants: Option<&Grants>,
        now: Timestamp,
    ) -> Result<Usable> {
        let row = &listing.connection;
        let mut usable = Usable {
            connection: row.id,
            name: row.name.clone(),
            tools: Vec::new(),
            auto: Vec::new(),
            withheld: None,
        };
        let rules = match grants::effective(key, row, grants, now) {
            Ok(rules) => rules,
            Err(withheld) => {
                usable.withheld = Some(withheld);
                return Ok(usable);
            }
        };
        let Some(offered) = listing.offered() else {
            usable.withheld = Some(Withheld::ToolsUnknown);
            return Ok(usable);
        };
        let known = self
            .store
            .tools(row.tenant, row.id, &offered.digest)
            .await?;
        let names = known.into_iter().map(|tool| tool.name);
        usable.tools = names.filter(|name| rules.execute.allows(name)).collect();
        let is_auto = |name: &&String| rules.auto_execute.allows(name);
        usable.auto = usable.tools.iter().filter(is_auto).cloned().collect();
        if usable.tools.is_empty() {
            usable.withheld = Some(Withheld::NoSuchTool);
        }
        Ok(usable)
    }
}
