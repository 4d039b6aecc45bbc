//! An authority of our own and the certificates it signs: good ones, and such that a client must refuse.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
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
}

static AUTHORITY: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();

fn authority() -> &'static CertifiedIssuer<'static, KeyPair> {
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid list");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, key()).expect("a fresh key signs")
    })
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
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a fresh key is a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks every version")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], private)
        .expect("key and certificate belong together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
