//! Secret values as Bifrost's clients write them: plain texts or objects around one, and the placeholder that stands for what is stored.

use serde_json::{Map, Value};
use shared::configuration::MASK;

use crate::fields::Fields;

/// What is shown in place of every secret. Sent back, it keeps what is stored.
pub const REDACTED: &str = "<REDACTED>";

/// Takes headers, with [`MASK`] where a value is to stay. None that could be sent is both.
pub fn headers(fields: &mut Fields, name: &str) -> Option<Map<String, Value>> {
    let given = fields.object(name)?;
    let mut headers = Map::new();
    for (header, value) in given {
        match secret(value) {
            Ok(text) => {
                headers.insert(header, text.into());
            }
            Err(problem) => fields.problem(&format!("{name}/{header}"), problem),
        }
    }
    Some(headers)
}

/// Takes a text that newer clients wrap into an object.
pub fn text(fields: &mut Fields, name: &str) -> Option<String> {
    match plain(fields.value(name)?) {
        Ok(text) => Some(text),
        Err(problem) => {
            fields.problem(name, problem);
            None
        }
    }
}

/// A secret, or [`MASK`] for the placeholder.
pub fn secret(value: Value) -> Result<String, &'static str> {
    let text = plain(value)?;
    if text == REDACTED {
        return Ok(MASK.to_owned());
    }
    if is_placeholder(&text) {
        return Err(
            "looks like a damaged placeholder: send <REDACTED> to keep what is stored, or the whole value",
        );
    }
    Ok(text)
}

fn plain(value: Value) -> Result<String, &'static str> {
    const ELSEWHERE: &str =
        "names a secret kept elsewhere, which cannot be read here: give the value itself";
    let text = match value {
        Value::String(text) => text,
        Value::Object(members) => {
            let is_reference = members.get("from_env") == Some(&Value::Bool(true))
                || matches!(
                    members.get("type").and_then(Value::as_str),
                    Some("env" | "vault")
                );
            if is_reference {
                return Err(ELSEWHERE);
            }
            match members.get("value") {
                Some(Value::String(text)) => text.clone(),
                _ => return Err("must have a string in value"),
            }
        }
        _ => return Err("must be a string"),
    };
    if text.starts_with("env.") || text.starts_with("vault.") {
        return Err(ELSEWHERE);
    }
    Ok(text)
}

/// Whether a text is a placeholder, or looks like what somebody made of one, ours or Bifrost's own: stored, it would be a lost secret.
pub fn is_placeholder(text: &str) -> bool {
    let is_star = |character| character == '*';
    text.to_ascii_lowercase().contains("redacted")
        || (!text.is_empty() && text.chars().all(is_star))
        || text.contains("********")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_a_text_or_an_object_around_one() {
        for (given, read) in [
            (json!("Bearer abc"), "Bearer abc"),
            (
                json!({ "value": "abc", "env_var": "", "from_env": false }),
                "abc",
            ),
            (
                json!({ "value": "abc", "ref": "", "type": "plain_text" }),
                "abc",
            ),
            (json!(REDACTED), MASK),
            (json!({ "value": REDACTED }), MASK),
            (json!("a*b**c"), "a*b**c"),
        ] {
            assert_eq!(secret(given.clone()).as_deref(), Ok(read), "{given}");
        }
    }

    #[test]
    fn what_is_no_secret_any_more_is_not_stored_as_one() {
        for given in [
            json!("REDACTED"),
            json!("<REDACTED"),
            json!("<redacted>"),
            json!("Bearer <REDACTED>"),
            json!("<REDACTED> "),
            json!("*"),
            json!("********"),
            json!("Bear************************cret"),
            json!("env.TOKEN"),
            json!("vault.path/to"),
            json!({ "value": "", "env_var": "TOKEN", "from_env": true }),
            json!({ "value": "x", "ref": "p", "type": "vault" }),
            json!({ "ref": "p" }),
            json!(7),
            json!(null),
        ] {
            assert!(secret(given.clone()).is_err(), "{given}");
        }
    }
}
