//! Trying again, where the SDK takes for final what passes by itself.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::failure::is_conflict;

/// How often something is tried.
pub(crate) const ATTEMPTS: u32 = 5;
/// The longest pause before the second attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends a write again when it met another one on the same item: the SDK takes that for final.
pub(crate) async fn patiently<T, E, Sent>(
    send: impl Fn() -> Sent,
) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata,
    Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    for attempt in 1..ATTEMPTS {
        match send().await {
            Err(error) if is_conflict(&error) => pause(attempt).await,
            settled => return settled,
        }
    }
    send().await
}

/// Waits before the attempt after this one, for a random time, so that those who met do not meet again.
pub(crate) async fn pause(attempt: u32) {
    // The standard library's only source of randomness; to spread attempts it is good enough.
    let random = RandomState::new().hash_one(attempt) as u32;
    let longest = PAUSE * 2_u32.pow(attempt - 1);
    tokio::time::sleep(longest.mul_f64(f64::from(random) / f64::from(u32::MAX))).await;
}
