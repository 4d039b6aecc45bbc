//! What we hand out and want back unaltered: cursors. And what we want to recognise without keeping it: requests.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{ports::Idempotency, tenant::TenantId, timestamp::Timestamp};

const TAG_BYTES: usize = 16;
/// An idempotency key is remembered this long.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;

/// Signs with one key of the deployment.
#[derive(Clone)]
pub struct Signer {
    key: Zeroizing<String>,
}

impl Signer {
    pub fn new(key: String) -> Self {
        Self {
            key: Zeroizing::new(key),
        }
    }

    /// A cursor for `position`, bound to the tenant and to `listing`: what is listed and by which filter.
    pub fn cursor(&self, tenant: TenantId, listing: &str, position: &str) -> String {
        let mut bytes =
            self.tag(&["cursor", &tenant.to_string(), listing, position])[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor; nothing when it was altered, or made for another tenant or another listing.
    pub fn position(&self, tenant: TenantId, listing: &str, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES)?;
        let position = std::str::from_utf8(position).ok()?;
        let expected = self.tag(&["cursor", &tenant.to_string(), listing, position]);
        let genuine = subtle::ConstantTimeEq::ct_eq(&expected[..TAG_BYTES], tag);
        bool::from(genuine).then(|| position.to_owned())
    }

    /// What is kept of a request with an idempotency key. The fingerprint is keyed because the body may hold a secret.
    pub fn idempotency(
        &self,
        tenant: TenantId,
        operation: &str,
        key: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Idempotency {
        let body = hex(&Sha256::digest(body));
        Idempotency {
            key: hex(&Sha256::digest(format!("{operation}\n{key}"))),
            fingerprint: hex(&self.tag(&["request", &tenant.to_string(), operation, &body])),
            expires_at: now.plus_seconds(REMEMBERED_SECONDS),
        }
    }

    fn tag(&self, parts: &[&str]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else {
            return Vec::new();
        };
        for part in parts {
            // The length keeps two parts from being read as two others.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn tenant(n: u128) -> TenantId {
        TenantId::new(Uuid::from_u128(n))
    }

    fn signer_of(key: &str) -> Signer {
        Signer::new(key.to_owned())
    }

    #[test]
    fn a_cursor_is_good_for_one_tenant_and_one_listing() {
        let signer = signer_of("a signing key of 32 characters .");
        let cursor = signer.cursor(tenant(1), "connections?status=error", "42");
        assert_eq!(
            signer
                .position(tenant(1), "connections?status=error", &cursor)
                .as_deref(),
            Some("42")
        );
        assert_eq!(
            signer.position(tenant(2), "connections?status=error", &cursor),
            None
        );
        assert_eq!(signer.position(tenant(1), "connections", &cursor), None);
        assert_eq!(
            signer_of("another signing key, 32 characters").position(
                tenant(1),
                "connections?status=error",
                &cursor
            ),
            None
        );
    }

    proptest! {
        #[test]
        fn an_altered_cursor_is_refused(position in "[ -~]{0,40}", at: prop::sample::Index, with in "[A-Za-z0-9_-]") {
            let signer = signer_of("a signing key of 32 characters .");
            let cursor = signer.cursor(tenant(1), "connections", &position);
            let at = at.index(cursor.len());
            let altered = format!("{}{with}{}", &cursor[..at], &cursor[at + 1..]);
            prop_assume!(altered != cursor);
            // The last character can carry bits that decode to nothing; a strict decoder refuses those too.
            prop_assert_eq!(signer.position(tenant(1), "connections", &altered), None);
        }

        #[test]
        fn garbage_is_no_cursor(text in ".{0,60}") {
            prop_assert_eq!(signer_of("a signing key of 32 characters .").position(tenant(1), "connections", &text), None);
        }
    }

    #[test]
    fn a_request_is_recognised_by_key_operation_and_body() {
        let signer = signer_of("a signing key of 32 characters .");
        let now = Timestamp::from_millis(0);
        let record = |tenant_id, operation, key, body: &str| {
            signer.idempotency(tenant(tenant_id), operation, key, body.as_bytes(), now)
        };
        let first = record(1, "create", "k", "{}");
        assert_eq!(first, record(1, "create", "k", "{}"));
        assert_eq!(first.key, record(1, "create", "k", "{ }").key);
        assert_ne!(
            first.fingerprint,
            record(1, "create", "k", "{ }").fingerprint
        );
        assert_ne!(first.key, record(1, "delete", "k", "{}").key);
        assert_eq!(first.expires_at, now.plus_seconds(86_400));
    }
}
