//! The refusals of Secrets Manager, under the names by which its clients know them.

/// Why an operation was refused. The text is what AWS says, or says in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The secret, or the asked version of it, does not exist.
    NotFound(String),
    Exists(String),
    InvalidParameter(String),
    /// The parameters are fine, but not in the state that the secret is in.
    InvalidRequest(String),
    /// The request does not satisfy the constraints of the interface.
    Validation(String),
    InvalidNextToken,
    LimitExceeded(String),
    MalformedPolicy(String),
    Serialization(String),
    UnknownOperation,
    MissingAuthentication,
    TooLarge,
    Internal(String),
}

impl Failure {
    /// The exception's name on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::Exists(_) => "ResourceExistsException",
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::InvalidRequest(_) => "InvalidRequestException",
            Self::Validation(_) => "ValidationException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::MalformedPolicy(_) => "MalformedPolicyDocumentException",
            Self::Serialization(_) => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::MissingAuthentication => "MissingAuthenticationTokenException",
            Self::TooLarge => "RequestEntityTooLargeException",
            Self::Internal(_) => "InternalServiceError",
        }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::NotFound(text)
            | Self::Exists(text)
            | Self::InvalidParameter(text)
            | Self::InvalidRequest(text)
            | Self::Validation(text)
            | Self::LimitExceeded(text)
            | Self::MalformedPolicy(text)
            | Self::Serialization(text)
            | Self::Internal(text) => text,
            Self::InvalidNextToken => "Invalid pagination token",
            Self::UnknownOperation => "The operation is unknown here.",
            Self::MissingAuthentication => "Missing Authentication Token",
            Self::TooLarge => "The request is too large.",
        }
    }

    pub(super) fn secret_missing() -> Self {
        Self::NotFound("Secrets Manager can't find the specified secret.".to_owned())
    }

    pub(super) fn marked_for_deletion() -> Self {
        Self::InvalidRequest(
            "You can't perform this operation on the secret because it was marked for deletion."
                .to_owned(),
        )
    }
}
