//! What becomes of a connection's authentication when a configuration is given for it, new or in place of what is stored.

use serde_json::{Map, Value};

use crate::{
    configuration::Configuration,
    connection::{
        Connection, ConnectionName, Details, MAX_DESCRIPTION, Method, ServerUrl, Transport,
    },
    credential::Secret,
    error::{Error, Result},
    oauth::held::Held,
    registry::{Given, Knowing, Wanted},
    text::{Document, Text},
    trust::Trust,
};

/// Where problems of a configuration are.
const FIELD: &str = "/configurations";

/// What a new connection is to be.
pub struct Draft {
    pub name: ConnectionName,
    pub url: ServerUrl,
    pub method: Method,
    pub transport: Transport,
    pub description: Option<Text<MAX_DESCRIPTION>>,
    pub configuration: Option<Map<String, Value>>,
    pub secret_mappings: Option<Document>,
}

impl Draft {
    pub fn into_wanted(self) -> Result<Wanted> {
        self.holding(None)
    }

    /// The same with what is arranged for OAuth.
    pub fn holding(self, held: Option<&Held>) -> Result<Wanted> {
        let given = Configuration::parse(self.configuration.unwrap_or_default(), FIELD)?;
        // A mask keeps what is stored, and nothing is.
        let mut configuration = given.over(&Configuration::empty(), FIELD)?;
        if let Some(held) = held {
            configuration = configuration.holding(held)?;
        }
        let shape = shape(&configuration);
        let (auth, secret) = configuration.into_auth(self.method)?;
        Ok(Wanted {
            details: Details {
                description: self.description,
                transport: self.transport,
                shape,
                secret_mappings: self.secret_mappings,
                ..Details::default()
            },
            ..Wanted::new(self.name, self.url, auth, secret.into())
        })
    }
}

/// A change of a connection: what is absent stays.
#[derive(Default)]
pub struct Edit {
    pub name: Option<ConnectionName>,
    pub url: Option<ServerUrl>,
    pub method: Option<Method>,
    pub transport: Option<Transport>,
    pub description: Option<Option<Text<MAX_DESCRIPTION>>>,
    pub configuration: Option<Map<String, Value>>,
    pub secret_mappings: Option<Document>,
    pub trust: Option<Trust>,
}

impl Edit {
    /// What has to be known to make it.
    pub const fn needs(&self) -> Knowing {
        if self.configuration.is_some() || self.method.is_some() {
            Knowing::Credential
        } else {
            Knowing::Row
        }
    }

    /// What the connection becomes. `stored` is its credential, where it has one and it was asked for.
    pub fn apply(&self, row: &Connection, stored: Option<&Secret>) -> Result<Wanted> {
        let mut wanted = Wanted::like(row);
        if let Some(name) = &self.name {
            wanted.name = name.clone();
        }
        if let Some(url) = &self.url {
            wanted.server_url = url.clone();
        }
        if let Some(transport) = self.transport {
            wanted.details.transport = transport;
        }
        if let Some(description) = &self.description {
            wanted.details.description.clone_from(description);
        }
        if let Some(trust) = &self.trust {
            wanted.details.trust = trust.clone();
        }
        if let Some(mappings) = &self.secret_mappings {
            wanted.details.secret_mappings = Some(mappings.clone());
        }
        if self.needs() == Knowing::Credential {
            self.reconfigure(row, stored, &mut wanted)?;
        }
        Ok(wanted)
    }

    fn reconfigure(
        &self,
        row: &Connection,
        stored: Option<&Secret>,
        wanted: &mut Wanted,
    ) -> Result<()> {
        let stored_method = row.auth.method();
        // Who says what it is called where he reads it does not want it changed.
        let method = self
            .method
            .filter(|method| *method != stored_method.simplified())
            .unwrap_or(stored_method);
        let kept = Configuration::of(&row.auth, stored)?;
        let given = Configuration::parse(self.configuration.clone().unwrap_or_default(), FIELD)?;
        // No stored value goes to somebody that it was not given for.
        let has_moved = wanted.leads_beyond(row);
        // Samples can be given again whenever somebody wants to, and only there.
        let kept = if has_moved {
            kept.without_samples()
        } else {
            kept
        };
        let kept = match has_moved {
            true if !given.replaces_all_of(&kept) => return Err(Error::CredentialRequired),
            true => Configuration::empty(),
            // Who says that no headers are needed any more does not want them sent.
            false if method == Method::None && self.configuration.is_none() => {
                kept.without_headers()
            }
            false => kept,
        };
        // A token that nothing keeps fresh any more would stand in the way of a header that was given since.
        let configuration = given.over(&kept, FIELD)?.for_method(method);
        wanted.details.shape = shape(&configuration);
        let (auth, secret) = configuration.into_auth(method)?;
        let is_same = |secret: &Secret| {
            auth == row.auth
                && !has_moved
                && stored.is_some_and(|stored| stored.expose() == secret.expose())
        };
        wanted.secret = match secret {
            Some(secret) if is_same(&secret) => Given::Nothing,
            Some(secret) => Given::Secret(secret),
            None if row.credential.is_some() => Given::Removal,
            None => Given::Nothing,
        };
        wanted.auth = auth;
        Ok(())
    }
}

/// The shape of a configuration; none where there is nothing to show.
fn shape(configuration: &Configuration) -> Option<Document> {
    (!configuration.is_empty()).then(|| configuration.shape())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::{configuration::MASK, connection::Auth};

    fn members(value: Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    fn draft(method: Method, configuration: Value) -> Draft {
        Draft {
            name: "n".to_owned().try_into().unwrap(),
            url: "https://mcp.example.com/mcp".to_owned().try_into().unwrap(),
            method,
            transport: Transport::Http,
            description: None,
            configuration: members(configuration),
            secret_mappings: None,
        }
    }

    /// A row with its credential, as a draft makes it.
    fn made(method: Method, configuration: Value) -> (Connection, Option<Secret>) {
        let wanted = draft(method, configuration).into_wanted().unwrap();
        let secret = match wanted.secret {
            Given::Secret(secret) => Some(secret),
            _ => None,
        };
        let mut row: Connection = serde_json::from_value(json!({
            "tenant": uuid::Uuid::nil(), "id": uuid::Uuid::nil(), "name": "n", "serverUrl": wanted.server_url, "auth": wanted.auth, "enabled": true,
            "checkInterval": 300, "createdAt": "2026-03-25T12:00:00.000Z", "updatedAt": "2026-03-25T12:00:00.000Z", "version": 1, "revision": 1, "epoch": 0,
        }))
        .unwrap();
        row.details = wanted.details;
        row.credential = secret.as_ref().map(|_| {
            serde_json::from_value(json!({ "version": uuid::Uuid::nil(), "origin": row.server_url.origin(), "updatedAt": "2026-03-25T12:00:00.000Z" })).unwrap()
        });
        (row, secret)
    }

    fn exposed(wanted: &Wanted) -> Option<&str> {
        match &wanted.secret {
            Given::Secret(secret) => Some(secret.expose()),
            _ => None,
        }
    }

    fn edit(configuration: Option<Value>, method: Option<Method>) -> Edit {
        Edit {
            configuration: configuration.and_then(members),
            method,
            ..Edit::default()
        }
    }

    #[test]
    fn a_new_connection_has_the_credential_that_was_given_and_shows_its_shape() {
        let wanted = draft(
            Method::Headers,
            json!({ "custom_headers": { "Authorization": "Bearer abc" } }),
        )
        .into_wanted()
        .unwrap();
        assert_eq!(
            (&wanted.auth, exposed(&wanted)),
            (&Auth::Bearer, Some("abc"))
        );
        assert_eq!(
            wanted.details.shape.unwrap().0,
            json!({ "custom_headers": { "Authorization": MASK } })
        );
        let bare = draft(Method::Headers, json!({})).into_wanted().unwrap();
        assert!(bare.details.shape.is_none() && matches!(bare.secret, Given::Nothing));
        assert!(matches!(
            draft(Method::Headers, json!({ "token": MASK })).into_wanted(),
            Err(Error::Invalid(_))
        ));
    }

    #[test]
    fn what_is_masked_or_absent_stays_and_what_is_given_counts() {
        let (row, secret) = made(
            Method::Headers,
            json!({ "custom_headers": { "a": "1", "b": "2" }, "token": "t" }),
        );
        let apply = |given: Value| edit(Some(given), None).apply(&row, secret.as_ref());
        let same = apply(json!({ "custom_headers": { "a": MASK, "b": MASK } })).unwrap();
        assert!(matches!(same.secret, Given::Nothing));
        let changed = apply(json!({ "custom_headers": { "a": MASK, "b": "3" } })).unwrap();
        let stored: Value = serde_json::from_str(exposed(&changed).unwrap()).unwrap();
        assert_eq!(
            stored,
            json!({ "custom_headers": { "a": "1", "b": "3" }, "token": "t" })
        );
        let emptied = apply(json!({ "custom_headers": null, "token": null })).unwrap();
        assert!(matches!(emptied.secret, Given::Removal));
        assert!(apply(json!({ "custom_headers": { "new": MASK } })).is_err());
        assert_eq!(edit(None, None).needs(), Knowing::Row);
    }

    #[test]
    fn a_stored_value_stays_at_its_origin() {
        let (row, secret) = made(
            Method::Headers,
            json!({ "custom_headers": { "a": "1", "b": "2" } }),
        );
        let moved = |given: Option<Value>| {
            let url = Some("https://evil.example/mcp".to_owned().try_into().unwrap());
            Edit {
                url,
                ..edit(given, Some(Method::Headers))
            }
            .apply(&row, secret.as_ref())
        };
        for given in [
            None,
            Some(json!({})),
            Some(json!({ "custom_headers": { "a": MASK, "b": "2" } })),
            Some(json!({ "token": "t" })),
        ] {
            assert!(
                matches!(moved(given.clone()), Err(Error::CredentialRequired)),
                "{given:?}"
            );
        }
        assert_eq!(
            exposed(&moved(Some(json!({ "custom_headers": { "a": "9" } }))).unwrap()),
            Some("9")
        );
    }

    /// Who has a stored value sent to a machine that was not believed before could read it there.
    #[test]
    fn a_stored_value_is_not_mixed_into_a_wider_trust() {
        let configuration =
            json!({ "custom_headers": { "a": "1", "b": "2" }, "user_headers": { "u": "sample" } });
        let (row, secret) = made(Method::PerUserHeaders, configuration);
        let trust = Some(Trust {
            skip_verification: true,
            ..Trust::PUBLIC
        });
        let wider = |given: Value| {
            let edit = edit(Some(given), None);
            Edit {
                trust: trust.clone(),
                ..edit
            }
            .apply(&row, secret.as_ref())
        };
        for given in [
            json!({ "custom_headers": { "a": MASK, "b": "3" } }),
            json!({ "custom_headers": { "a": MASK, "b": MASK } }),
            json!({}),
        ] {
            assert!(
                matches!(wider(given.clone()), Err(Error::CredentialRequired)),
                "{given}"
            );
        }
        let again = wider(json!({ "custom_headers": { "a": "1", "b": "2" } })).unwrap();
        let stored: Value = serde_json::from_str(exposed(&again).unwrap()).unwrap();
        assert_eq!(
            stored,
            json!({ "custom_headers": { "a": "1", "b": "2" } }),
            "samples go"
        );
        assert_eq!(Some(again.details.trust), trust);
        let none = wider(json!({ "custom_headers": null })).unwrap();
        assert!(matches!(none.secret, Given::Removal));
    }

    #[test]
    fn another_method_leaves_behind_what_belongs_to_the_one_before() {
        let all = json!({
            "custom_headers": { "a": "1" }, "user_headers": { "u": "sample" }, "oauth": { "client_id": "c" },
        });
        let header = json!({ "custom_headers": { "Authorization": "Bearer new" } });
        for (method, kept) in [
            (Method::Oauth, ["custom_headers", "oauth"].as_slice()),
            (Method::PerUserHeaders, &["custom_headers", "user_headers"]),
            (Method::OauthAuto, &["custom_headers"]),
        ] {
            let (row, _) = made(Method::Headers, json!({ "token": "t" }));
            let stored = Secret::document(&all.to_string()).unwrap();
            let changed = edit(None, Some(method)).apply(&row, Some(&stored)).unwrap();
            let held: Value = serde_json::from_str(exposed(&changed).unwrap()).unwrap();
            let names: Vec<_> = held.as_object().unwrap().keys().collect();
            assert_eq!(names, kept, "{method:?}");
            let shape = changed.details.shape.unwrap().0;
            assert_eq!(shape.as_object().unwrap().len(), kept.len());
        }
        let (mut row, _) = made(Method::Headers, json!({ "token": "t" }));
        row.auth = Auth::Configured {
            method: Method::Oauth,
        };
        let stored = json!({ "oauth": { "client_id": "c" } }).to_string();
        let stored = Secret::document(&stored).unwrap();
        let changed = edit(Some(header), Some(Method::Headers)).apply(&row, Some(&stored));
        let changed = changed.unwrap();
        assert_eq!(
            (&changed.auth, exposed(&changed)),
            (&Auth::Bearer, Some("new"))
        );
    }

    #[test]
    fn another_method_takes_the_stored_configuration_along() {
        let (row, secret) = made(
            Method::Headers,
            json!({ "custom_headers": { "Authorization": "Bearer abc" } }),
        );
        let oauth = edit(None, Some(Method::OauthAuto))
            .apply(&row, secret.as_ref())
            .unwrap();
        assert_eq!(
            oauth.auth,
            Auth::Configured {
                method: Method::OauthAuto
            }
        );
        assert!(exposed(&oauth).unwrap().contains("Bearer abc"));
        let none = edit(None, Some(Method::None))
            .apply(&row, secret.as_ref())
            .unwrap();
        assert_eq!(none.auth, Auth::None);
        assert!(matches!(none.secret, Given::Removal));
        assert!(none.details.shape.is_none());
    }
}
