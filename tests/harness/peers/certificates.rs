//! An authority of our own and the certificates it signs: good ones, and such that a client must refuse.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

/// The certificate a peer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For `localhost` and 127.0.0.1.
    Good,
    /// The same, until 2001.
    Expired,
    /// The same, from 2200.
    NotYetValid,
    /// For a name that is not ours.
    WrongName,
    /// For the right names, signed by itself.
    SelfSigned,
    /// The good one, shown by somebody who does not have its key.
    Stolen,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

static AUTHORITY: OnceLock<Authority> = OnceLock::new();

fn authority() -> &'static Authority {
    AUTHORITY.get_or_init(new_authority)
}

fn new_authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid list");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key()).expect("a fresh key signs")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the platform has randomness")
}

/// The certificate of the authority, to be trusted in tests.
pub fn root() -> CertificateDer<'static> {
    AsRef::<rcgen::Certificate>::as_ref(authority())
        .der()
        .clone()
}

/// The same as a text.
pub fn root_pem() -> String {
    AsRef::<rcgen::Certificate>::as_ref(authority()).pem()
}

/// The certificate of another authority, which has signed nothing.
pub fn other_root_pem() -> String {
    AsRef::<rcgen::Certificate>::as_ref(&new_authority()).pem()
}

/// Speaks TLS with a certificate.
pub(super) fn acceptor(certificate: Certificate) -> TlsAcceptor {
    let names = match certificate {
        Certificate::WrongName => vec!["elsewhere.example".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let mut params = CertificateParams::new(names).expect("the names are valid");
    match certificate {
        Certificate::Expired => {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        Certificate::NotYetValid => {
            params.not_before = date_time_ymd(2200, 1, 1);
            params.not_after = date_time_ymd(2201, 1, 1);
        }
        _ => {}
    }
    let key = key();
    let signed = if certificate == Certificate::SelfSigned {
        params.self_signed(&key)
    } else {
        params.signed_by(&key, authority())
    }
    .expect("a fresh key signs");
    let key = if certificate == Certificate::Stolen {
        self::key()
    } else {
        key
    };
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a fresh key is a key");
    let private = ring::sign::any_supported_type(&private).expect("ring makes such keys");
    // Whether they belong together is asked by nobody but the client.
    let shown = CertifiedKey::new(vec![signed.der().clone()], private);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks every version")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
