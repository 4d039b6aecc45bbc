//! What we hand out and want back unaltered: cursors, and tokens that stand for one thing of a tenant's. And what we want to recognise or to know again without keeping it:
//! requests, and secrets made from an id.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
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

    /// Stands for something of a tenant's where there is no key to say whose it is. Good for one purpose alone.
    pub fn token(&self, purpose: &str, tenant: TenantId, id: Uuid) -> String {
        let mut bytes = tenant.uuid().as_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend(self.tag(&["token", purpose, &tenant.to_string(), &id.to_string()]));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token stands for; nothing when it was altered, or made for another purpose.
    pub fn stands_for(&self, purpose: &str, token: &str) -> Option<(TenantId, Uuid)> {
        const ID_BYTES: usize = 16;
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tenant, rest) = bytes.split_at_checked(ID_BYTES)?;
        let (id, _) = rest.split_at_checked(ID_BYTES)?;
        let tenant = TenantId::new(Uuid::from_slice(tenant).ok()?);
        let id = Uuid::from_slice(id).ok()?;
        let expected = self.token(purpose, tenant, id);
        let genuine = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), token.as_bytes());
        bool::from(genuine).then_some((tenant, id))
    }

    /// 256 bits that nobody without the key can know, as 43 characters, always the same for one thing and one purpose.
    pub fn derived(&self, purpose: &str, tenant: TenantId, id: Uuid) -> Zeroizing<String> {
        let bytes = self.tag(&["derived", purpose, &tenant.to_string(), &id.to_string()]);
        Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes))
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
    fn a_token_stands_for_one_thing_and_one_purpose() {
        let signer = signer_of("a signing key of 32 characters .");
        let id = Uuid::from_u128(9);
        let token = signer.token("state", tenant(1), id);
        assert_eq!(signer.stands_for("state", &token), Some((tenant(1), id)));
        assert_eq!(signer.stands_for("start", &token), None);
        let other = signer_of("another signing key, 32 characters");
        assert_eq!(other.stands_for("state", &token), None);
        for altered in [
            signer.token("state", tenant(2), id)[..64].to_owned() + &token[64..],
            token[..token.len() - 1].to_owned(),
            format!("{token}A"),
            String::new(),
        ] {
            assert_eq!(signer.stands_for("state", &altered), None, "{altered}");
        }
    }

    #[test]
    fn what_is_derived_is_always_the_same_and_never_for_another() {
        let signer = signer_of("a signing key of 32 characters .");
        let id = Uuid::from_u128(9);
        let first = signer.derived("verifier", tenant(1), id);
        assert_eq!(first.len(), 43);
        assert_eq!(first, signer.derived("verifier", tenant(1), id));
        assert_ne!(first, signer.derived("other", tenant(1), id));
        assert_ne!(first, signer.derived("verifier", tenant(2), id));
        assert_ne!(
            first,
            signer.derived("verifier", tenant(1), Uuid::from_u128(8))
        );
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
