//! A Secrets Manager emulator: the operations that a registry of credentials needs, over the real wire format
//! (AWS JSON 1.1), so that the ordinary SDKs talk to it. Signatures must be there but are not verified.
//!
//! `wire` holds requests and answers, `failure` the refusals, `secret` the rules of versions and their staging labels,
//! `vault` the operations on one secret, `listing` those on many; here is only the shell: HTTP, the clock, the file.

mod failure;
mod listing;
mod random;
mod secret;
mod vault;
mod wire;

use std::fs;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

pub use self::failure::Failure;
use self::vault::Vault;
pub use self::wire::{Tag, Time};
use crate::ambient;
use crate::private_file;
use crate::server::{self, BodyError, Request, Response};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// More than any request of the interface can need: a value has 64 KiB at most.
const MAX_BODY: usize = 1024 * 1024;

/// The emulator, to be shared by the server that answers its clients and by whoever started it.
pub struct SecretsManager {
    kept: Mutex<Kept>,
    file: Option<PathBuf>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// The state, and whether the file knows it already.
struct Kept {
    vault: Vault,
    dirty: bool,
}

/// A secret as it is stored, for tests that look for what must not be there.
pub struct StoredSecret {
    pub name: String,
    pub description: Option<String>,
    pub tags: Vec<Tag>,
    pub marked_for_deletion: bool,
    /// From the oldest to the youngest.
    pub versions: Vec<StoredVersion>,
}

pub struct StoredVersion {
    pub id: String,
    pub stages: Vec<String>,
    pub value: Vec<u8>,
}

impl SecretsManager {
    /// Opens the state in `file`, which need not exist yet; without a file everything is in memory.
    pub fn open(file: Option<PathBuf>) -> io::Result<Self> {
        Self::with_clock(file, ambient::now)
    }

    /// The same, under a clock that a test moves.
    pub fn with_clock(
        file: Option<PathBuf>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let vault = match file.as_deref().map(fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => Vault::default(),
        };
        Ok(Self {
            kept: Mutex::new(Kept {
                vault,
                dirty: false,
            }),
            file,
            clock: Box::new(clock),
        })
    }

    /// Answers requests on `listener` until `shutdown` resolves.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let handler = move |request: Request, _| {
            let manager = Arc::clone(&self);
            async move { Ok(manager.handle(request).await) }
        };
        server::serve(listener, shutdown, handler).await;
    }

    /// The names of all secrets, those marked for deletion included.
    pub fn names(&self) -> Vec<String> {
        self.lock().vault.secrets.keys().cloned().collect()
    }

    /// Every secret with the value of every version, without an access being noted.
    pub fn secrets(&self) -> Vec<StoredSecret> {
        let kept = self.lock();
        let secrets = kept.vault.secrets.values().map(|secret| StoredSecret {
            name: secret.name.clone(),
            description: secret.description.clone(),
            tags: secret.tags.clone(),
            marked_for_deletion: secret.deletion.is_some(),
            versions: secret
                .versions
                .iter()
                .map(|version| StoredVersion {
                    id: version.id.clone(),
                    stages: version.stages.iter().cloned().collect(),
                    value: version.value.bytes().to_vec(),
                })
                .collect(),
        });
        secrets.collect()
    }

    /// Runs one operation, named without the service (`GetSecretValue`), on the body of its request.
    pub fn call(&self, operation: &str, body: &[u8]) -> Result<Json, Failure> {
        let now = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Whole milliseconds, as AWS tells them.
        let now = now.as_millis() as Time / 1000.0;
        let mut kept = self.lock();
        kept.dirty |= kept.vault.expire(now);

        let (answer, changes) = run(&mut kept.vault, operation, body, now)?;

        kept.dirty |= changes;
        if let (Some(file), true) = (&self.file, kept.dirty) {
            serde_json::to_vec(&kept.vault)
                .map_err(io::Error::from)
                .and_then(|bytes| private_file::write(file, &bytes))
                .map_err(|error| Failure::Internal(format!("not saved: {error}")))?;
        }
        kept.dirty = false;
        Ok(answer)
    }

    async fn handle(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let answer = match server::read_body(body, MAX_BODY).await {
            Err(BodyError::TooLarge) => Err(Failure::TooLarge),
            Err(BodyError::Broken) => Err(Failure::Serialization("The body broke off.".to_owned())),
            Ok(_) if head.method != Method::POST => Err(Failure::UnknownOperation),
            Ok(body) => authenticated(&head.headers)
                .and_then(|()| target(&head.headers))
                .and_then(|operation| self.call(operation, &body)),
        };
        let (status, body) = match answer {
            Ok(body) => (StatusCode::OK, body),
            Err(failure) => (
                status(&failure),
                json!({ "__type": failure.code(), "Message": failure.message() }),
            ),
        };
        let mut response = server::answer(status, CONTENT_TYPE, body.to_string());
        if let Ok(id) = HeaderValue::from_str(&ambient::id().to_string()) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // No operation panics half way; and if one ever did, the others' secrets are still worth having.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer, and whether the operation changes anything worth keeping.
fn run(
    vault: &mut Vault,
    operation: &str,
    body: &[u8],
    now: Time,
) -> Result<(Json, bool), Failure> {
    fn asked<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
        let body = if body.is_empty() { b"{}" } else { body };
        serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                Failure::Validation(error.to_string())
            } else {
                Failure::Serialization(error.to_string())
            }
        })
    }
    fn read<T: Serialize>(answer: Result<T, Failure>) -> Result<(Json, bool), Failure> {
        let answer =
            serde_json::to_value(answer?).map_err(|error| Failure::Internal(error.to_string()))?;
        Ok((answer, false))
    }
    fn written<T: Serialize>(answer: Result<T, Failure>) -> Result<(Json, bool), Failure> {
        read(answer).map(|(answer, _)| (answer, true))
    }

    match operation {
        "BatchGetSecretValue" => read(vault.batch_get_secret_value(&asked(body)?, now)),
        "CreateSecret" => written(vault.create_secret(asked(body)?, now)),
        "DeleteSecret" => written(vault.delete_secret(&asked(body)?, now)),
        "DescribeSecret" => read(vault.describe_secret(&asked(body)?)),
        "GetRandomPassword" => read(random::password(&asked(body)?)),
        "GetResourcePolicy" => read(vault.get_resource_policy(&asked(body)?)),
        "GetSecretValue" => read(vault.get_secret_value(&asked(body)?, now)),
        "ListSecretVersionIds" => read(vault.list_secret_version_ids(&asked(body)?)),
        "ListSecrets" => read(vault.list_secrets(&asked(body)?)),
        "PutResourcePolicy" => written(vault.put_resource_policy(asked(body)?)),
        "PutSecretValue" => written(vault.put_secret_value(asked(body)?, now)),
        "RestoreSecret" => written(vault.restore_secret(&asked(body)?, now)),
        "TagResource" => written(vault.tag_resource(asked(body)?, now)),
        "UntagResource" => written(vault.untag_resource(&asked(body)?, now)),
        "UpdateSecret" => written(vault.update_secret(asked(body)?, now)),
        "UpdateSecretVersionStage" => {
            written(vault.update_secret_version_stage(&asked(body)?, now))
        }
        _ => Err(Failure::UnknownOperation),
    }
}

fn authenticated(headers: &HeaderMap) -> Result<(), Failure> {
    let signature = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match signature {
        Some(signature) if signature.starts_with("AWS4-HMAC-SHA256 ") => Ok(()),
        _ => Err(Failure::MissingAuthentication),
    }
}

fn target(headers: &HeaderMap) -> Result<&str, Failure> {
    headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .and_then(|target| target.strip_prefix("secretsmanager."))
        .ok_or(Failure::UnknownOperation)
}

fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Failure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
#[path = "secrets_manager/tests.rs"]
mod tests;
