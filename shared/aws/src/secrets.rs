//! Credentials in Secrets Manager: one secret for each connection and each user's tokens, named by the ids of its tenant and its holder.
//!
//! A value's version id is the client request token it was written with, so writing it twice is the same as writing it once.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_secretsmanager::{
    Client,
    operation::{
        create_secret::CreateSecretError, delete_secret::DeleteSecretError,
        describe_secret::DescribeSecretError, get_secret_value::GetSecretValueError,
        update_secret_version_stage::UpdateSecretVersionStageError,
    },
};
use shared::{
    credential::{CredentialVersion, HolderId, Secret},
    error::{Error, Result},
    ports::Credentials,
    tenant::TenantId,
};

use crate::{
    failure::failure,
    retry::{ATTEMPTS, pause},
};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Implements [`Credentials`].
#[derive(Clone, Debug)]
pub struct SecretsManagerStore {
    client: Client,
    prefix: String,
}

impl SecretsManagerStore {
    /// Secrets are named `{prefix}/{tenant}/{holder}`.
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self {
            client,
            prefix: prefix.into(),
        }
    }
}

#[async_trait]
impl Credentials for SecretsManagerStore {
    async fn create(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
        secret: &Secret,
    ) -> Result<()> {
        let name = self.name(tenant, holder);
        let create = self
            .client
            .create_secret()
            .name(&name)
            .client_request_token(version.to_string())
            .secret_string(secret.expose());
        for attempt in 1.. {
            let refused = match create.clone().send().await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match refused.as_service_error() {
                // A secret of that name was deleted a moment ago and is still on its way out, which takes it a second or so.
                Some(CreateSecretError::InvalidRequestException(_)) if attempt < ATTEMPTS => {
                    pause(attempt + 3).await;
                }
                Some(CreateSecretError::ResourceExistsException(_)) => {
                    let there = self.stages(&name).await?.unwrap_or_default();
                    return match there.contains_key(&version.to_string()) {
                        true => Ok(()),
                        false => Err(failure(refused)),
                    };
                }
                _ => return Err(failure(refused)),
            }
        }
        Ok(())
    }

    async fn stage(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
        secret: &Secret,
    ) -> Result<()> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(self.name(tenant, holder))
            .client_request_token(version.to_string())
            .version_stages(PENDING)
            .secret_string(secret.expose());
        put.send().await.map(drop).map_err(failure)
    }

    async fn promote(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<()> {
        let (name, version) = (self.name(tenant, holder), version.to_string());
        for attempt in 1..=ATTEMPTS {
            let stages = self.stages(&name).await?.unwrap_or_default();
            // Somebody removed the secret by hand. There is nothing to promote, and the next check says `credential_missing`.
            let Some(own) = stages.get(&version) else {
                return Ok(());
            };
            let is_at = |stage: &str| own.iter().any(|held| held == stage);
            let current = is_at(CURRENT) || {
                let from = version_at(&stages, CURRENT);
                self.move_stage(&name, CURRENT, from, Some(&version))
                    .await?
            };
            // Not before it is current: a version without any stage is up for deletion.
            let settled = current
                && (!is_at(PENDING)
                    || self
                        .move_stage(&name, PENDING, Some(&version), None)
                        .await?);
            if settled {
                return Ok(());
            }
            // Somebody else moved a stage in between, perhaps to where it belongs.
            pause(attempt).await;
        }
        Err(Error::Unavailable("the stages kept moving".into()))
    }

    async fn unstage(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<()> {
        let (name, version) = (self.name(tenant, holder), version.to_string());
        let stages = self.stages(&name).await?.unwrap_or_default();
        if version_at(&stages, PENDING) == Some(&version) {
            // Refused only when it was moved in between, and then it is not staged either.
            self.move_stage(&name, PENDING, Some(&version), None)
                .await?;
        }
        Ok(())
    }

    async fn has(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<bool> {
        let stages = self.stages(&self.name(tenant, holder)).await?;
        Ok(stages.is_some_and(|stages| stages.contains_key(&version.to_string())))
    }

    async fn read(
        &self,
        tenant: TenantId,
        holder: HolderId,
        version: CredentialVersion,
    ) -> Result<Option<Secret>> {
        let get = self
            .client
            .get_secret_value()
            .secret_id(self.name(tenant, holder))
            .version_id(version.to_string());
        let value = match get.send().await {
            Ok(value) => value.secret_string,
            Err(refused) => {
                return match refused.as_service_error() {
                    Some(
                        GetSecretValueError::ResourceNotFoundException(_)
                        // It is being deleted.
                        | GetSecretValueError::InvalidRequestException(_),
                    ) => Ok(None),
                    _ => Err(failure(refused)),
                };
            }
        };
        Ok(value.map(Secret::stored))
    }

    async fn delete(&self, tenant: TenantId, holder: HolderId) -> Result<()> {
        let delete = self
            .client
            .delete_secret()
            .secret_id(self.name(tenant, holder))
            .force_delete_without_recovery(true);
        match delete.send().await {
            Err(refused)
                if matches!(
                    refused.as_service_error(),
                    Some(DeleteSecretError::ResourceNotFoundException(_))
                ) =>
            {
                Ok(())
            }
            deleted => deleted.map(drop).map_err(failure),
        }
    }
}

/// The stages that each version is at.
type Stages = HashMap<String, Vec<String>>;

fn version_at<'a>(stages: &'a Stages, stage: &str) -> Option<&'a String> {
    let mut versions = stages.iter();
    versions
        .find(|(_, stages)| stages.iter().any(|held| held == stage))
        .map(|(version, _)| version)
}

impl SecretsManagerStore {
    fn name(&self, tenant: TenantId, holder: HolderId) -> String {
        format!("{}/{tenant}/{holder}", self.prefix)
    }

    /// Nothing when there is no such secret.
    async fn stages(&self, name: &str) -> Result<Option<Stages>> {
        match self.client.describe_secret().secret_id(name).send().await {
            Ok(described) => Ok(described.version_ids_to_stages),
            Err(refused) => match refused.as_service_error() {
                Some(DescribeSecretError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(failure(refused)),
            },
        }
    }

    /// False when the stage is not where it was thought to be.
    async fn move_stage(
        &self,
        name: &str,
        stage: &str,
        from: Option<&String>,
        to: Option<&String>,
    ) -> Result<bool> {
        let call = self
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(stage)
            .set_remove_from_version_id(from.cloned())
            .set_move_to_version_id(to.cloned());
        match call.send().await {
            Ok(_) => Ok(true),
            Err(refused) => match refused.as_service_error() {
                Some(UpdateSecretVersionStageError::InvalidParameterException(_)) => Ok(false),
                _ => Err(failure(refused)),
            },
        }
    }
}
