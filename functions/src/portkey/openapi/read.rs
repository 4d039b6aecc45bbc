//! `GET /v1/openapi.json`: the description of what we serve of Portkey's API, for everybody.

use shared::error::Result;

use crate::{
    edge::{Function, Kind, Reply},
    openapi::document,
    portkey::VOCABULARY,
};

pub const FUNCTION: Function = Function {
    name: "portkey-openapi-read",
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
