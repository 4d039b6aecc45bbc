//! What becomes of a stored credential when a connection changes whom it believes.

use serde_json::json;

use super::*;
use crate::trust::{Authorities, Trust};

const ACME: &str = include_str!("../trust/tests/acme.pem");

fn authority() -> Authorities {
    Authorities::try_from(ACME.to_owned()).unwrap()
}

/// A row with a bearer token, or with none.
fn row(trust: &Trust, has_credential: bool) -> Connection {
    let url = ServerUrl::try_from("https://mcp.example.com/mcp".to_owned()).unwrap();
    let auth = if has_credential { "bearer" } else { "none" };
    let mut row: Connection = serde_json::from_value(json!({
        "tenant": uuid::Uuid::nil(), "id": uuid::Uuid::nil(), "name": "n", "serverUrl": url, "auth": { "type": auth }, "enabled": true,
        "checkInterval": 300, "createdAt": "2026-03-25T12:00:00.000Z", "updatedAt": "2026-03-25T12:00:00.000Z", "version": 1, "revision": 1, "epoch": 0,
        "details": { "trust": trust },
    }))
    .unwrap();
    row.credential = has_credential.then(|| CredentialRef {
        version: CredentialVersion::new(uuid::Uuid::nil()),
        origin: url.origin(),
        updated_at: row.created_at,
    });
    row
}

fn wanted(row: &Connection, trust: &Trust) -> Wanted {
    let mut wanted = Wanted::like(row);
    wanted.details.trust = trust.clone();
    wanted
}

fn own() -> Trust {
    Trust {
        ca: Some(authority()),
        ..Trust::PUBLIC
    }
}

fn anybody() -> Trust {
    Trust {
        skip_verification: true,
        ..Trust::PUBLIC
    }
}

#[test]
fn a_stored_credential_goes_to_nobody_who_was_not_believed() {
    for wider in [own(), anybody()] {
        let before = row(&Trust::PUBLIC, true);
        let change = Change::between(&before, &mut wanted(&before, &wider));
        assert!(
            matches!(change, Err(Error::CredentialRequired)),
            "{wider:?}"
        );
        let mut again = wanted(&before, &wider);
        again.secret = Given::Secret(Secret::parse("again".to_owned()).unwrap());
        let change = Change::between(&before, &mut again);
        assert!(matches!(change, Ok(Change::Replace(_))), "{wider:?}");
        let open = row(&Trust::PUBLIC, false);
        let change = Change::between(&open, &mut wanted(&open, &wider));
        assert!(matches!(change, Ok(Change::Keep)), "{wider:?}");
    }
}

#[test]
fn to_believe_less_keeps_the_credential() {
    for before in [own(), anybody()] {
        let before = row(&before, true);
        let change = Change::between(&before, &mut wanted(&before, &Trust::PUBLIC));
        assert!(matches!(change, Ok(Change::Keep)), "{before:?}");
    }
    // Where the operator has taken it back, nobody is believed but the public authorities, whatever the row says.
    let before = row(&anybody(), true);
    let change = Change::between(&before, &mut wanted(&before, &own()));
    assert!(matches!(change, Err(Error::CredentialRequired)));
}

#[test]
fn another_trust_is_another_target_and_on_record() {
    let before = row(&own(), true);
    let after = before.changed_to(
        &wanted(&before, &Trust::PUBLIC),
        before.credential.clone(),
        before.created_at,
    );
    assert_eq!(after.epoch, before.epoch + 1);
    assert_eq!(after.fields_unlike(&before), ["tls_config"]);
    assert_eq!(after.details.shape, before.details.shape);
    let same = before.changed_to(
        &wanted(&before, &own()),
        before.credential.clone(),
        before.created_at,
    );
    assert_eq!(same.epoch, before.epoch);
    assert!(same.fields_unlike(&before).is_empty());
}
