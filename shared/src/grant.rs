//! What a user was given when he let the gateway act for him: the authorization server's answer with the tokens in it, and the registration of
//! the client that asked for them, without which they cannot be renewed.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    credential::Secret,
    error::{Error, Problem, Result},
};

const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";
/// Where a client's registration may stand. Portkey's gateway has the second name for it.
const REGISTRATIONS: [&str; 2] = ["client_info", "client_metadata"];

/// Tokens and registration, secrets all of them. It cannot be printed or serialized.
#[derive(Clone)]
pub struct Grant(Map<String, Value>);

impl Grant {
    /// Reads what a caller gave: whatever an authorization server says stays as it is. No problem quotes a value.
    pub fn parse(given: Map<String, Value>) -> Result<Self> {
        let members: Map<_, _> = given
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect();
        let mut problems = Vec::new();
        if !members.contains_key(ACCESS_TOKEN) {
            problems.push(Problem::new("/access_token", "is required"));
        }
        for name in [ACCESS_TOKEN, REFRESH_TOKEN] {
            if members
                .get(name)
                .is_some_and(|token| token.as_str().is_none_or(str::is_empty))
            {
                problems.push(Problem::new(
                    format!("/{name}"),
                    "must be a string, and not empty",
                ));
            }
        }
        for name in REGISTRATIONS {
            if members.get(name).is_some_and(|value| !value.is_object()) {
                problems.push(Problem::new(format!("/{name}"), "must be an object"));
            }
        }
        if problems.is_empty() {
            Ok(Self(members))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// What is stored.
    pub fn of(secret: &Secret) -> Result<Self> {
        match serde_json::from_str(secret.expose()) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            // Not serde's own words, which could quote the value.
            _ => Err(Error::internal("stored tokens cannot be read")),
        }
    }

    /// The same with the registration that was stored before, where there is no new one: renewed tokens come without.
    #[must_use]
    pub fn after(mut self, stored: &Self) -> Self {
        if !REGISTRATIONS.iter().any(|name| self.0.contains_key(*name)) {
            for name in REGISTRATIONS {
                if let Some(kept) = stored.0.get(name) {
                    self.0.insert(name.to_owned(), kept.clone());
                }
            }
        }
        self
    }

    pub fn secret(&self) -> Result<Secret> {
        let text = serde_json::to_string(&self.0)
            .map(Zeroizing::new)
            .map_err(|_| Error::internal("tokens cannot be written"))?;
        Secret::document(&text).map_err(|problem| Error::invalid("", problem))
    }

    /// The tokens as the authorization server gave them. For nobody but the gateway.
    pub fn reveal_tokens(&self) -> Value {
        let mut members = self.0.clone();
        for name in REGISTRATIONS {
            members.remove(name);
        }
        // Portkey's client for Python reads this one as a string only.
        if let Some(moment @ Value::Number(_)) = members.get_mut("expires_at") {
            *moment = moment.to_string().into();
        }
        Value::Object(members)
    }

    /// The client's registration, if it was told. For nobody but the gateway.
    pub fn reveal_client(&self) -> Option<Value> {
        REGISTRATIONS
            .iter()
            .filter_map(|name| self.0.get(*name))
            // What names no client would pass for the registration of one.
            .find(|registration| registration.get("client_id").is_some_and(Value::is_string))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Grant> {
        Grant::parse(value.as_object().unwrap().clone())
    }

    #[test]
    fn tokens_come_back_as_they_were_given() {
        let given = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3600, "scope": "x y", "id_token": "i" });
        let mut told = given.clone();
        told["client_metadata"] = json!({ "client_id": "c", "client_secret": "s" });
        told["refresh_token"] = Value::Null;
        let grant = Grant::of(&parse(&told).unwrap().secret().unwrap()).unwrap();
        assert_eq!(grant.reveal_tokens(), given);
        assert_eq!(
            grant.reveal_client(),
            Some(json!({ "client_id": "c", "client_secret": "s" }))
        );
    }

    #[test]
    fn the_end_of_a_token_is_a_string() {
        for given in [json!(1_774_440_000), json!("1774440000")] {
            let grant = parse(&json!({ "access_token": "a", "expires_at": given })).unwrap();
            assert_eq!(grant.reveal_tokens()["expires_at"], "1774440000");
        }
    }

    #[test]
    fn renewed_tokens_keep_the_registration() {
        let first =
            parse(&json!({ "access_token": "a", "client_info": { "client_id": "c" } })).unwrap();
        let renewed = parse(&json!({ "access_token": "b" }))
            .unwrap()
            .after(&first);
        assert_eq!(renewed.reveal_tokens(), json!({ "access_token": "b" }));
        assert_eq!(renewed.reveal_client(), Some(json!({ "client_id": "c" })));
        let again = parse(&json!({ "access_token": "d", "client_metadata": { "client_id": "e" } }))
            .unwrap();
        assert_eq!(
            again.after(&renewed).reveal_client(),
            Some(json!({ "client_id": "e" }))
        );
    }

    #[test]
    fn what_names_no_client_is_no_registration() {
        let grant =
            parse(&json!({ "access_token": "a", "client_metadata": { "scope": "x" } })).unwrap();
        assert_eq!(grant.reveal_client(), None);
    }

    #[test]
    fn problems_quote_nothing() {
        for (given, told) in [
            (json!({}), vec!["/access_token"]),
            (json!({ "access_token": null }), vec!["/access_token"]),
            (
                json!({ "access_token": "", "refresh_token": 7, "client_info": "s3cret" }),
                vec!["/access_token", "/refresh_token", "/client_info"],
            ),
        ] {
            let Err(Error::Invalid(problems)) = parse(&given) else {
                panic!("{given}")
            };
            let fields: Vec<_> = problems
                .iter()
                .map(|problem| problem.field.as_str())
                .collect();
            assert_eq!(fields, told);
            assert!(
                problems
                    .iter()
                    .all(|problem| !problem.problem.contains("s3cret"))
            );
        }
    }
}
