//! `tls_config` of a client: an authority of one's own, and whether anybody has to vouch for the server at all.

use serde_json::{Value, json};
use shared::trust::{Authorities, Trust};

use super::clients::values;
use crate::fields::Fields;

const NAME: &str = "tls_config";
const SKIP: &str = "insecure_skip_verify";
const AUTHORITY: &str = "ca_cert_pem";

/// Takes `tls_config`; nothing where it is absent, and then nothing is said of it. What is given replaces all that was said before, so
/// `{}` is what holds where nothing is said.
pub fn read(fields: &mut Fields) -> Option<Trust> {
    fields.nested(NAME, |fields| {
        fields.drop_nulls(&[]);
        // An empty text is none; an empty list is no text.
        if !fields.is_list(AUTHORITY) {
            fields.drop_blank(&[AUTHORITY]);
        }
        let ca = values::text(fields, AUTHORITY).and_then(|pem| {
            fields.put(AUTHORITY, pem.into());
            fields.text::<Authorities>(AUTHORITY)
        });
        let skip_verification = fields.flag(SKIP).unwrap_or(false);
        Some(Trust {
            ca,
            skip_verification,
        })
    })
}

/// Shows it; null where nothing is said. A certificate is no secret, and is shown as the certificate that it is.
pub fn shown(trust: &Trust) -> Value {
    if trust.is_public() {
        return Value::Null;
    }
    json!({
        SKIP: trust.skip_verification,
        AUTHORITY: trust.ca.as_ref().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    use shared::error::{Error, Result};

    use super::*;

    const ACME: &str = include_str!("../../../shared/src/trust/tests/acme.pem");

    fn take(body: Value) -> Result<Option<Trust>> {
        let mut fields = Fields::of_body(body.as_object().cloned().unwrap_or_default());
        let trust = read(&mut fields);
        fields.finish(Some(trust))
    }

    #[test]
    fn what_is_read_is_shown() {
        let said = json!({ SKIP: true, AUTHORITY: ACME });
        let trust = take(json!({ NAME: said })).unwrap().unwrap();
        assert!(trust.skip_verification && trust.ca.is_some());
        assert_eq!(shown(&trust), said);
        let own = take(json!({ NAME: { AUTHORITY: ACME } })).unwrap().unwrap();
        assert_eq!(shown(&own), json!({ SKIP: false, AUTHORITY: ACME }));
        for nothing in [
            json!({}),
            json!({ SKIP: false }),
            json!({ SKIP: null, AUTHORITY: "" }),
            json!({ SKIP: false, AUTHORITY: { "value": "", "env_var": "", "from_env": false } }),
            json!({ AUTHORITY: { "value": "", "ref": "", "type": "plain_text" } }),
        ] {
            let public = take(json!({ NAME: nothing })).unwrap().unwrap();
            assert_eq!(shown(&public), Value::Null);
        }
        let wrapped =
            json!({ NAME: { AUTHORITY: { "value": ACME, "ref": "", "type": "plain_text" } } });
        assert_eq!(
            shown(&take(wrapped).unwrap().unwrap()),
            json!({ SKIP: false, AUTHORITY: ACME })
        );
        assert!(take(json!({})).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (said, field) in [
            (json!("ca"), "/tls_config"),
            (json!({ SKIP: "yes" }), "/tls_config/insecure_skip_verify"),
            (json!({ SKIP: "" }), "/tls_config/insecure_skip_verify"),
            (json!({ AUTHORITY: [] }), "/tls_config/ca_cert_pem"),
            (
                json!({ AUTHORITY: "env.COMPANY_CA" }),
                "/tls_config/ca_cert_pem",
            ),
            (
                json!({ AUTHORITY: { "ref": "COMPANY_CA", "type": "env" } }),
                "/tls_config/ca_cert_pem",
            ),
            (json!({ "min_version": "1.3" }), "/tls_config/min_version"),
        ] {
            let Err(Error::Invalid(problems)) = take(json!({ NAME: said })) else {
                panic!("{said} was accepted")
            };
            let fields: Vec<_> = problems.iter().map(|problem| &problem.field).collect();
            assert_eq!(fields, [field]);
        }
    }
}
