//! The requests and answers of the emulated operations, as AWS JSON 1.1 spells them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Seconds since the epoch, with a fraction: how AWS JSON writes a time.
pub type Time = f64;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecret {
    pub name: String,
    pub client_request_token: Option<String>,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub secret_binary: Option<String>,
    pub secret_string: Option<String>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValue {
    pub secret_id: String,
    pub client_request_token: Option<String>,
    pub secret_binary: Option<String>,
    pub secret_string: Option<String>,
    #[serde(default)]
    pub version_stages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecret {
    pub secret_id: String,
    pub client_request_token: Option<String>,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub secret_binary: Option<String>,
    pub secret_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValue {
    pub secret_id: String,
    pub version_id: Option<String>,
    pub version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSecretVersionStage {
    pub secret_id: String,
    pub version_stage: String,
    pub move_to_version_id: Option<String>,
    pub remove_from_version_id: Option<String>,
}

/// The operations that take a secret and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretOnly {
    pub secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecret {
    pub secret_id: String,
    pub recovery_window_in_days: Option<i64>,
    #[serde(default)]
    pub force_delete_without_recovery: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    pub secret_id: String,
    pub tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResource {
    pub secret_id: String,
    pub tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutResourcePolicy {
    pub secret_id: String,
    pub resource_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretVersionIds {
    pub secret_id: String,
    #[serde(default)]
    pub include_deprecated: bool,
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListSecrets {
    pub filters: Vec<Filter>,
    pub include_planned_deletion: bool,
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
    pub sort_order: Option<SortOrder>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct BatchGetSecretValue {
    pub filters: Vec<Filter>,
    pub secret_id_list: Vec<String>,
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetRandomPassword {
    pub password_length: Option<usize>,
    pub exclude_characters: Option<String>,
    pub exclude_lowercase: bool,
    pub exclude_numbers: bool,
    pub exclude_punctuation: bool,
    pub exclude_uppercase: bool,
    pub include_space: bool,
    pub require_each_included_type: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    pub key: FilterKey,
    #[serde(default)]
    pub values: Vec<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum FilterKey {
    Name,
    Description,
    TagKey,
    TagValue,
    PrimaryRegion,
    OwningService,
    All,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    Asc,
    Desc,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// What most changes answer: which secret it was, and which version of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Changed {
    #[serde(rename = "ARN")]
    pub arn: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_stages: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<String>,
}

/// What tagging answers.
#[derive(Serialize)]
pub struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretValue {
    #[serde(rename = "ARN")]
    pub arn: String,
    pub name: String,
    pub version_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_binary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_string: Option<String>,
    pub version_stages: Vec<String>,
    pub created_date: Time,
}

/// A secret without its value. `DescribeSecret` and `ListSecrets` differ in how they name the stages.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Description {
    #[serde(rename = "ARN")]
    pub arn: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    pub created_date: Time,
    pub last_changed_date: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_date: Option<Time>,
    pub tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_ids_to_stages: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_versions_to_stages: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionIds {
    #[serde(rename = "ARN")]
    pub arn: String,
    pub name: String,
    pub versions: Vec<VersionEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionEntry {
    pub version_id: String,
    pub version_stages: Vec<String>,
    pub created_date: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<Time>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretList {
    pub secret_list: Vec<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretValues {
    pub secret_values: Vec<SecretValue>,
    pub errors: Vec<ValueError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValueError {
    pub secret_id: String,
    pub error_code: &'static str,
    pub message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RandomPassword {
    pub random_password: String,
}
