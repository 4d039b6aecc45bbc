//! The clock and the randomness of what stands in for AWS here. The product's own code gets both through its ports.

use std::time::SystemTime;

use uuid::Uuid;

#[expect(
    clippy::disallowed_methods,
    reason = "the emulated services keep their own time, as AWS does"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the emulated services make up their own ids, as AWS does"
)]
pub fn id() -> Uuid {
    Uuid::new_v4()
}
