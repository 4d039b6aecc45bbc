//! Everything that can go wrong, named for what it means to a caller. Knows no HTTP.
//!
//! What a check found is not an error but a [`Reason`](crate::verdict::Reason).

use crate::{oauth::Trouble, right::Right, verdict::Reason};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong below us, for the log and never for the caller.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One thing that is wrong with a request. `field` is a JSON pointer into the body, or the name of a parameter or header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub field: String,
    /// A sentence that follows the field's name, such as "must not be empty".
    pub problem: String,
}

impl Problem {
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All problems of the request at once.
    #[error("the request is not valid")]
    Invalid(Vec<Problem>),
    /// Plain http is for a developer's own servers.
    #[error("the address must begin with https://")]
    PlainHttp,
    /// What runs beside a gateway is not reached by an address.
    #[error(
        "it runs as a process beside a gateway and has no address or transport that could be changed"
    )]
    NoAddress,
    #[error("the API key is missing, unknown or expired")]
    Unauthenticated,
    #[error("the API key lacks the scope {0}")]
    Forbidden(Right),
    /// It needs one of several scopes.
    #[error("the API key lacks the scope {}", any_of(.0))]
    ForbiddenAll(&'static [Right]),
    /// What a key may not do whatever its scopes.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// Also what exists, but not for this tenant.
    #[error("{0} not found")]
    NotFound(Noun),
    #[error("{0} is already in use in this tenant")]
    Taken(Noun),
    /// A stored credential is never sent to an address it was not given for, nor to a machine that was not believed when it was given.
    #[error(
        "the new serverUrl is on another origin, so the credential must be given again in the same request"
    )]
    CredentialRequired,
    /// What others depend on stays.
    #[error("the {0} is still in use: {1}")]
    InUse(Noun, &'static str),
    #[error("the connection uses authType none and has no credential to replace")]
    NoCredential,
    /// The version the caller saw is not the current one.
    #[error("the connection was changed since it was read")]
    Stale,
    #[error("another change of the same thing is under way; try again in a moment")]
    Busy,
    #[error("the Idempotency-Key was used before with another request")]
    KeyReused,
    /// The server did not accept the new credential; the old one stays.
    #[error("the new credential was not accepted by the server; the old one stays in use")]
    NotProven(Reason),
    /// A check that somebody asked for went wrong.
    #[error("the server does not work: {}", .0.word())]
    CheckFailed(Reason),
    /// It is not in the state that this needs; a repetition changes nothing about that.
    #[error("{0}")]
    Conflict(&'static str),
    /// It was there, and its time is over.
    #[error("the {0} has expired; begin another one")]
    Expired(Noun),
    /// An authorization came to nothing.
    #[error("{}", .0.sentence())]
    NotAuthorized(Trouble),
    #[error("the request body is over {0} KiB")]
    TooLarge(usize),
    #[error("the request body must be application/json")]
    UnsupportedMediaType,
    #[error("too many requests; try again later")]
    Throttled { retry_after_seconds: u32 },
    #[error("temporarily unavailable; try again later")]
    Unavailable(#[source] Cause),
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl Error {
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(field, problem)])
    }

    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// The stable word for programs: in answers, in logs, in metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::PlainHttp | Self::NoAddress => "invalid_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) | Self::ForbiddenAll(_) | Self::NotAllowed(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Taken(_) => "name_taken",
            Self::InUse(..) => "in_use",
            Self::CredentialRequired => "credential_required",
            Self::NoCredential => "no_credential",
            Self::Stale => "version_mismatch",
            Self::Busy => "busy",
            Self::KeyReused => "idempotency_key_reused",
            Self::NotProven(_) => "credential_not_proven",
            Self::CheckFailed(_) => "check_failed",
            Self::Conflict(_) => "conflict",
            Self::Expired(_) => "expired",
            Self::NotAuthorized(_) => "not_authorized",
            Self::TooLarge(_) => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Throttled { .. } => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal_error",
        }
    }
}

/// For where nobody names a version: there, somebody else's change in between is no mistake of the caller's.
pub(crate) fn busy_if_stale(outcome: Result<()>) -> Result<()> {
    outcome.map_err(|error| match error {
        Error::Stale => Error::Busy,
        other => other,
    })
}

fn any_of(rights: &[Right]) -> String {
    let scopes: Vec<_> = rights.iter().map(ToString::to_string).collect();
    scopes.join(" or ")
}

/// The things that can be missing or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    Connection,
    ConnectionName,
    Slug,
    Server,
    Tenant,
    Workspace,
    Member,
    ApiKey,
    UserConnection,
    Authorization,
    Session,
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connection => "connection",
            Self::ConnectionName => "name",
            Self::Slug => "slug",
            Self::Server => "server",
            Self::Tenant => "tenant",
            Self::Workspace => "workspace",
            Self::Member => "workspace user",
            Self::ApiKey => "API key",
            Self::UserConnection => "user's connection",
            Self::Authorization => "authorization",
            Self::Session => "session",
        })
    }
}
