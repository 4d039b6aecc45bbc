//! What must hold, over the whole stack. One binary, so that it is linked once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agreement;
mod bifrost;
mod canary;
mod concurrency;
mod crashes;
mod emulators;
mod model;
mod native;
mod oauth;
mod openapi;
mod portkey;
mod prober;
mod rights;
mod schedule;
mod storage;
mod tenancy;
mod tidy;
