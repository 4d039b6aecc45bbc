//! Closes a workspace with all that is in it, and takes leave of a user with all that he has in one.
//!
//! That may be more than one request has time for. Each thing is removed for good before the next one, the workspace last, so whoever asks
//! again goes on where the last request stopped.

use crate::{
    access::UserAccess,
    audit::Author,
    directory::{Directory, FIRST, keys::MANAGED_KINDS},
    error::{Error, Noun, Result},
    integrations::Sharing,
    ports::{Grantings, Integrations, Rows, Shelf, Whose, Workspaces},
    registry::Registry,
    server::Server,
    tenant::UserId,
    timestamp::Timestamp,
    tokens::{TokenStore, Tokens},
    workspace::{Member, Workspace},
};

/// What closing needs of a store.
pub trait ClosingStore:
    Workspaces
    + Integrations
    + TokenStore
    + Grantings
    + Rows<Server>
    + Rows<Workspace>
    + Rows<Member>
    + Rows<UserAccess>
{
}

impl<S> ClosingStore for S where
    S: Workspaces
        + Integrations
        + TokenStore
        + Grantings
        + Rows<Server>
        + Rows<Workspace>
        + Rows<Member>
        + Rows<UserAccess>
{
}

pub struct Closing<S> {
    pub directory: Directory<S>,
    pub sharing: Sharing<S>,
    pub tokens: Tokens<S>,
    pub registry: Registry,
}

impl<S: ClosingStore> Closing<S> {
    /// Closes a workspace and, if it is to be `emptied`, removes what is in it first. Begins nothing after `until`.
    pub async fn close(
        &self,
        by: &Author,
        workspace: &Workspace,
        emptied: bool,
        until: Timestamp,
    ) -> Result<()> {
        let mut workspace = workspace.clone();
        if emptied && !workspace.is_default {
            workspace = self.directory.shut(&workspace).await?;
            let workspace = &workspace;
            // Keys first, so that none of them fills the workspace again meanwhile; servers before the connections that they show.
            self.revoke_keys(by, workspace, until).await?;
            self.forget_sessions(by, workspace, Whose::Of(workspace.id), until)
                .await?;
            self.withdraw_servers(by, workspace, until).await?;
            self.deregister_connections(by, workspace, until).await?;
        }
        self.directory.close(by, &workspace, until).await
    }

    /// Takes a user out of a workspace with all that he has there: the keys that act for him, his tokens on its servers, and what is said of him
    /// there. Begins nothing after `until`; called again, it goes on where it stopped.
    pub async fn leave(
        &self,
        by: &Author,
        workspace: &Workspace,
        user: UserId,
        until: Timestamp,
    ) -> Result<()> {
        let member = self.directory.usher_out(workspace, user).await?;
        self.directory
            .revoke_keys_of(by, workspace, user, until)
            .await?;
        self.forget_sessions(by, workspace, Whose::Users(user), until)
            .await?;
        let (mut window, mut total) = (FIRST, None);
        loop {
            self.directory.in_time(until, Noun::Member)?;
            let page = self
                .sharing
                .store
                .servers_in(workspace.tenant, workspace.id, None, window)
                .await?;
            for server in &page.items {
                self.directory.in_time(until, Noun::Member)?;
                self.tokens.forget(by, server, user).await?;
                self.sharing.forget_user(server, user).await?;
            }
            // Where one was removed meanwhile, another has moved in front of where we look next; then we begin anew.
            if *total.get_or_insert(page.total) != page.total {
                (window, total) = (FIRST, None);
            } else if page.has_more {
                window.offset += page.items.len();
            } else {
                break;
            }
        }
        self.directory.dismiss(by, workspace, &member).await
    }

    /// Deletes what members of this workspace brought for connections. A user may have brought more as a member of another, which stays.
    async fn forget_sessions(
        &self,
        by: &Author,
        workspace: &Workspace,
        whose: Whose,
        until: Timestamp,
    ) -> Result<()> {
        let (mut window, mut total) = (FIRST, None);
        loop {
            self.in_time(until)?;
            let page = self
                .tokens
                .store
                .sessions(workspace.tenant, whose, window)
                .await?;
            let there = page.items.len();
            for row in page.items {
                if row.workspace == workspace.id {
                    self.in_time(until)?;
                    self.tokens
                        .forget_at(by, row.tenant, row.server, row.user)
                        .await?;
                }
            }
            // Where one was removed, another has moved in front of where we look next; then we begin anew.
            if *total.get_or_insert(page.total) != page.total {
                (window, total) = (FIRST, None);
            } else if page.has_more {
                window.offset += there;
            } else {
                return Ok(());
            }
        }
    }

    async fn revoke_keys(
        &self,
        by: &Author,
        workspace: &Workspace,
        until: Timestamp,
    ) -> Result<()> {
        loop {
            self.in_time(until)?;
            let keys = self
                .directory
                .store
                .keys_in(workspace.tenant, Some(workspace.id), &MANAGED_KINDS, FIRST)
                .await?;
            if keys.items.is_empty() {
                return Ok(());
            }
            for key in &keys.items {
                self.in_time(until)?;
                found_again(self.directory.revoke_key(by, key).await)?;
            }
        }
    }

    async fn withdraw_servers(
        &self,
        by: &Author,
        workspace: &Workspace,
        until: Timestamp,
    ) -> Result<()> {
        loop {
            self.in_time(until)?;
            let servers = self
                .sharing
                .store
                .servers_in(workspace.tenant, workspace.id, None, FIRST)
                .await?;
            if servers.items.is_empty() {
                return Ok(());
            }
            for server in &servers.items {
                self.in_time(until)?;
                while self.tokens.forget_some(by, server).await? {
                    self.in_time(until)?;
                }
                found_again(self.sharing.close(by, server, &self.tokens).await)?;
            }
        }
    }

    async fn deregister_connections(
        &self,
        by: &Author,
        workspace: &Workspace,
        until: Timestamp,
    ) -> Result<()> {
        let own = Shelf::Of(workspace.id);
        loop {
            self.in_time(until)?;
            let connections = self
                .sharing
                .store
                .shelf(workspace.tenant, own, None, FIRST)
                .await?;
            if connections.items.is_empty() {
                return Ok(());
            }
            for listing in &connections.items {
                self.in_time(until)?;
                let id = listing.connection.id;
                match self
                    .registry
                    .deregister(by, workspace.tenant, id, None)
                    .await
                {
                    Ok(()) | Err(Error::NotFound(_)) => {}
                    // Busy as well: somebody is at work on it, and may be for a minute.
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn in_time(&self, until: Timestamp) -> Result<()> {
        self.directory.in_time(until, Noun::Workspace)
    }
}

/// A row that was changed just now is read again with the next ones.
fn found_again(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::Busy) => Ok(()),
        outcome => outcome,
    }
}
