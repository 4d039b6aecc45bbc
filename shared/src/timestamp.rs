//! A moment, in milliseconds since the Unix epoch, written as `2026-03-25T12:00:00.000Z`.

use std::{fmt, str::FromStr};

use crate::text::ParseError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment with millisecond precision. The domain never asks for the current one: it is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, as DynamoDB's time to live wants them.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole minutes since the epoch: the unit of the time wheel.
    pub const fn minute(self) -> i64 {
        self.0.div_euclid(60_000)
    }

    pub const fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000)
    }

    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }

    pub const fn from_minute(minute: i64) -> Self {
        Self(minute * 60_000)
    }

    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * 1000)
    }

    /// Milliseconds from `earlier` to this moment; zero when it lies in the future.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let passed = self.0 - earlier.0;
        if passed < 0 { 0 } else { passed }
    }

    /// Reads RFC 3339 of any precision and offset.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of the calendar's range only when a stored row was tampered with; the epoch is a visible answer to that.
        let moment = OffsetDateTime::from_unix_timestamp(self.seconds())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(UtcOffset::UTC);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            self.0.rem_euclid(1000),
        )
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text).ok_or(ParseError(
            "must be a date and time like 2026-03-25T12:00:00.000Z",
        ))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_milliseconds_and_read_back() {
        let moment = Timestamp::from_millis(1_774_440_000_007);
        assert_eq!(moment.to_string(), "2026-03-25T12:00:00.007Z");
        assert_eq!(Timestamp::parse("2026-03-25T12:00:00.007Z"), Some(moment));
        assert_eq!(
            Timestamp::parse("2026-03-25T14:00:00.007+02:00"),
            Some(moment)
        );
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn counts_downwards_before_the_epoch() {
        assert_eq!(Timestamp::from_millis(-1).minute(), -1);
        assert_eq!(
            Timestamp::from_millis(-1).to_string(),
            "1969-12-31T23:59:59.999Z"
        );
    }
}
