//! Looking through a tenant's connections: a page of those that match a filter.

use crate::{
    connection::ConnectionId,
    error::Result,
    health::Status,
    ports::{Connections, Listing, Page, Slice, Window},
    tenant::{TenantId, WorkspaceId},
};

/// Reads of the table for one page. Without a filter one is enough; with one, a page may end early and still have a next one, so
/// that no page ever costs more than this.
const MAX_READS: u32 = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub status: Option<Status>,
    /// Part of a name, in any case.
    pub search: Option<String>,
    /// Without the connections that belong to another workspace than this one.
    pub reach: Option<WorkspaceId>,
}

impl Filter {
    pub fn matches(&self, listing: &Listing) -> bool {
        self.status
            .is_none_or(|status| listing.health.status == status)
            && self
                .search
                .as_ref()
                .is_none_or(|part| listing.connection.name.contains(part))
            && self.reach.is_none_or(|reach| {
                listing
                    .connection
                    .workspace
                    .is_none_or(|owner| owner == reach)
            })
    }

    /// Names the listing that this filter makes, for what is bound to it.
    pub fn name(&self) -> String {
        let status = self.status.map_or("", Status::word);
        let reach = self.reach.map(|reach| reach.to_string());
        format!(
            "connections {status} {} {}",
            reach.unwrap_or_default(),
            self.search.as_deref().unwrap_or_default()
        )
    }
}

/// Reads of the table by which a whole tenant is looked through. Each is some hundred connections.
const MOST_READS: u32 = 200;
const READ_AT_ONCE: usize = 500;

/// A part of those connections that `keep` keeps, counted. All of the tenant's are looked at, so this is for where no list is kept of what is asked for.
pub async fn sift(
    connections: &impl Connections,
    tenant: TenantId,
    keep: impl Fn(&Listing) -> bool + Send + Sync,
    window: Window,
) -> Result<Slice<Listing>> {
    let (mut items, mut total) = (Vec::new(), 0);
    let is_whole = look_through(connections, tenant, |listing| {
        if !keep(&listing) {
            return;
        }
        if total >= window.offset && items.len() < window.limit {
            items.push(listing);
        }
        total += 1;
    })
    .await?;
    let has_more = !is_whole || window.offset.saturating_add(items.len()) < total;
    Ok(Slice {
        items,
        total,
        has_more,
    })
}

/// Shows each of a tenant's connections, in the order of their creation, and says whether that were all.
pub async fn look_through(
    connections: &impl Connections,
    tenant: TenantId,
    mut see: impl FnMut(Listing) + Send,
) -> Result<bool> {
    let mut after = None;
    for _ in 0..MOST_READS {
        let page = connections.connections(tenant, after, READ_AT_ONCE).await?;
        page.items.into_iter().for_each(&mut see);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(after.is_none())
}

/// At most `limit` connections after `after` that match.
pub async fn find(
    connections: &impl Connections,
    tenant: TenantId,
    filter: &Filter,
    mut after: Option<ConnectionId>,
    limit: usize,
) -> Result<Page<Listing, ConnectionId>> {
    let mut found = Vec::new();
    for _ in 0..MAX_READS {
        let page = connections
            .connections(tenant, after, limit - found.len())
            .await?;
        found.extend(
            page.items
                .into_iter()
                .filter(|listing| filter.matches(listing)),
        );
        after = page.next;
        if after.is_none() || found.len() == limit || *filter == Filter::default() {
            break;
        }
    }
    Ok(Page {
        items: found,
        next: after,
    })
}
