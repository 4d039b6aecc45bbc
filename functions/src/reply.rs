//! What a handler answers.

use serde::Serialize;
use shared::{
    connection::Version,
    error::{Error, Result},
};

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

impl Reply {
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::json(200, body)
    }

    pub fn created(location: String, body: &impl Serialize) -> Result<Self> {
        Ok(Self::json(201, body)?.with("location", location))
    }

    pub const fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn json(status: u16, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body),
        })
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The entity tag that `If-Match` takes back.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        self.with("etag", format!("\"{}\"", version.0))
    }
}
