//! `Retry-After`: seconds, or one of the three forms of an HTTP date.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header::RETRY_AFTER};
use time::{PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// The seconds that an answer asks for; nothing when it does not say or cannot be understood.
pub(crate) fn seconds(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a date on the wire is measured against the machine's clock, as TLS certificates are"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    parse(value, i64::try_from(now).ok()?)
}

const IMF_FIXDATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
/// Obsolete since 1994, still to be accepted by the letter of RFC 9110. The year has two digits and is put right by [`four_digits`].
const RFC_850: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday], [day]-[month repr:short]-[year] [hour]:[minute]:[second] GMT");

fn parse(value: &str, now: i64) -> Option<u32> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", not "never mind".
        return Some(value.parse().unwrap_or(u32::MAX));
    }
    let date = PrimitiveDateTime::parse(value, IMF_FIXDATE)
        .or_else(|_| PrimitiveDateTime::parse(value, ASCTIME))
        .or_else(|error| PrimitiveDateTime::parse(&four_digits(value).ok_or(error)?, RFC_850))
        .ok()?;
    let left = date.assume_utc().unix_timestamp().saturating_sub(now);
    Some(u32::try_from(left.max(0)).unwrap_or(u32::MAX))
}

/// `Sunday, 06-Nov-94 …` with the century that is meant: this one, since nobody asks us to wait for one that is over.
fn four_digits(value: &str) -> Option<String> {
    let (day, rest) = value.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    Some(format!("{day}-{month}-20{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T12:00:00Z, a Sunday.
    const NOW: i64 = 1_795_348_800;

    #[test]
    fn reads_seconds_and_dates() {
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999", Some(u32::MAX)),
            ("Sun, 22 Nov 2026 12:01:00 GMT", Some(60)),
            ("Sunday, 22-Nov-26 12:00:05 GMT", Some(5)),
            ("Sun Nov 22 13:00:00 2026", Some(3600)),
            ("Wed Nov  4 12:00:00 2026", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
        ] {
            assert_eq!(parse(value, NOW), expected, "{value}");
        }
    }

    #[test]
    fn anything_else_says_nothing() {
        for value in [
            "",
            "-1",
            "+5",
            "1.5",
            "soon",
            "1e3",
            "Sun, 22 Nov 2026",
            "Sun, 22 Nov 2026 12:01:00 CET",
            "Xxx, 99 Zzz 2026 99:99:99 GMT",
            "--",
            "\u{0661}",
        ] {
            assert_eq!(parse(value, NOW), None, "{value}");
        }
    }
}
