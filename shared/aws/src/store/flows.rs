//! Reads flows of authorization.

use async_trait::async_trait;
use shared::{
    error::Result,
    oauth::flow::{Flow, FlowId},
    ports::Flows,
    tenant::TenantId,
};

use super::DynamoStore;
use crate::keys::Key;

#[async_trait]
impl Flows for DynamoStore {
    async fn flow(&self, tenant: TenantId, id: FlowId) -> Result<Option<Flow>> {
        self.find(&Key::Flow(tenant, id)).await
    }
}
