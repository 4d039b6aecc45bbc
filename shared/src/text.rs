//! What the nouns share: ids that are uuids, texts for people, JSON that is kept as it is, and the reason why a text does not fit its type.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// Declares an id that is a uuid on the wire. Every noun has its own, so that no two can be confused.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            pub const fn new(id: uuid::Uuid) -> Self {
                Self(id)
            }

            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::text::ParseError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse().map_err(|_| crate::text::ParseError("must be a UUID"))
            }
        }
    };
}
pub(crate) use uuid_id;

/// Why a text is not what its type demands: a sentence to follow the field's name, such as "must not be empty".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError(pub &'static str);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseError {}

/// A name for people: 1 to 255 characters, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Label(String);

impl Label {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.trim().is_empty()
            || text.chars().count() > 255
            || text.chars().any(char::is_control)
        {
            return Err(ParseError(
                "must be 1 to 255 characters, without control characters",
            ));
        }
        Ok(Self(text))
    }
}

/// A text for people of at most so many characters, on several lines if need be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().count() > MAX {
            return Err(format!("must be at most {MAX} characters"));
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err("must not contain control characters".to_owned());
        }
        Ok(Self(text))
    }
}

/// JSON that is kept and given back as it came, stored as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub Value);

impl Eq for Document {}

impl Document {
    /// An object with these members in place of those it had under the same names; null takes one away. None is left where it has no members.
    pub fn amended(before: Option<&Self>, changes: &Map<String, Value>) -> Option<Self> {
        let mut members = match before {
            Some(Self(Value::Object(members))) => members.clone(),
            _ => Map::new(),
        };
        for (name, value) in changes {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
        (!members.is_empty()).then_some(Self(Value::Object(members)))
    }

    /// One of its members.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(de::Error::custom)
    }
}
