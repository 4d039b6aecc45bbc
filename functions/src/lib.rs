//! How mcp-steward is called: one small file for each Lambda, and what they share.
//!
//! A function does three things in this order: parse, do, answer. [`edge`] is all that knows Lambda, [`app`] is all that knows
//! which adapters there are.

pub mod app;
pub mod authorize;
mod call;
pub mod check_due_connections;
mod context;
pub mod create_tenant;
pub mod edge;
mod fields;
pub mod log;
pub mod native;
pub mod openapi;
mod paging;
mod reply;
pub mod sweep;

pub use edge::run;

use edge::Function;
use mimalloc::MiMalloc;
use native::connections;

/// A warm request allocates over a thousand times. With the C library's allocator that is a quarter of what the request costs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Every Lambda there is. A test holds this table against template.yaml, the binaries and the files.
pub const FUNCTIONS: &[Function] = &[
    authorize::FUNCTION,
    check_due_connections::FUNCTION,
    create_tenant::FUNCTION,
    connections::create::FUNCTION,
    connections::delete::FUNCTION,
    connections::health::FUNCTION,
    connections::list::FUNCTION,
    connections::read::FUNCTION,
    connections::rotate::FUNCTION,
    connections::test::FUNCTION,
    connections::tools::FUNCTION,
    connections::update::FUNCTION,
    openapi::FUNCTION,
    sweep::FUNCTION,
];
