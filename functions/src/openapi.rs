//! `GET /openapi.json`: the description of the whole API, for everybody.

use shared::error::Result;

use crate::{
    app::App,
    edge::{Function, Kind, Reply},
    native,
};

pub const FUNCTION: Function = Function {
    name: "openapi",
    kind: Kind::Open {
        vocabulary: &native::VOCABULARY,
        handler: handle,
    },
};

/// Written by hand, and held against every answer of the tests.
const DOCUMENT: &str = include_str!("openapi.json");

fn handle(_: App) -> Result<Reply> {
    Ok(Reply {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: Some(DOCUMENT.into()),
    })
}
