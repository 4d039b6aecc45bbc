//! Tenants.

use async_trait::async_trait;
use shared::{
    error::{Error, Noun, Result},
    ports::Tenants,
    tenant::{NewTenant, TenantId, TenantName},
};

use super::{
    DynamoStore,
    rows::insert,
    string,
    transaction::{Condition, Mark, Outcome},
};
use crate::{
    items::{self, text},
    keys::Key,
};

const CREATED_AT: &str = "createdAt";
const NAME: &str = "tenantName";

#[async_trait]
impl Tenants for DynamoStore {
    async fn create_tenant(&self, new: &NewTenant) -> Result<()> {
        let mut writes = self.transaction();
        let mut tenant = items::bare(&Key::Tenant(new.tenant));
        tenant.insert(NAME.to_owned(), text(new.name.as_str()));
        tenant.insert("defaultWorkspace".to_owned(), text(new.workspace.id));
        tenant.insert(CREATED_AT.to_owned(), text(new.created_at));
        writes.put(Mark::Tenant, tenant.clone(), Condition::absent())?;
        insert(&mut writes, &new.workspace)?;
        insert(&mut writes, &new.member)?;
        for key in &new.keys {
            insert(&mut writes, key)?;
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

    async fn tenant_name(&self, tenant: TenantId) -> Result<Option<TenantName>> {
        let found = self.item(&Key::Tenant(tenant)).await?;
        let name = found.map(|item| TenantName::try_from(string(&item, NAME).to_owned()));
        name.transpose().map_err(Error::internal)
    }
}
