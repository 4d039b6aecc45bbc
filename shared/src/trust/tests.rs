//! What is accepted as an authority, and when a connection believes more than before.

use super::*;

const ACME: &str = include_str!("tests/acme.pem");
const OTHER: &str = include_str!("tests/other.pem");

fn authorities(pem: &str) -> Authorities {
    Authorities::try_from(pem.to_owned()).unwrap()
}

fn trust(pem: Option<&str>, skip_verification: bool) -> Trust {
    Trust {
        ca: pem.map(authorities),
        skip_verification,
    }
}

#[test]
fn certificates_come_back_in_their_normal_form() {
    assert_eq!(authorities(ACME).to_string(), ACME);
    let both = format!("{ACME}{OTHER}");
    assert_eq!(authorities(&both).certificates().count(), 2);
    let untidy = format!(
        "Subject: CN=Acme\r\npassword: hunter2\n{}\n# the other one\n  {}",
        ACME.replace('\n', "\r\n  "),
        OTHER.trim()
    );
    assert_eq!(authorities(&untidy).to_string(), both);
    let stored = serde_json::json!(authorities(&both));
    assert_eq!(stored, both);
    let read: Authorities = serde_json::from_value(stored).unwrap();
    assert_eq!(read, authorities(&both));
}

#[test]
fn nothing_but_certificates_is_accepted() {
    let key = ACME.replace("CERTIFICATE", "EC PRIVATE KEY");
    let without_end = ACME.replace("-----END CERTIFICATE-----\n", "");
    let cut = |characters: usize| {
        let body: String = ACME.lines().filter(|line| !line.starts_with('-')).collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            &body[..characters]
        )
    };
    let longer = {
        let mut der = authorities(ACME).0.remove(0);
        der.push(0);
        Authorities(vec![der]).to_string()
    };
    for bad in [
        "",
        "env.CA",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        &ACME.replace("MII", "M I!"),
        &ACME.replacen("MII", "AII", 1),
        &key,
        &format!("{ACME}{key}"),
        &without_end,
        &format!("{without_end}{OTHER}"),
        &cut(0),
        &cut(64),
        &cut(512),
        &longer,
        &ACME.repeat(30),
    ] {
        assert!(
            Authorities::try_from(bad.to_owned()).is_err(),
            "accepted {bad}"
        );
    }
}

#[test]
fn no_length_leads_past_the_end() {
    let der = authorities(ACME).0.remove(0);
    assert!(outline::is_certificate(&der));
    for length in 0..der.len() {
        assert!(!outline::is_certificate(&der[..length]), "{length}");
    }
    for bad in [
        &[0x30, 0x80, 0, 0][..],
        &[0x30, 0x83, 0, 0, 0],
        &[0x30, 0x82, 0xff],
        &[0x30],
    ] {
        assert!(!outline::is_certificate(bad), "{bad:?}");
    }
}

#[test]
fn to_believe_somebody_else_is_to_believe_more() {
    let public = Trust::PUBLIC;
    let both = format!("{ACME}{OTHER}");
    for (before, after, wider) in [
        (public.clone(), public.clone(), false),
        (public.clone(), trust(Some(ACME), false), true),
        (public.clone(), trust(None, true), true),
        (trust(Some(ACME), false), public.clone(), false),
        (trust(Some(ACME), false), trust(Some(ACME), false), false),
        (trust(Some(ACME), false), trust(Some(OTHER), false), true),
        (trust(Some(ACME), false), trust(Some(&both), false), true),
        (trust(Some(&both), false), trust(Some(OTHER), false), false),
        (trust(Some(ACME), false), trust(Some(ACME), true), true),
        // That everybody was to be believed does not say that he was.
        (trust(None, true), trust(Some(OTHER), false), true),
        (trust(None, true), trust(Some(OTHER), true), true),
        (trust(None, true), trust(None, true), false),
        (trust(None, true), public.clone(), false),
    ] {
        assert_eq!(after.is_wider_than(&before), wider, "{before:?} {after:?}");
    }
}

/// A row says nothing of it where nothing was said.
#[test]
fn what_is_usual_is_not_stored() {
    assert_eq!(serde_json::json!(Trust::PUBLIC), serde_json::json!({}));
    let said = trust(Some(ACME), true);
    let stored = serde_json::json!(said);
    assert_eq!(
        stored,
        serde_json::json!({ "ca": ACME, "skipVerification": true })
    );
    assert_eq!(serde_json::from_value::<Trust>(stored).unwrap(), said);
}
