//! Samples of the headers that users bring: values that an administrator gives, so that the server can be checked and its tools be known
//! before anybody uses it. They are for checks alone; no user's call is made with them.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    configuration::{Configuration, USER_HEADERS},
    connection::{Connection, HeaderName, Method},
    credential::Secret,
    error::{Error, Problem, Result},
    text::Document,
};

/// A credential with samples in it, and its shape.
pub struct Sampled {
    pub secret: Secret,
    pub shape: Document,
}

/// The credential of a connection with these samples in place of those that were there. A [`MASK`](crate::configuration::MASK) keeps the
/// sample that is stored.
///
/// They have to be those that users are asked for, all of them and no others: with less nothing is proven, and more would be sent by
/// nobody.
pub fn laid_over(
    row: &Connection,
    stored: Option<&Secret>,
    given: Map<String, Value>,
) -> Result<Sampled> {
    if row.auth.method() != Method::PerUserHeaders {
        return Err(Error::invalid(
            "/auth_type",
            "is not per_user_headers, so users bring no headers that there could be samples of",
        ));
    }
    let unfit = unfit_names(&given, &row.details.gateway.per_user_header_keys);
    if !unfit.is_empty() {
        return Err(Error::Invalid(unfit));
    }
    let member = Map::from_iter([(USER_HEADERS.to_owned(), Value::Object(given))]);
    let kept = Configuration::of(&row.auth, stored)?;
    let configuration = Configuration::parse(member, "")?.over(&kept, "")?;
    let shape = configuration.shape();
    let text = Zeroizing::new(configuration.into_document().to_string());
    let secret = Secret::document(&text)
        .map_err(|problem| Error::invalid(format!("/{USER_HEADERS}"), problem))?;
    Ok(Sampled { secret, shape })
}

/// What is wrong with the names of samples: those that are missing, and those that nobody is asked for.
pub fn unfit_names(given: &Map<String, Value>, keys: &[HeaderName]) -> Vec<Problem> {
    let problem = |name: &str, problem| Problem::new(format!("/{USER_HEADERS}/{name}"), problem);
    let is_given = |key: &HeaderName| {
        let mut names = given.keys();
        names.any(|name| name.eq_ignore_ascii_case(key.as_str()))
    };
    let is_asked_for = |name: &str| {
        let mut keys = keys.iter();
        keys.any(|key| name.eq_ignore_ascii_case(key.as_str()))
    };
    let missing = keys.iter().filter(|key| !is_given(key));
    let missing = missing.map(|key| problem(key.as_str(), "is required"));
    let others = given.keys().filter(|name| !is_asked_for(name));
    let others = others.map(|name| problem(name, "is not one of per_user_header_keys"));
    missing.chain(others).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::configuration::MASK;

    fn row(method: &str, keys: &[&str]) -> Connection {
        serde_json::from_value(json!({
            "tenant": uuid::Uuid::nil(), "id": uuid::Uuid::nil(), "name": "n", "serverUrl": "https://mcp.example.com/mcp", "enabled": true,
            "auth": { "type": "configured", "method": method }, "details": { "gateway": { "perUserHeaderKeys": keys } },
            "checkInterval": 300, "createdAt": "2026-03-25T12:00:00.000Z", "updatedAt": "2026-03-25T12:00:00.000Z", "version": 1, "revision": 1, "epoch": 0,
        }))
        .unwrap()
    }

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn problems(outcome: Result<Sampled>) -> Vec<String> {
        match outcome.err() {
            Some(Error::Invalid(problems)) => problems
                .iter()
                .map(|problem| format!("{} {}", problem.field, problem.problem))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn samples_stand_beside_the_headers_for_everybody() {
        let row = row("per_user_headers", &["x-user-key", "x-tenant"]);
        let shared = Secret::document(r#"{"custom_headers":{"X-All":"all"}}"#).unwrap();
        let given = json!({ "X-User-Key": "mine", "x-tenant": "acme" });
        let sampled = laid_over(&row, Some(&shared), members(given)).unwrap();
        let stored: Value = serde_json::from_str(sampled.secret.expose()).unwrap();
        assert_eq!(
            stored,
            json!({ "custom_headers": { "X-All": "all" }, "user_headers": { "X-User-Key": "mine", "x-tenant": "acme" } })
        );
        assert_eq!(
            sampled.shape.0,
            json!({ "custom_headers": { "X-All": MASK }, "user_headers": { "X-User-Key": MASK, "x-tenant": MASK } })
        );
        let again = json!({ "x-user-key": MASK, "x-tenant": "other" });
        let sampled = laid_over(&row, Some(&sampled.secret), members(again)).unwrap();
        let sent = Configuration::of(&row.auth, Some(&sampled.secret)).unwrap();
        let sent: Vec<_> = sent
            .sent_headers()
            .into_iter()
            .map(|(name, value)| format!("{name}: {}", *value))
            .collect();
        assert_eq!(sent, ["x-all: all", "x-tenant: other", "x-user-key: mine"]);
    }

    #[test]
    fn all_that_users_bring_is_needed_and_nothing_else() {
        let row = row("per_user_headers", &["x-user-key", "x-tenant"]);
        let problems = |given: Value| problems(laid_over(&row, None, members(given)));
        assert_eq!(
            problems(json!({ "x-other": "o" })),
            [
                "/user_headers/x-user-key is required",
                "/user_headers/x-tenant is required",
                "/user_headers/x-other is not one of per_user_header_keys",
            ]
        );
        assert_eq!(
            problems(json!({ "x-user-key": "", "x-tenant": "line\nbreak" })),
            [
                "/user_headers/x-tenant must be visible ASCII",
                "/user_headers/x-user-key must not be empty",
            ]
        );
        assert_eq!(
            problems(json!({ "x-user-key": "k", "X-User-Key": "k", "x-tenant": "t" })),
            ["/user_headers/x-user-key is given twice"]
        );
        assert_eq!(
            problems(json!({ "x-user-key": MASK, "x-tenant": "t" })),
            ["/user_headers/x-user-key is masked, and no value is stored for it"]
        );
        assert_eq!(
            problems(json!({ "x-user-key": "k".repeat(61_440), "x-tenant": "t" })),
            ["/user_headers must be at most 61440 bytes as JSON"]
        );
    }

    #[test]
    fn who_brings_nothing_needs_no_samples() {
        for method in ["headers", "oauth_auto", "none"] {
            let outcome = laid_over(&row(method, &[]), None, Map::new());
            assert!(problems(outcome)[0].starts_with("/auth_type is not per_user_headers"));
        }
    }
}
