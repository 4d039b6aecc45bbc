//! Looking through a tenant's connections: a page of those that match a filter.

use crate::{
    connection::ConnectionId,
    error::Result,
    health::Status,
    ports::{Connections, Listing, Page},
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
