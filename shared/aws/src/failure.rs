//! What a failure of AWS means to us. The one place that decides it.

use std::{error::Error as StdError, fmt};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};
use shared::error::Error;

/// Errors that pass by themselves, besides all that have a status of 500 and more.
const PASSING: [&str; 12] = [
    "InternalServerError",
    "InternalServiceError",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// A failure in words, for the log.
///
/// It keeps no part of a request and of an answer only the error's own message, so that nothing secret can be in it.
#[derive(Debug)]
struct AwsFailure {
    code: String,
    message: String,
    request_id: Option<String>,
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for AwsFailure {}

/// Translates what the SDK gave up on, after its own retries.
pub(crate) fn failure<E: ProvideErrorMetadata>(error: SdkError<E, HttpResponse>) -> Error {
    let lost = |code: &str, message: String| AwsFailure {
        code: code.to_owned(),
        message,
        request_id: None,
    };
    match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or("unknown error");
            let passes = answer.raw().status().as_u16() >= 500 || PASSING.contains(&code);
            judge(
                passes,
                AwsFailure {
                    code: code.to_owned(),
                    message: meta.message().unwrap_or("no message").to_owned(),
                    request_id: answer.raw().request_id().map(ToOwned::to_owned),
                },
            )
        }
        SdkError::DispatchFailure(failure) => {
            let chain = failure.as_connector_error().map_or_else(
                || "the request was not sent".to_owned(),
                |error| chain(error),
            );
            judge(true, lost("no connection", chain))
        }
        SdkError::TimeoutError(_) => judge(true, lost("no answer", "gave up waiting".into())),
        SdkError::ResponseError(_) => judge(
            true,
            lost("no answer", "the answer could not be read".into()),
        ),
        _ => judge(
            false,
            lost("no request", "the request could not be built".into()),
        ),
    }
}

/// Whether a write met another one on the same item.
pub(crate) fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        error.code(),
        Some("TransactionConflictException" | "TransactionInProgressException")
    )
}

fn judge(passes: bool, failure: AwsFailure) -> Error {
    if passes {
        Error::Unavailable(Box::new(failure))
    } else {
        Error::internal(failure)
    }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
