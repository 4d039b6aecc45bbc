//! TLS as a public client does it, with nothing that a check could inherit from another.

mod lenient;

use std::{io, sync::Arc};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::{Resumption, WantsClientCert},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName},
};
use shared::{trust::Authorities, verdict::Reason};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

/// Believes the public authorities, `extra`, and those that a connection names.
///
/// The public ones are parsed already, so this takes some 2 µs, which is nothing beside a handshake: nobody need keep one that is made for a
/// single check.
pub(crate) fn connector(
    extra: &[CertificateDer<'static>],
    own: Option<&Authorities>,
) -> Result<TlsConnector, Reason> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in extra {
        roots.add(root.clone()).map_err(|_| Reason::InternalError)?;
    }
    for root in own.into_iter().flat_map(Authorities::certificates) {
        // It has the outline of a certificate, and something in it is not what it should be.
        let added = roots.add(CertificateDer::from_slice(root));
        added.map_err(|_| Reason::TlsInvalid)?;
    }
    Ok(finished(
        begun(Arc::new(ring::default_provider()))?.with_root_certificates(roots),
    ))
}

/// Believes whoever answers, if only he holds the key of the certificate that he shows.
pub(crate) fn lenient() -> Result<TlsConnector, Reason> {
    let provider = Arc::new(ring::default_provider());
    let anybody = Arc::new(lenient::Anybody::new(Arc::clone(&provider)));
    let config = begun(provider)?.dangerous();
    Ok(finished(config.with_custom_certificate_verifier(anybody)))
}

/// TLS 1.2 and 1.3.
fn begun(
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Reason> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Reason::InternalError)
}

fn finished(config: ConfigBuilder<ClientConfig, WantsClientCert>) -> TlsConnector {
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session shows no certificate, so we would not notice that it has expired; and it would tie one tenant's checks
    // to another's.
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// Shakes hands. The name is the one of the URL, whatever address it led to.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    host: &Host<&str>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Reason> {
    let name = match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name).map_err(|_| Reason::TlsInvalid)?
        }
        Host::Ipv4(ip) => ServerName::from(std::net::IpAddr::V4(*ip)),
        Host::Ipv6(ip) => ServerName::from(std::net::IpAddr::V6(*ip)),
    };
    connector
        .connect(name, stream)
        .await
        .map_err(|error| reason(&error))
}

/// Everything that goes wrong in a handshake is the server's TLS, and only one thing has a remedy of its own.
fn reason(error: &io::Error) -> Reason {
    let error = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match error {
        Some(
            rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )
            | rustls::Error::AlertReceived(AlertDescription::CertificateExpired),
        ) => Reason::TlsExpired,
        _ => Reason::TlsInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the domain lets in, we can use.
    #[test]
    fn an_accepted_authority_is_one_that_can_be_believed() {
        let pem = include_str!("../../src/trust/tests/acme.pem").to_owned();
        let own = Authorities::try_from(pem).unwrap();
        assert!(connector(&[], Some(&own)).is_ok());
    }
}
