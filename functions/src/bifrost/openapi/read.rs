//! `GET /api/mcp/openapi.json`: the description of what we serve of Bifrost's API, for everybody.

use shared::error::Result;

use crate::{
    bifrost::VOCABULARY,
    edge::{Function, Kind, Reply},
    openapi::document,
};

pub const FUNCTION: Function = Function {
    name: "bifrost-openapi-read",
    kind: Kind::Open {
        vocabulary: &VOCABULARY,
        handler: |_, _| Box::pin(handle()),
    },
};

/// Written by hand, and held against every answer of the tests.
const DOCUMENT: &str = include_str!("../openapi.json");

async fn handle() -> Result<Reply> {
    Ok(document(DOCUMENT))
}
