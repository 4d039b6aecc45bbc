//! What a server says to whoever comes without a token (RFC 9728, 5.1): where its metadata is, and which scopes it wants.

use http::{HeaderMap, header};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) resource_metadata: Option<String>,
    pub(super) scope: Option<String>,
}

impl Challenge {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            let parameter = |name| parameter(text, name);
            found.resource_metadata = found
                .resource_metadata
                .or_else(|| parameter("resource_metadata"));
            found.scope = found.scope.or_else(|| parameter("scope"));
        }
        found
    }
}

/// The value of a parameter, quoted or not.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let at = rest.find(name)?;
        // Only a whole name counts, and none within a quoted value.
        let before = &rest[..at];
        let is_whole = before
            .chars()
            .next_back()
            .is_none_or(|last| last == ' ' || last == ',');
        let is_outside = text[..text.len() - rest.len() + at]
            .matches('"')
            .count()
            .is_multiple_of(2);
        rest = &rest[at + name.len()..];
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            continue;
        };
        if !is_whole || !is_outside {
            continue;
        }
        let value = value.trim_start();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([',', ' ']).next(),
        };
        return value.filter(|value| !value.is_empty()).map(str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> (Option<String>, Option<String>) {
        let headers =
            HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_static(value))]);
        let found = Challenge::of(&headers);
        (found.resource_metadata, found.scope)
    }

    #[test]
    fn parameters_are_found_wherever_they_stand() {
        let url = Some("https://mcp.example.com/x".to_owned());
        for (value, expected) in [
            (
                r#"Bearer resource_metadata="https://mcp.example.com/x""#,
                (url.clone(), None),
            ),
            (
                r#"Bearer error="invalid_token", scope="a b", resource_metadata="https://mcp.example.com/x""#,
                (url.clone(), Some("a b".to_owned())),
            ),
            (
                "Bearer resource_metadata=https://mcp.example.com/x, scope=a",
                (url.clone(), Some("a".to_owned())),
            ),
            (
                r#"Bearer realm="resource_metadata=https://evil.example", resource_metadata = "https://mcp.example.com/x""#,
                (url, None),
            ),
            (r#"Bearer xscope="a""#, (None, None)),
            ("Bearer scope=", (None, None)),
            (
                r#"Bearer scope="unclosed"#,
                (None, Some("unclosed".to_owned())),
            ),
            ("scope", (None, None)),
            ("", (None, None)),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
    }
}
