//! Tenants.

use async_trait::async_trait;
use shared::{
    error::{Error, Noun, Result},
    ports::Tenants,
    tenant::NewTenant,
};

use super::{
    DynamoStore,
    transaction::{Condition, Mark, Outcome},
};
use crate::{
    items::{self, text},
    keys::Key,
};

const CREATED_AT: &str = "createdAt";

#[async_trait]
impl Tenants for DynamoStore {
    async fn create_tenant(&self, new: &NewTenant) -> Result<()> {
        let mut writes = self.transaction();
        let mut tenant = items::bare(&Key::Tenant(new.tenant));
        tenant.insert("tenantName".to_owned(), text(new.name.as_str()));
        tenant.insert("defaultWorkspace".to_owned(), text(new.workspace));
        tenant.insert(CREATED_AT.to_owned(), text(new.created_at));
        let mut workspace = items::bare(&Key::Workspace(new.tenant, new.workspace));
        workspace.insert(CREATED_AT.to_owned(), text(new.created_at));
        writes.put(Mark::Tenant, tenant.clone(), Condition::absent())?;
        writes.put(Mark::Other, workspace, Condition::absent())?;
        for key in &new.keys {
            writes.put(Mark::Other, items::api_key_item(key)?, Condition::absent())?;
        }
        match writes.commit().await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(mut refused) => match refused.take(Mark::Tenant) {
                // What stands there as we want it was written by us, and what was lost was the answer.
                Some(Some(there)) if there == tenant => Ok(()),
                _ => Err(Error::Taken(Noun::Tenant)),
            },
        }
    }
}
