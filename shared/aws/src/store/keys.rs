//! API keys.

use async_trait::async_trait;
use shared::{
    caller::{KeyId, KeyRecord},
    error::Result,
    ports::Keys,
    tenant::TenantId,
};

use super::DynamoStore;
use crate::{items, keys::Key};

#[async_trait]
impl Keys for DynamoStore {
    async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<KeyRecord>> {
        let found = self.item(&Key::ApiKey(tenant, id)).await?;
        found.map(items::api_key).transpose()
    }
}
