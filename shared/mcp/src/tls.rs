//! TLS as a public client does it, with nothing that a check could inherit from another.

use std::{io, sync::Arc};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use shared::verdict::Reason;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

/// The public authorities and `extra`. Building it parses every root, so it is done once and not before it is needed.
pub(crate) fn connector(extra: &[CertificateDer<'static>]) -> Result<TlsConnector, Reason> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in extra {
        roots.add(root.clone()).map_err(|_| Reason::InternalError)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Reason::InternalError)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session shows no certificate, so we would not notice that it has expired; and it would tie one tenant's checks
    // to another's.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
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
