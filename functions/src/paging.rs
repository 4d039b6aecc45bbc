//! Pages: `limit` and `cursor` in the query, the next page in the header `Link`, so that a list stays a bare array.

use std::{fmt::Display, str::FromStr};

use shared::{
    ParseError,
    error::{Error, Result},
    signing::Signer,
};

use crate::{
    edge::{Call, Reply},
    fields::Fields,
};

/// How many items a page may have.
pub struct Limit(usize);

impl TryFrom<u32> for Limit {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, ParseError> {
        match number {
            1..=500 => Ok(Self(number as usize)),
            _ => Err(ParseError("must be between 1 and 500")),
        }
    }
}

pub struct Paging {
    pub limit: usize,
    cursor: Option<String>,
}

impl Paging {
    pub fn read(query: &mut Fields) -> Self {
        let limit = query.number::<Limit>("limit");
        Self {
            limit: limit.map_or(100, |limit| limit.0),
            cursor: query.text("cursor"),
        }
    }

    /// Pages of the largest size, for lists that leave it to us.
    pub fn whole(query: &mut Fields) -> Self {
        Self {
            limit: 500,
            cursor: query.text("cursor"),
        }
    }

    /// Where the page begins: what the cursor says, if it was made for this tenant and this listing.
    pub fn position<P: FromStr>(
        &self,
        call: &Call,
        signer: &Signer,
        listing: &str,
    ) -> Result<Option<P>> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let position = signer
            .position(call.tenant(), listing, cursor)
            .and_then(|position| position.parse().ok());
        position
            .map(Some)
            .ok_or_else(|| Error::invalid("cursor", "is not one that was handed out for this list"))
    }
}

/// Adds the way to the next page, where there is one.
pub fn link_next(
    reply: Reply,
    call: &Call,
    signer: &Signer,
    listing: &str,
    next: Option<impl Display>,
) -> Reply {
    match next {
        None => reply,
        Some(position) => {
            let cursor = signer.cursor(call.tenant(), listing, &position.to_string());
            reply.with(
                "link",
                format!("<{}>; rel=\"next\"", call.address_at(&cursor)),
            )
        }
    }
}
