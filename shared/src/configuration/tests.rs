//! What a configuration may hold, what is shown of it, and what a change keeps.

#![allow(clippy::unwrap_used)]

use super::*;

fn parse(value: Value) -> Result<Configuration> {
    match value {
        Value::Object(members) => Configuration::parse(members, "/configurations"),
        _ => panic!("an object"),
    }
}

fn configuration(value: Value) -> Configuration {
    parse(value).unwrap()
}

fn problems(outcome: Result<Configuration>) -> Vec<String> {
    match outcome.err() {
        Some(Error::Invalid(problems)) => problems
            .iter()
            .map(|problem| format!("{} {}", problem.field, problem.problem))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// A configuration with a secret in every kind of place.
fn full() -> Value {
    json!({
        "custom_headers": { "Authorization": "Basic s3cret-1", "X-Key": "s3cret-2" },
        "passthrough_headers": { "x-static": "s3cret-3" },
        "forward_headers": ["x-user-id"],
        "user_identity_forwarding": { "method": "bearer", "include_claims": ["sub"] },
        "oauth_metadata": { "issuer": "https://id.example", "client_id": "s3cret-4", "client_secret": "s3cret-5", "authorization_params": { "p": "s3cret-6" } },
        "jwt_validation": { "jwksUri": "https://id.example/jwks", "introspectClientSecret": "s3cret-7" },
        "token": "s3cret-8",
        "deep": [{ "x": ["s3cret-9", 4711, true, null] }],
    })
}

/// A mask stands for a value that was given for one place, and does not follow the object to another.
#[test]
fn masked_values_stay_with_the_origin_they_were_given_for() {
    let stored = configuration(json!({
        "oauth_metadata": {
            "token_endpoint": "https://id.example/token", "client_secret": "s3cret",
            "redirect_uris": ["https://gateway.example/back"], "logo_uri": "https://id.example/logo",
        },
        "jwt_validation": { "jwksUri": "https://id.example/jwks", "introspectClientSecret": "s3cret" },
    }));
    let masked = |url: &str| json!({ "token_endpoint": url, "client_secret": MASK });
    for (given, is_kept) in [
        (
            json!({ "oauth_metadata": masked("https://id.example/token") }),
            true,
        ),
        (
            json!({ "oauth_metadata": masked("https://id.example/other?x=1") }),
            true,
        ),
        (
            json!({ "oauth_metadata": masked("https://evil.example/token") }),
            false,
        ),
        (
            json!({ "oauth_metadata": masked("http://id.example/token") }),
            false,
        ),
        (
            json!({ "oauth_metadata": masked("https://id.example:8443/token") }),
            false,
        ),
        (json!({ "oauth_metadata": { "client_secret": MASK } }), true),
        // An address that was not there before.
        (
            json!({ "oauth_metadata": { "revocation_endpoint": "https://evil.example", "client_secret": MASK } }),
            false,
        ),
        (
            json!({ "oauth_metadata": { "redirect_uris": ["https://evil.example"], "client_secret": MASK } }),
            false,
        ),
        // For people to read at.
        (
            json!({ "oauth_metadata": { "logo_uri": "https://cdn.example/logo", "client_secret": MASK } }),
            true,
        ),
        // Of several, those that were there before.
        (
            json!({ "oauth_metadata": { "redirect_uris": ["https://gateway.example/b", "https://gateway.example/a"], "client_secret": MASK } }),
            true,
        ),
        (
            json!({ "oauth_metadata": { "scope": "https://graph.example/.default", "client_secret": MASK } }),
            true,
        ),
        // All of it anew.
        (
            json!({ "oauth_metadata": { "token_endpoint": "https://new.example", "client_secret": "new" } }),
            true,
        ),
        (
            json!({ "jwt_validation": { "introspectEndpoint": "https://evil.example", "introspectClientSecret": MASK } }),
            false,
        ),
    ] {
        let outcome = configuration(given.clone()).over(&stored, "/configurations");
        assert_eq!(outcome.is_ok(), is_kept, "{given}");
        if !is_kept {
            let told = problems(outcome);
            assert!(
                told.len() == 1 && told[0].contains("leads to another origin"),
                "{told:?}"
            );
        }
    }
}

/// What is shown to everybody has room for nothing that could be secret.
#[test]
fn what_is_shown_holds_names_alone() {
    for (given, is_good) in [
        (
            json!({ "forward_headers": ["x-user-id", { "from": "x-a", "to": "x-b" }] }),
            true,
        ),
        (
            json!({ "forward_headers": { "mode": "all-except", "headers": ["cookie"] } }),
            true,
        ),
        (json!({ "forward_headers": null }), true),
        (
            json!({ "forward_headers": { "Authorization": "Bearer s3cret" } }),
            false,
        ),
        (json!({ "forward_headers": ["Bearer s3cret"] }), false),
        (json!({ "forward_headers": "x" }), false),
        (json!({ "forward_headers": { "mode": "s3cret" } }), false),
        (
            json!({ "user_identity_forwarding": { "method": "bearer", "include_claims": ["sub"], "jwt_expiry_seconds": 300 } }),
            true,
        ),
        (
            json!({ "user_identity_forwarding": { "key": { "private": "s3cret" } } }),
            false,
        ),
        (json!({ "user_identity_forwarding": "s3cret" }), false),
    ] {
        assert_eq!(parse(given.clone()).is_ok(), is_good, "{given}");
    }
    let odd = json!({ "oauth_metadata": { "issuer": { "x": "s3cret" } } });
    let odd = configuration(odd);
    assert!(!odd.shape().0.to_string().contains("s3cret"));
    assert_eq!(odd.secrets().len(), 1);
}

#[test]
fn a_configuration_sets_usual_headers_and_keeps_what_it_cannot_send() {
    let given = configuration(json!({
        "custom_headers": { "Cookie": "a=b", "User-Agent": "ours" },
        "passthrough_headers": { "x-user-id": { "type": "string" }, "x-n": 7, "x-text": "t" },
    }));
    let sent: Vec<_> = given.sent_headers().into_keys().collect();
    assert_eq!(sent, ["cookie", "user-agent", "x-text"]);
    for bad in ["host", "content-length", "mcp-method"] {
        assert!(
            parse(json!({ "custom_headers": { bad: "x" } })).is_err(),
            "{bad}"
        );
    }
    assert!(parse(json!({ "custom_headers": { "x-n": 7 } })).is_err());
}

#[test]
fn a_shape_shows_names_and_no_value_that_could_be_secret() {
    let shape = configuration(full()).shape().0;
    let text = shape.to_string();
    assert!(!text.contains("s3cret") && !text.contains("4711"), "{text}");
    assert_eq!(
        shape["custom_headers"],
        json!({ "Authorization": MASK, "X-Key": MASK })
    );
    assert_eq!(shape["forward_headers"], json!(["x-user-id"]));
    assert_eq!(shape["oauth_metadata"]["issuer"], "https://id.example");
    assert_eq!(shape["deep"], json!([{ "x": [MASK, MASK, MASK, null] }]));
    let secrets = configuration(full()).secrets();
    for n in 1..=9 {
        assert!(
            secrets
                .iter()
                .any(|secret| secret.contains(&format!("s3cret-{n}"))),
            "{n}"
        );
    }
    assert!(secrets.iter().all(|secret| secret.contains("s3cret")));
}

#[test]
fn what_was_shown_and_is_sent_back_changes_nothing() {
    let stored = configuration(full());
    let shown = match stored.shape().0 {
        Value::Object(members) => Configuration::parse(members, "/configurations").unwrap(),
        _ => unreachable!(),
    };
    assert_eq!(shown.over(&stored, "/c").unwrap().0, stored.0);
}

#[test]
fn a_change_replaces_what_it_gives_and_keeps_the_rest() {
    let stored = configuration(
        json!({ "custom_headers": { "a": "1", "b": "2" }, "token": "t", "gone": "g" }),
    );
    let change =
        configuration(json!({ "headers": { "A": MASK, "c": "3" }, "gone": null, "new": [1] }));
    let after = change.over(&stored, "/c").unwrap();
    assert_eq!(
        Value::Object(after.0),
        json!({ "custom_headers": { "A": "1", "c": "3" }, "token": "t", "new": [1] })
    );
    let damaged = configuration(json!({ "custom_headers": { "z": MASK }, "deep": { "x": MASK } }));
    assert_eq!(
        problems(damaged.over(&stored, "/c")),
        [
            "/c/custom_headers/z is masked, and no value is stored for it",
            "/c/deep/x is masked, and no value is stored for it"
        ]
    );
}

#[test]
fn both_vocabularies_are_understood_and_the_gateway_gets_its_own() {
    let stored = configuration(
        json!({ "headers": { "x": "1" }, "passthrough_header": { "y": "2" }, "forward_headers": ["z"] }),
    );
    assert_eq!(
        stored.reveal(),
        json!({ "headers": { "x": "1" }, "passthrough_headers": { "y": "2" }, "forward_headers": ["z"] })
    );
    assert_eq!(stored.shape().0["custom_headers"], json!({ "x": MASK }));
    assert_eq!(
        problems(parse(
            json!({ "headers": { "x": "1" }, "custom_headers": { "x": "2" } })
        )),
        ["/configurations/headers is given twice, under two names"]
    );
}

#[test]
fn problems_name_their_place_and_quote_nothing() {
    let outcome = parse(json!({
        "custom_headers": { "Host": "s3cret", "a": 7, "b": "s3cret\r\nx: y", "B": "s3cret", "": "x", "c": "" },
        "passthrough_headers": "s3cret",
        "oauth_metadata": { "oauth_metadata": { "client_id": "s3cret" } },
    }));
    let told = problems(outcome);
    assert!(
        told.iter().all(|problem| !problem.contains("s3cret")),
        "{told:?}"
    );
    for place in [
        "custom_headers/Host ",
        "custom_headers/a ",
        "custom_headers/b ",
        "custom_headers/ ",
        "custom_headers/c ",
        "passthrough_headers ",
        "oauth_metadata/oauth_metadata ",
    ] {
        assert!(
            told.iter()
                .any(|problem| problem.starts_with(&format!("/configurations/{place}"))),
            "{place}: {told:?}"
        );
    }
}

#[test]
fn a_single_header_is_a_token_that_every_vocabulary_can_replace() {
    let auth = |value: Value, method| configuration(value).into_auth(method).unwrap();
    let (bearer, secret) = auth(
        json!({ "custom_headers": { "Authorization": "Bearer abc" } }),
        Method::Headers,
    );
    assert_eq!(
        (bearer.clone(), secret.as_ref().unwrap().expose()),
        (Auth::Bearer, "abc")
    );
    let again = Configuration::of(&bearer, secret.as_ref()).unwrap();
    assert_eq!(
        again.reveal(),
        json!({ "headers": { "Authorization": "Bearer abc" } })
    );
    assert_eq!(again.shape(), shape_of(&bearer));
    let (key, secret) = auth(
        json!({ "custom_headers": { "X-Key": "abc" } }),
        Method::Headers,
    );
    assert_eq!(
        (key.header_name(), secret.unwrap().expose()),
        (Some("x-key"), "abc")
    );
    for (value, method) in [
        (
            json!({ "custom_headers": { "Authorization": "Basic abc" } }),
            Method::Headers,
        ),
        (
            json!({ "custom_headers": { "x": "two words" } }),
            Method::Headers,
        ),
        (
            json!({ "custom_headers": { "x": "1", "y": "2" } }),
            Method::Headers,
        ),
        (
            json!({ "custom_headers": { "x": "1" }, "token": "t" }),
            Method::Headers,
        ),
        (json!({ "custom_headers": { "x": "1" } }), Method::OauthAuto),
        (json!({ "passthrough_headers": { "x": "1" } }), Method::None),
    ] {
        let (made, secret) = auth(value.clone(), method);
        assert_eq!(made, Auth::Configured { method }, "{value}");
        assert_eq!(
            Value::Object(Configuration::of(&made, secret.as_ref()).unwrap().0),
            value
        );
    }
    assert_eq!(
        auth(json!({ "custom_headers": {} }), Method::None).0,
        Auth::None
    );
    let (bare, secret) = auth(json!({}), Method::Headers);
    assert_eq!(
        (bare, secret.is_none()),
        (
            Auth::Configured {
                method: Method::Headers
            },
            true
        )
    );
}

#[test]
fn a_new_origin_is_served_only_by_what_is_given_anew() {
    let stored = configuration(json!({ "custom_headers": { "a": "1" }, "token": "t" }));
    for (given, replaces) in [
        (
            json!({ "custom_headers": { "a": "2" }, "token": "u" }),
            true,
        ),
        (
            json!({ "custom_headers": { "a": "2" }, "token": null }),
            true,
        ),
        (json!({ "custom_headers": { "a": "2" } }), false),
        (
            json!({ "custom_headers": { "a": MASK }, "token": "u" }),
            false,
        ),
    ] {
        assert_eq!(
            configuration(given.clone()).replaces_all_of(&stored),
            replaces,
            "{given}"
        );
    }
}

#[test]
fn both_kinds_of_static_headers_are_sent() {
    let sent = configuration(json!({ "custom_headers": { "X-A": "1", "x-b": "2" }, "passthrough_headers": { "X-B": "3" } })).sent_headers();
    let sent: Vec<_> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(sent, [("x-a", "1"), ("x-b", "3")]);
}

/// Samples of what users bring are sent by checks, shown to nobody, and not handed to the gateway.
#[test]
fn samples_are_for_checks_alone() {
    let given = json!({ "custom_headers": { "x-a": "1" }, "user_headers": { "x-a": "2", "x-b": "s3cret" } });
    let given = configuration(given);
    assert_eq!(
        given.shape().0,
        json!({ "custom_headers": { "x-a": MASK }, "user_headers": { "x-a": MASK, "x-b": MASK } })
    );
    assert_eq!(given.reveal(), json!({ "headers": { "x-a": "1" } }));
    let sent = given.sent_headers();
    assert_eq!((&**sent["x-a"], &**sent["x-b"]), ("2", "s3cret"));
    assert!(
        given
            .secrets()
            .iter()
            .any(|secret| secret.as_str() == "s3cret")
    );
    assert!(given.without_headers().is_empty());
    let bad = parse(json!({ "user_headers": { "Host": "h", "x-a": 1 } }));
    assert_eq!(
        problems(bad),
        [
            "/configurations/user_headers/Host must not be a header that HTTP or MCP uses itself",
            "/configurations/user_headers/x-a must be a string",
        ]
    );
}
