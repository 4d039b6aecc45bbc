//! What only a gateway that calls tools acts on: kept with a connection and given back, and of no matter to checks.

use serde::{Deserialize, Serialize};

use crate::{
    connection::{CheckInterval, HeaderName, is_token},
    text::{Document, ParseError},
};

/// How a gateway is to treat a connection. What is absent nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySettings {
    /// Tools are offered as code to be written instead of one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_mode: Option<bool>,
    /// The gateway's own monitor may use `ping`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping: Option<bool>,
    /// Minutes between two looks at the tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_sync_minutes: Option<SyncMinutes>,
    /// Seconds that one call of a tool may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_timeout_seconds: Option<ToolTimeout>,
    /// One connection for all calls, instead of one for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_stickiness: Option<bool>,
    /// Headers of a caller's own that are handed on.
    #[serde(skip_serializing_if = "ForwardedHeaders::is_empty")]
    pub allowed_extra_headers: ForwardedHeaders,
    /// Dollars for one call, by tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_pricing: Option<Document>,
    /// The headers that each user brings values of his own for, in small letters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_user_header_keys: Vec<HeaderName>,
}

impl GatewaySettings {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Minutes, 0 to 10,080: a week. 0 leaves it to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct SyncMinutes(u32);

impl SyncMinutes {
    pub const fn minutes(self) -> u32 {
        self.0
    }

    /// How often a check looks at the tools then: every minute at the most, and every hour at the least. 0 is the usual interval.
    pub fn check_interval(self) -> CheckInterval {
        let seconds = match self.0 {
            0 => return CheckInterval::default(),
            minutes => minutes.saturating_mul(60).min(3600),
        };
        CheckInterval::try_from(seconds).unwrap_or_default()
    }

    pub const fn nanoseconds(self) -> u64 {
        self.0 as u64 * 60_000_000_000
    }
}

impl TryFrom<u32> for SyncMinutes {
    type Error = ParseError;

    fn try_from(minutes: u32) -> Result<Self, ParseError> {
        match minutes {
            0..=10_080 => Ok(Self(minutes)),
            _ => Err(ParseError("is in minutes, and must be between 0 and 10080")),
        }
    }
}

/// Seconds, 0 to 86,400: a day. 0 leaves it to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct ToolTimeout(u32);

impl ToolTimeout {
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ToolTimeout {
    type Error = ParseError;

    fn try_from(seconds: u32) -> Result<Self, ParseError> {
        match seconds {
            0..=86_400 => Ok(Self(seconds)),
            _ => Err(ParseError("is in seconds, and must be between 0 and 86400")),
        }
    }
}

/// Names of headers: none, any (`["*"]`), or these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForwardedHeaders(Vec<String>);

impl ForwardedHeaders {
    pub fn parse(names: Vec<String>) -> Result<Self, ParseError> {
        if names.len() > 100 {
            return Err(ParseError("must have at most 100 names"));
        }
        if names.len() > 1 && names.iter().any(|name| name == "*") {
            return Err(ParseError("must have * alone, or names"));
        }
        let is_whole = |name: &String| name == "*" || !name.contains('*');
        if !names
            .iter()
            .all(|name| is_token(name) && is_whole(name) && name.len() <= 128)
        {
            return Err(ParseError("must have valid HTTP header names"));
        }
        let mut folded: Vec<_> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        folded.sort_unstable();
        folded.dedup();
        if folded.len() < names.len() {
            return Err(ParseError("must not name a header twice, in whatever case"));
        }
        Ok(Self(names))
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_in_nanoseconds_is_no_interval_in_minutes() {
        assert_eq!(
            SyncMinutes::try_from(10).map(SyncMinutes::nanoseconds),
            Ok(600_000_000_000)
        );
        assert!(SyncMinutes::try_from(600_000_000).is_err());
        for (minutes, seconds) in [(0, 300), (1, 60), (60, 3600), (10_080, 3600)] {
            let interval = SyncMinutes::try_from(minutes).map(SyncMinutes::check_interval);
            assert_eq!(interval.map(CheckInterval::seconds), Ok(seconds));
        }
        assert!(ToolTimeout::try_from(86_401).is_err());
    }

    #[test]
    fn forwarded_headers_are_any_or_these() {
        let parse = |names: &[&str]| {
            ForwardedHeaders::parse(names.iter().map(|name| (*name).to_owned()).collect())
        };
        for good in [&[][..], &["*"], &["X-Trace", "x-user"]] {
            assert!(parse(good).is_ok(), "{good:?}");
        }
        for bad in [&["*", "x"][..], &["x-*"], &["X", "x"], &["a b"], &[""]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
