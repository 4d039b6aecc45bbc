//! Slugs: the readable names that stand in addresses and that nothing changes later.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::ParseError;

/// 1 to 255 letters, digits, `-` and `_`. Two that differ in case alone are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Slug(String);

/// What is made from a name is no longer than this, so that a tail still fits where 50 are allowed.
const MADE_CHARACTERS: usize = 40;

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two slugs that count as the same have in common.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// A slug for a thing of this name: its letters and digits, small, with hyphens between the words. `fallback` where the name has none
    /// that fit, or too few.
    pub fn from_name(name: &str, fallback: &str) -> Self {
        let mut made = String::new();
        for character in name.chars() {
            if made.len() >= MADE_CHARACTERS {
                break;
            }
            if character.is_ascii_alphanumeric() {
                made.push(character.to_ascii_lowercase());
            } else if !made.is_empty() && !made.ends_with('-') {
                made.push('-');
            }
        }
        let made = made.trim_end_matches('-');
        Self(if made.len() < 3 { fallback } else { made }.to_owned())
    }

    /// The same with a tail, for when the plain one is taken.
    #[must_use]
    pub fn with_tail(&self, random: u128) -> Self {
        Self(format!("{}-{:06x}", self.0, random & 0xff_ffff))
    }
}

impl TryFrom<String> for Slug {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > 255 {
            return Err(ParseError("must be 1 to 255 characters"));
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(ParseError("must match ^[a-zA-Z0-9_-]+$"));
        }
        // Where a slug may stand, an id may stand as well.
        if uuid::Uuid::parse_str(&text).is_ok() {
            return Err(ParseError("must not have the form of a UUID"));
        }
        Ok(Self(text))
    }
}

/// How a request names a thing that has both an id and a slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<Id> {
    Id(Id),
    Slug(Slug),
}

impl<Id: FromStr> FromStr for Reference<Id> {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => Slug::try_from(text.to_owned())
                .map(Self::Slug)
                .map_err(|_| ParseError("must be a UUID or a slug")),
        }
    }
}

impl<Id: FromStr> TryFrom<String> for Reference<Id> {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::WorkspaceId;

    #[test]
    fn a_slug_has_no_character_that_an_address_would_escape() {
        for bad in [
            "",
            "a b",
            "é",
            "a/b",
            "a.b",
            "01890000-0000-7000-8000-000000000001",
            &"x".repeat(256),
        ] {
            assert!(Slug::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        for good in ["a", "Git_Hub-1", &"x".repeat(255)] {
            assert!(Slug::try_from(good.to_owned()).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_slug_is_made_from_a_name() {
        for (name, slug) in [
            ("GitHub (production)", "github-production"),
            ("  a  b  c ", "a-b-c"),
            ("日本語", "server"),
            ("x", "server"),
            (
                &"long ".repeat(60),
                "long-long-long-long-long-long-long-long",
            ),
        ] {
            let made = Slug::from_name(name, "server");
            assert_eq!(made.as_str(), slug);
            assert_eq!(Slug::try_from(made.as_str().to_owned()), Ok(made.clone()));
            let tailed = made.with_tail(0x1234_5678);
            assert_eq!(tailed.as_str(), format!("{slug}-345678"));
            assert!(tailed.as_str().len() <= 50);
        }
    }

    #[test]
    fn a_reference_is_an_id_where_it_can_be_one() {
        let id = "01890000-0000-7000-8000-000000000001";
        assert!(matches!(
            id.parse::<Reference<WorkspaceId>>(),
            Ok(Reference::Id(_))
        ));
        assert!(matches!(
            "ws-main".parse::<Reference<WorkspaceId>>(),
            Ok(Reference::Slug(_))
        ));
        assert!("no slug".parse::<Reference<WorkspaceId>>().is_err());
    }
}
