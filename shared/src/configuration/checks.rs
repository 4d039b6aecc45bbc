//! Which members a configuration may have, and of what shape.

use serde_json::Value;

use super::{EXTRA_HEADERS, FORWARDED, HEADERS, IDENTITY, MAX_DEPTH, OAUTH, USER_HEADERS, depth};
use crate::{
    connection::{HeaderName, is_token},
    error::Problem,
};

/// Headers that a configuration may set, though we have values of our own for them, or none.
const USUAL_HEADERS: [&str; 2] = ["cookie", "user-agent"];

pub(super) fn check_member(name: &str, value: &Value, place: &str, problems: &mut Vec<Problem>) {
    if depth(value) > MAX_DEPTH {
        problems.push(Problem::new(place, "is nested too deeply"));
        return;
    }
    match name {
        HEADERS | EXTRA_HEADERS | USER_HEADERS => match value {
            Value::Null => {}
            Value::Object(headers) => {
                let mut seen = Vec::new();
                for (header, value) in headers {
                    let place = format!("{place}/{header}");
                    check_header(header, value, &place, name == EXTRA_HEADERS, problems);
                    let folded = header.to_ascii_lowercase();
                    if seen.contains(&folded) {
                        problems.push(Problem::new(place, "is given twice"));
                    }
                    seen.push(folded);
                }
            }
            _ => problems.push(Problem::new(
                place,
                "must be an object of header names and values",
            )),
        },
        // Names alone: a value here would be shown to everybody, and sent to nobody.
        FORWARDED if !names_headers(value) => problems.push(Problem::new(
            place,
            "must be a list of header names, or an object of mode and headers",
        )),
        IDENTITY if !value.is_null() && !is_plain(value) => problems.push(Problem::new(
            place,
            "must be an object of texts, numbers and lists of texts",
        )),
        // The gateway would ignore the inner one without a word.
        OAUTH if value.get(OAUTH).is_some() => problems.push(Problem::new(
            format!("{place}/{OAUTH}"),
            "must not be nested: give its members one level higher",
        )),
        _ => {}
    }
}

/// A list of header names, each perhaps with the one that it is renamed to; alone, or with a mode.
fn names_headers(value: &Value) -> bool {
    let is_name = |value: &Value| {
        value
            .as_str()
            .is_some_and(|name| is_token(name) && name.len() <= 128)
    };
    let is_item = |item: &Value| match item {
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| ["from", "to"].contains(&name.as_str()) && is_name(value)),
        item => is_name(item),
    };
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| items.iter().all(is_item))
    };
    match value {
        Value::Null => true,
        Value::Object(members) => members.iter().all(|(name, value)| match name.as_str() {
            "mode" => matches!(value.as_str(), Some("allowlist" | "all-except")),
            "headers" => is_list(value),
            _ => false,
        }),
        value => is_list(value),
    }
}

/// An object with nothing in it that is deeper than a list of texts.
fn is_plain(value: &Value) -> bool {
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    value.as_object().is_some_and(|members| {
        members.values().all(|value| {
            is_scalar(value)
                || value
                    .as_array()
                    .is_some_and(|items| items.iter().all(is_scalar))
        })
    })
}

fn check_header(
    name: &str,
    value: &Value,
    place: &str,
    is_extra: bool,
    problems: &mut Vec<Problem>,
) {
    let is_usual = USUAL_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    if let Err(problem) = HeaderName::try_from(name.to_owned())
        && !is_usual
    {
        problems.push(Problem::new(place, problem.0));
    }
    match value {
        // Portkey's document describes such a header where it gives an example. What is no text is kept and not sent.
        value if is_extra && !value.is_string() => {}
        Value::String(text) if text.is_empty() => {
            problems.push(Problem::new(place, "must not be empty"))
        }
        // A line break would begin a header of its own.
        Value::String(text)
            if !text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic()) =>
        {
            problems.push(Problem::new(place, "must be visible ASCII"));
        }
        Value::String(text) if text.trim() != text => {
            problems.push(Problem::new(place, "must not begin or end with a space"));
        }
        Value::String(_) => {}
        _ => problems.push(Problem::new(place, "must be a string")),
    }
}
