//! One secret with its versions, and how staging labels move between them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::wire::{Changed, Description, SecretValue, Tag, Time};

pub const CURRENT: &str = "AWSCURRENT";
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// AWS keeps about a hundred versions, and none that is younger than a day is given up.
const MAX_VERSIONS: usize = 100;
pub const DAY: Time = 86_400.0;

/// The largest value, and the most labels of one version.
const MAX_VALUE: usize = 65_536;
const MAX_STAGES: usize = 20;

#[derive(Serialize, Deserialize)]
pub struct Secret {
    pub arn: String,
    pub name: String,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub tags: Vec<Tag>,
    pub policy: Option<String>,
    /// From the oldest to the youngest.
    pub versions: Vec<Version>,
    pub created: Time,
    pub changed: Time,
    pub accessed: Option<Time>,
    /// When it will be gone for good; until then it can be restored.
    pub deletion: Option<Time>,
}

#[derive(Serialize, Deserialize)]
pub struct Version {
    pub id: String,
    pub value: Value,
    pub stages: BTreeSet<String>,
    pub created: Time,
    pub accessed: Option<Time>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Binary(Vec<u8>),
}

impl Value {
    /// The value that a request carries; `None` when it carries none.
    pub fn parse(text: Option<String>, binary: Option<&str>) -> Result<Option<Self>, Failure> {
        let value = match (text, binary) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Failure::InvalidParameter(
                    "You can't specify both a binary secret value and a string secret value in the same secret."
                        .to_owned(),
                ));
            }
            (Some(text), None) => Self::Text(text),
            (None, Some(binary)) => {
                Self::Binary(STANDARD.decode(binary).map_err(|_| {
                    Failure::Serialization("SecretBinary is not base64.".to_owned())
                })?)
            }
        };
        if !(1..=MAX_VALUE).contains(&value.bytes().len()) {
            return Err(Failure::Validation(format!(
                "The secret value must have a length between 1 and {MAX_VALUE} bytes."
            )));
        }
        Ok(Some(value))
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl Secret {
    /// Adds a version unless the token says that it was added before. `stages` empty means the current one.
    pub fn add_version(
        &mut self,
        token: &str,
        value: Value,
        stages: &[String],
        now: Time,
    ) -> Result<(), Failure> {
        if let Some(known) = self.version(token) {
            if known.value == value {
                return Ok(());
            }
            return Err(Failure::Exists(format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of \
                 secret {}.",
                self.arn
            )));
        }
        if stages.len() > MAX_STAGES || stages.iter().any(|stage| !(1..=256).contains(&stage.len()))
        {
            return Err(Failure::Validation(
                "VersionStages are too many or too long.".to_owned(),
            ));
        }
        self.drop_deprecated(now)?;

        let first = self.versions.is_empty();
        self.versions.push(Version {
            id: token.to_owned(),
            value,
            stages: BTreeSet::new(),
            created: now,
            accessed: None,
        });
        for stage in stages {
            self.move_stage(stage, Some(token));
        }
        if first || stages.is_empty() {
            self.move_stage(CURRENT, Some(token));
        }
        self.changed = now;
        Ok(())
    }

    /// Takes a label from whichever version has it and gives it to `to`. The version that was current so far
    /// becomes the previous one; no label is ever on two versions.
    pub fn move_stage(&mut self, stage: &str, to: Option<&str>) {
        let from = self.holder(stage).map(|version| version.id.clone());
        if from.as_deref() == to {
            return;
        }
        for version in &mut self.versions {
            version.stages.remove(stage);
            if Some(version.id.as_str()) == to {
                version.stages.insert(stage.to_owned());
            }
        }
        if stage == CURRENT && from.is_some() {
            self.move_stage(PREVIOUS, from.as_deref());
        }
    }

    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub fn holder(&self, stage: &str) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.stages.contains(stage))
    }

    /// The value of the asked version, the current one unless said otherwise.
    pub fn value(
        &mut self,
        id: Option<&str>,
        stage: Option<&str>,
        now: Time,
    ) -> Result<SecretValue, Failure> {
        if self.deletion.is_some() {
            return Err(Failure::marked_for_deletion());
        }
        let missing = |what: String| {
            Failure::NotFound(format!(
                "Secrets Manager can't find the specified secret value for {what}"
            ))
        };
        let label = stage.unwrap_or(CURRENT);
        let index = match id {
            Some(id) => {
                let index = self.versions.iter().position(|version| version.id == id);
                let index = index.ok_or_else(|| missing(format!("VersionId: {id}")))?;
                if stage.is_some_and(|stage| !self.versions[index].stages.contains(stage)) {
                    return Err(Failure::InvalidRequest(
                        "You provided a VersionStage that is not associated to the provided VersionId.".to_owned(),
                    ));
                }
                index
            }
            None => self
                .versions
                .iter()
                .position(|version| version.stages.contains(label))
                .ok_or_else(|| missing(format!("staging label: {label}")))?,
        };

        // AWS tells the day of an access and not its time.
        let today = now - now.rem_euclid(DAY);
        self.accessed = Some(today);
        let version = &mut self.versions[index];
        version.accessed = Some(today);
        let (secret_string, secret_binary) = match &version.value {
            Value::Text(text) => (Some(text.clone()), None),
            Value::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Ok(SecretValue {
            arn: self.arn.clone(),
            name: self.name.clone(),
            version_id: version.id.clone(),
            secret_binary,
            secret_string,
            version_stages: version.stages.iter().cloned().collect(),
            created_date: version.created,
        })
    }

    pub fn describe(&self) -> Description {
        Description {
            arn: self.arn.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            kms_key_id: self.kms_key_id.clone(),
            created_date: self.created,
            last_changed_date: self.changed,
            last_accessed_date: self.accessed,
            deleted_date: self.deletion,
            tags: self.tags.clone(),
            version_ids_to_stages: None,
            secret_versions_to_stages: None,
        }
    }

    /// The labels by version; versions without a label are deprecated and not told.
    pub fn stages(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let labelled: BTreeMap<_, _> = self
            .versions
            .iter()
            .filter(|version| !version.stages.is_empty())
            .map(|version| (version.id.clone(), version.stages.iter().cloned().collect()))
            .collect();
        (!labelled.is_empty()).then_some(labelled)
    }

    /// The answer to a change, with the version that it was about.
    pub fn changed(&self, version: Option<&str>) -> Changed {
        Changed {
            arn: self.arn.clone(),
            name: self.name.clone(),
            version_id: version.map(str::to_owned),
            version_stages: None,
            deletion_date: None,
            resource_policy: None,
        }
    }

    fn drop_deprecated(&mut self, now: Time) -> Result<(), Failure> {
        while self.versions.len() >= MAX_VERSIONS {
            let old = self
                .versions
                .iter()
                .position(|version| version.stages.is_empty() && version.created < now - DAY)
                .ok_or_else(|| {
                    Failure::LimitExceeded(format!(
                        "A secret can't have more than {MAX_VERSIONS} versions in a day."
                    ))
                })?;
            self.versions.remove(old);
        }
        Ok(())
    }
}
