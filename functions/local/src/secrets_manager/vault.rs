//! The state of the emulator and the operations on one secret. Pure: the time is handed in, nothing is read or sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::random;
use super::secret::{CURRENT, DAY, Secret, Value};
use super::wire::{
    Changed, CreateSecret, DeleteSecret, Description, GetSecretValue, Nothing, PutResourcePolicy,
    PutSecretValue, SecretOnly, SecretValue, Tag, TagResource, Time, UntagResource, UpdateSecret,
    UpdateSecretVersionStage,
};

const ARN_PREFIX: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
const MAX_TAGS: usize = 50;

/// Every secret by its name.
#[derive(Default, Serialize, Deserialize)]
pub struct Vault {
    pub(super) secrets: BTreeMap<String, Secret>,
}

impl Vault {
    /// Secrets whose recovery window is over vanish. To be called before each operation.
    /// Tells whether any did.
    pub fn expire(&mut self, now: Time) -> bool {
        let before = self.secrets.len();
        self.secrets
            .retain(|_, secret| secret.deletion.is_none_or(|deletion| deletion > now));
        self.secrets.len() != before
    }

    pub fn create_secret(&mut self, asked: CreateSecret, now: Time) -> Result<Changed, Failure> {
        check_name(&asked.name)?;
        check_description(asked.description.as_deref())?;
        let value = Value::parse(asked.secret_string, asked.secret_binary.as_deref())?;
        let token = token(asked.client_request_token, value.is_some())?;
        if let Some(secret) = self.secrets.get(&asked.name) {
            if secret.deletion.is_some() {
                return Err(Failure::InvalidRequest(
                    "You can't create this secret because a secret with this name is already scheduled for deletion."
                        .to_owned(),
                ));
            }
            // A repeated call whose answer was lost must not fail.
            return match (secret.version(&token), &value) {
                (Some(known), Some(value)) if known.value == *value => {
                    Ok(secret.changed(Some(&token)))
                }
                _ => Err(Failure::Exists(format!(
                    "The operation failed because the secret {} already exists.",
                    asked.name
                ))),
            };
        }

        let mut secret = Secret {
            arn: new_arn(&asked.name),
            name: asked.name,
            description: asked.description,
            kms_key_id: asked.kms_key_id,
            tags: Vec::new(),
            policy: None,
            versions: Vec::new(),
            created: now,
            changed: now,
            accessed: None,
            deletion: None,
        };
        set_tags(&mut secret, asked.tags)?;
        let version = match value {
            Some(value) => {
                secret.add_version(&token, value, &[], now)?;
                Some(token)
            }
            None => None,
        };
        let answer = secret.changed(version.as_deref());
        self.secrets.insert(secret.name.clone(), secret);
        Ok(answer)
    }

    pub fn put_secret_value(
        &mut self,
        asked: PutSecretValue,
        now: Time,
    ) -> Result<Changed, Failure> {
        let value = Value::parse(asked.secret_string, asked.secret_binary.as_deref())?.ok_or_else(
            || {
                Failure::InvalidRequest(
                    "You must provide either SecretString or SecretBinary.".to_owned(),
                )
            },
        )?;
        let token = token(asked.client_request_token, true)?;
        let secret = self.active(&asked.secret_id)?;

        secret.add_version(&token, value, &asked.version_stages, now)?;

        let stages = secret
            .version(&token)
            .map(|version| version.stages.iter().cloned().collect());
        Ok(Changed {
            version_stages: stages,
            ..secret.changed(Some(&token))
        })
    }

    pub fn update_secret(&mut self, asked: UpdateSecret, now: Time) -> Result<Changed, Failure> {
        check_description(asked.description.as_deref())?;
        let value = Value::parse(asked.secret_string, asked.secret_binary.as_deref())?;
        let token = token(asked.client_request_token, value.is_some())?;
        let secret = self.active(&asked.secret_id)?;

        let version = match value {
            Some(value) => {
                secret.add_version(&token, value, &[], now)?;
                Some(token)
            }
            None => None,
        };
        secret.description = asked.description.or(secret.description.take());
        secret.kms_key_id = asked.kms_key_id.or(secret.kms_key_id.take());
        secret.changed = now;
        Ok(secret.changed(version.as_deref()))
    }

    pub fn get_secret_value(
        &mut self,
        asked: &GetSecretValue,
        now: Time,
    ) -> Result<SecretValue, Failure> {
        let secret = self.known(&asked.secret_id)?;
        secret.value(
            asked.version_id.as_deref(),
            asked.version_stage.as_deref(),
            now,
        )
    }

    pub fn update_secret_version_stage(
        &mut self,
        asked: &UpdateSecretVersionStage,
        now: Time,
    ) -> Result<Changed, Failure> {
        let stage = &asked.version_stage;
        let (to, from) = (
            asked.move_to_version_id.as_deref(),
            asked.remove_from_version_id.as_deref(),
        );
        let secret = self.active(&asked.secret_id)?;
        if let Some(unknown) = to
            .into_iter()
            .chain(from)
            .find(|id| secret.version(id).is_none())
        {
            return Err(Failure::NotFound(format!(
                "Secrets Manager can't find the specified secret value for VersionId: {unknown}"
            )));
        }
        let holder = secret.holder(stage).map(|version| version.id.as_str());
        match (holder, to, from) {
            (_, None, None) => {
                return Err(Failure::InvalidParameter(
                    "You must specify MoveToVersionId, RemoveFromVersionId or both.".to_owned(),
                ));
            }
            (_, None, Some(_)) if stage == CURRENT => {
                return Err(Failure::InvalidParameter(format!(
                    "You can only move staging label {CURRENT} to a different secret version. It can't be completely \
                     removed."
                )));
            }
            (Some(holder), Some(to), None) if holder != to => {
                return Err(Failure::InvalidParameter(format!(
                    "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                     version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
                )));
            }
            (holder, _, Some(from)) if holder != Some(from) => {
                return Err(Failure::InvalidParameter(format!(
                    "The version specified in RemoveFromVersionId does not have staging label {stage} attached."
                )));
            }
            _ => {}
        }

        secret.move_stage(stage, to);

        secret.changed = now;
        Ok(secret.changed(None))
    }

    pub fn describe_secret(&mut self, asked: &SecretOnly) -> Result<Description, Failure> {
        let secret = self.known(&asked.secret_id)?;
        Ok(Description {
            version_ids_to_stages: secret.stages(),
            ..secret.describe()
        })
    }

    pub fn delete_secret(&mut self, asked: &DeleteSecret, now: Time) -> Result<Changed, Failure> {
        let force = asked.force_delete_without_recovery;
        let days = match (asked.recovery_window_in_days, force) {
            (Some(_), true) => {
                return Err(Failure::InvalidParameter(
                    "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.".to_owned(),
                ));
            }
            (Some(days), false) if !(7..=30).contains(&days) => {
                return Err(Failure::InvalidParameter(
                    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
                        .to_owned(),
                ));
            }
            (days, _) => days.unwrap_or(30),
        };
        if force {
            check_id(&asked.secret_id)?;
            let name = self.name(&asked.secret_id).map(str::to_owned);
            let removed = name.and_then(|name| self.secrets.remove(&name));
            // To delete by force what is not there is a success: that is what makes it repeatable.
            return Ok(match removed {
                Some(secret) => Changed {
                    deletion_date: Some(now),
                    ..secret.changed(None)
                },
                None => Changed {
                    arn: new_arn(&asked.secret_id),
                    name: asked.secret_id.clone(),
                    version_id: None,
                    version_stages: None,
                    deletion_date: Some(now),
                    resource_policy: None,
                },
            });
        }
        let secret = self.active(&asked.secret_id)?;
        let deletion = now + days as Time * DAY;
        secret.deletion = Some(deletion);
        secret.changed = now;
        Ok(Changed {
            deletion_date: Some(deletion),
            ..secret.changed(None)
        })
    }

    pub fn restore_secret(&mut self, asked: &SecretOnly, now: Time) -> Result<Changed, Failure> {
        let secret = self.known(&asked.secret_id)?;
        secret.deletion = None;
        secret.changed = now;
        Ok(secret.changed(None))
    }

    pub fn tag_resource(&mut self, asked: TagResource, now: Time) -> Result<Nothing, Failure> {
        let secret = self.active(&asked.secret_id)?;
        set_tags(secret, asked.tags)?;
        secret.changed = now;
        Ok(Nothing {})
    }

    pub fn untag_resource(&mut self, asked: &UntagResource, now: Time) -> Result<Nothing, Failure> {
        let secret = self.active(&asked.secret_id)?;
        secret.tags.retain(|tag| !asked.tag_keys.contains(&tag.key));
        secret.changed = now;
        Ok(Nothing {})
    }

    pub fn put_resource_policy(&mut self, asked: PutResourcePolicy) -> Result<Changed, Failure> {
        let secret = self.active(&asked.secret_id)?;
        let policy: Result<serde_json::Map<_, _>, _> = serde_json::from_str(&asked.resource_policy);
        if !policy.is_ok_and(|policy| policy.contains_key("Statement")) {
            return Err(Failure::MalformedPolicy(
                "This resource policy contains invalid Json.".to_owned(),
            ));
        }
        secret.policy = Some(asked.resource_policy);
        Ok(secret.changed(None))
    }

    pub fn get_resource_policy(&mut self, asked: &SecretOnly) -> Result<Changed, Failure> {
        let secret = self.known(&asked.secret_id)?;
        Ok(Changed {
            resource_policy: secret.policy.clone(),
            ..secret.changed(None)
        })
    }

    /// The secret by its name, its ARN, or its ARN without the random suffix.
    pub(super) fn known(&mut self, id: &str) -> Result<&mut Secret, Failure> {
        check_id(id)?;
        let name = self.name(id).map(str::to_owned);
        name.and_then(|name| self.secrets.get_mut(&name))
            .ok_or_else(Failure::secret_missing)
    }

    /// The same, and it is not marked for deletion.
    fn active(&mut self, id: &str) -> Result<&mut Secret, Failure> {
        let secret = self.known(id)?;
        if secret.deletion.is_some() {
            return Err(Failure::marked_for_deletion());
        }
        Ok(secret)
    }

    fn name(&self, id: &str) -> Option<&str> {
        if let Some((name, _)) = self.secrets.get_key_value(id) {
            return Some(name);
        }
        let rest = id.strip_prefix(ARN_PREFIX)?;
        let without_suffix = rest.len().checked_sub(7).and_then(|end| rest.get(..end));
        [Some(rest), without_suffix]
            .into_iter()
            .flatten()
            .filter_map(|name| self.secrets.get(name))
            .find(|secret| secret.arn == id || secret.name == rest)
            .map(|secret| secret.name.as_str())
    }
}

fn new_arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}-{}", random::arn_suffix())
}

/// The version's id. The SDKs make one up where the caller gave none; whoever speaks HTTP himself must.
fn token(given: Option<String>, needed: bool) -> Result<String, Failure> {
    match given {
        Some(token) if (32..=64).contains(&token.len()) => Ok(token),
        Some(_) => Err(Failure::Validation(
            "ClientRequestToken must have a length between 32 and 64.".to_owned(),
        )),
        None if needed => Err(Failure::InvalidRequest(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value."
                .to_owned(),
        )),
        None => Ok(String::new()),
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-/_+=.@!".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Failure::Validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
            .to_owned(),
    ))
}

fn check_id(id: &str) -> Result<(), Failure> {
    if (1..=2048).contains(&id.len()) {
        return Ok(());
    }
    Err(Failure::Validation(
        "SecretId must have a length between 1 and 2048.".to_owned(),
    ))
}

fn check_description(description: Option<&str>) -> Result<(), Failure> {
    if description.is_none_or(|text| text.len() <= 2048) {
        return Ok(());
    }
    Err(Failure::Validation(
        "Description must have a length of at most 2048.".to_owned(),
    ))
}

fn set_tags(secret: &mut Secret, tags: Vec<Tag>) -> Result<(), Failure> {
    let bad = |tag: &Tag| {
        !(1..=128).contains(&tag.key.len())
            || tag.value.len() > 256
            || tag.key.to_lowercase().starts_with("aws:")
    };
    if let Some(tag) = tags.iter().find(|tag| bad(tag)) {
        return Err(Failure::InvalidParameter(format!(
            "The tag {} is not valid.",
            tag.key
        )));
    }
    let mut merged = secret.tags.clone();
    for tag in tags {
        match merged.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value = tag.value,
            None => merged.push(tag),
        }
    }
    if merged.len() > MAX_TAGS {
        return Err(Failure::LimitExceeded(format!(
            "A secret can't have more than {MAX_TAGS} tags."
        )));
    }
    secret.tags = merged;
    Ok(())
}
