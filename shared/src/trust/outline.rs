//! The outline of an X.509 certificate (RFC 5280, 4.1), so that what can be none is refused when it is given and not when it is needed.
//!
//! Nothing is believed because of it: whoever checks a server reads the certificate himself.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
/// What stands between the version and the extensions: serial number, algorithm, issuer, validity, subject, key.
const BODY: [u8; 6] = [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE];

/// Whether it has the parts of a certificate, and nothing behind them.
pub(super) fn is_certificate(der: &[u8]) -> bool {
    let outline = || {
        let (whole, behind) = take(der, SEQUENCE)?;
        let (body, rest) = take(whole, SEQUENCE)?;
        let (_, rest) = take(rest, SEQUENCE)?;
        let (_, rest) = take(rest, BIT_STRING)?;
        let mut body = take(body, VERSION).map_or(body, |(_, rest)| rest);
        for tag in BODY {
            (_, body) = take(body, tag)?;
        }
        Some(behind.is_empty() && rest.is_empty())
    };
    outline() == Some(true)
}

/// The content of an element with this tag, and what follows the element.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // Nothing here is longer than two bytes can say, and the shortest way to say it is the only one.
    let (length, rest, least) = match first {
        ..=0x7F => (usize::from(first), rest, 0),
        0x81 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(low), rest, 0x80)
        }
        0x82 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest, 0x100)
        }
        _ => return None,
    };
    (found == tag && length >= least)
        .then(|| rest.split_at_checked(length))
        .flatten()
}
