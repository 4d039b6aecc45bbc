//! The operations that answer pages: `ListSecrets`, `ListSecretVersionIds` and `BatchGetSecretValue`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::failure::Failure;
use super::secret::Secret;
use super::vault::Vault;
use super::wire::{
    BatchGetSecretValue, Description, Filter, FilterKey, ListSecretVersionIds, ListSecrets,
    SecretList, SecretValues, SortOrder, Time, ValueError, VersionEntry, VersionIds,
};

const MAX_FILTERS: usize = 10;
const BATCH: usize = 20;

impl Vault {
    /// The youngest first, unless asked for otherwise.
    pub fn list_secrets(&self, asked: &ListSecrets) -> Result<SecretList, Failure> {
        let size = page_size(asked.max_results, 100)?;
        let mut secrets = self.matching(&asked.filters)?;
        secrets.retain(|secret| asked.include_planned_deletion || secret.deletion.is_none());
        if asked.sort_order == Some(SortOrder::Asc) {
            secrets.reverse();
        }

        let (page, next_token) = page(
            secrets,
            |secret| secret.arn.as_str(),
            asked.next_token.as_deref(),
            size,
        )?;

        let entry = |secret: &Secret| Description {
            secret_versions_to_stages: secret.stages(),
            ..secret.describe()
        };
        Ok(SecretList {
            secret_list: page.into_iter().map(entry).collect(),
            next_token,
        })
    }

    pub fn list_secret_version_ids(
        &mut self,
        asked: &ListSecretVersionIds,
    ) -> Result<VersionIds, Failure> {
        let size = page_size(asked.max_results, 100)?;
        let secret = self.known(&asked.secret_id)?;
        let versions = secret
            .versions
            .iter()
            .rev()
            .filter(|version| asked.include_deprecated || !version.stages.is_empty())
            .collect();

        let (page, next_token) = page(
            versions,
            |version| version.id.as_str(),
            asked.next_token.as_deref(),
            size,
        )?;

        let versions = page
            .into_iter()
            .map(|version| VersionEntry {
                version_id: version.id.clone(),
                version_stages: version.stages.iter().cloned().collect(),
                created_date: version.created,
                last_accessed_date: version.accessed,
            })
            .collect();
        Ok(VersionIds {
            arn: secret.arn.clone(),
            name: secret.name.clone(),
            versions,
            next_token,
        })
    }

    /// What cannot be read is reported beside what can: one missing secret does not fail the batch.
    pub fn batch_get_secret_value(
        &mut self,
        asked: &BatchGetSecretValue,
        now: Time,
    ) -> Result<SecretValues, Failure> {
        let (ids, next_token) = match (asked.secret_id_list.is_empty(), asked.filters.is_empty()) {
            (false, true) if asked.secret_id_list.len() > BATCH => {
                return Err(Failure::Validation(format!(
                    "SecretIdList must have a length of at most {BATCH}."
                )));
            }
            (false, true) if asked.max_results.is_some() => {
                return Err(Failure::InvalidParameter(
                    "MaxResults can only be used together with Filters.".to_owned(),
                ));
            }
            (false, true) => (asked.secret_id_list.clone(), None),
            (true, false) => {
                let size = page_size(asked.max_results, BATCH)?;
                let mut secrets = self.matching(&asked.filters)?;
                secrets.retain(|secret| secret.deletion.is_none());
                let (page, next) = page(
                    secrets,
                    |secret| secret.arn.as_str(),
                    asked.next_token.as_deref(),
                    size,
                )?;
                (
                    page.into_iter().map(|secret| secret.arn.clone()).collect(),
                    next,
                )
            }
            _ => {
                return Err(Failure::InvalidParameter(
                    "You must specify either SecretIdList or Filters, and not both.".to_owned(),
                ));
            }
        };

        let mut answer = SecretValues {
            secret_values: Vec::new(),
            errors: Vec::new(),
            next_token,
        };
        for secret_id in ids {
            match self
                .known(&secret_id)
                .and_then(|secret| secret.value(None, None, now))
            {
                Ok(value) => answer.secret_values.push(value),
                Err(failure) => answer.errors.push(ValueError {
                    secret_id,
                    error_code: failure.code(),
                    message: failure.message().to_owned(),
                }),
            }
        }
        Ok(answer)
    }

    /// The secrets that satisfy every filter, the youngest first.
    fn matching(&self, filters: &[Filter]) -> Result<Vec<&Secret>, Failure> {
        if filters.len() > MAX_FILTERS
            || filters
                .iter()
                .any(|f| f.values.is_empty() || f.values.len() > MAX_FILTERS)
        {
            return Err(Failure::Validation(format!(
                "There can be at most {MAX_FILTERS} filters, each with 1 to {MAX_FILTERS} values."
            )));
        }
        let mut found: Vec<_> = self
            .secrets
            .values()
            .filter(|secret| filters.iter().all(|filter| satisfies(secret, filter)))
            .collect();
        found.sort_by(|a, b| {
            b.created
                .total_cmp(&a.created)
                .then_with(|| b.arn.cmp(&a.arn))
        });
        Ok(found)
    }
}

/// One of the values fits, and none of the negated ones (`!value`) does.
fn satisfies(secret: &Secret, filter: &Filter) -> bool {
    let (refused, wanted): (Vec<&str>, Vec<&str>) = filter
        .values
        .iter()
        .map(String::as_str)
        .partition(|value| value.starts_with('!'));
    let fits = |value: &str| fits(secret, filter.key, value);
    (wanted.is_empty() || wanted.into_iter().any(fits))
        && !refused
            .into_iter()
            .any(|value| fits(value.trim_start_matches('!')))
}

/// Names and tags are compared as they stand, descriptions and `all` without regard to case.
fn fits(secret: &Secret, key: FilterKey, value: &str) -> bool {
    let prefix_of = |text: &str| text.to_lowercase().starts_with(&value.to_lowercase());
    match key {
        FilterKey::Name => secret.name.starts_with(value),
        FilterKey::Description => secret.description.as_deref().is_some_and(prefix_of),
        FilterKey::TagKey => secret.tags.iter().any(|tag| tag.key.starts_with(value)),
        FilterKey::TagValue => secret.tags.iter().any(|tag| tag.value.starts_with(value)),
        // Nothing is replicated here, and no other service owns a secret.
        FilterKey::PrimaryRegion | FilterKey::OwningService => false,
        FilterKey::All => {
            let tags = secret
                .tags
                .iter()
                .flat_map(|tag| [tag.key.as_str(), tag.value.as_str()]);
            let mut texts = [secret.name.as_str()]
                .into_iter()
                .chain(secret.description.as_deref())
                .chain(tags);
            texts.any(|text| {
                prefix_of(text) || text.split(|c: char| !c.is_alphanumeric()).any(prefix_of)
            })
        }
    }
}

fn page_size(asked: Option<usize>, most: usize) -> Result<usize, Failure> {
    let size = asked.unwrap_or(most);
    if (1..=most).contains(&size) {
        return Ok(size);
    }
    Err(Failure::Validation(format!(
        "MaxResults must be between 1 and {most}."
    )))
}

/// The page after the item that the token names, and the token of the next one.
fn page<'a, T>(
    all: Vec<&'a T>,
    id: impl Fn(&T) -> &str,
    token: Option<&str>,
    size: usize,
) -> Result<(Vec<&'a T>, Option<String>), Failure> {
    let start = match token {
        None => 0,
        Some(token) => {
            let last = URL_SAFE_NO_PAD
                .decode(token)
                .map_err(|_| Failure::InvalidNextToken)?;
            let position = all.iter().position(|item| id(item).as_bytes() == last);
            position.ok_or(Failure::InvalidNextToken)? + 1
        }
    };
    let more = all.len() > start + size;
    let page: Vec<_> = all.into_iter().skip(start).take(size).collect();
    let next = page
        .last()
        .filter(|_| more)
        .map(|last| URL_SAFE_NO_PAD.encode(id(last)));
    Ok((page, next))
}
