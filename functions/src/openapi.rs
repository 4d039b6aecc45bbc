//! `GET /openapi.json`: the description of the native API, for everybody.

use shared::error::Result;

use crate::{
    edge::{Function, Kind, Reply},
    native,
};

pub const FUNCTION: Function = Function {
    name: "openapi",
    kind: Kind::Open {
        vocabulary: &native::VOCABULARY,
        handler: |_, _| Box::pin(handle()),
    },
};

/// Written by hand, and held against every answer of the tests.
const DOCUMENT: &str = include_str!("openapi.json");

async fn handle() -> Result<Reply> {
    Ok(document(DOCUMENT))
}

/// The answer that is a description, as it is.
pub(crate) fn document(text: &'static str) -> Reply {
    Reply {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: Some(text.into()),
    }
}
