//! Opens connections to the endpoint: TCP, and TLS with the client certificate that a case wants shown.
//!
//! The server is verified with the authority that the caller names, and nothing else. A client certificate is shown as it is, unread: rustls
//! refuses to load the X.509 version 1 certificates that the vendor's own openssl steps make, so a resolver of our own hands them over.
//! Bounded by the run's patience; whatever fails is told in one line.

use super::Endpoint;
use crate::conformance::identities::Certificate;
use crate::tls::pem;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::{ResolvesClientCert, Resumption};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};

/// What MQTT is spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// How to reach one endpoint.
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    tls: Option<Tls>,
}

struct Tls {
    roots: Arc<RootCertStore>,
    server: ServerName<'static>,
    provider: Arc<CryptoProvider>,
}

impl Dialer {
    /// For TLS, `ca` has to name a file.
    pub(super) fn new(
        endpoint: Endpoint,
        ca: Option<&Path>,
        server_name: Option<&str>,
    ) -> Result<Self, String> {
        let tls = if endpoint.tls {
            let ca = ca.ok_or(
                "the server cannot be verified: give `ca` in the identities file, or `--ca FILE`",
            )?;
            Some(Tls::new(ca, server_name.unwrap_or(&endpoint.host))?)
        } else {
            None
        };
        Ok(Self { endpoint, tls })
    }

    /// A connection, with its certificate where there is one and TLS is spoken.
    pub(super) async fn dial(
        &self,
        certificate: Option<&Certificate>,
        patience: Duration,
    ) -> Result<Box<dyn Stream>, String> {
        let within = timeout(patience, self.open(certificate)).await;
        within.unwrap_or_else(|_| Err(format!("no connection within {} ms", patience.as_millis())))
    }

    async fn open(&self, certificate: Option<&Certificate>) -> Result<Box<dyn Stream>, String> {
        let Endpoint { host, port, .. } = &self.endpoint;
        let stream = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| error.to_string())?;
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let connector = TlsConnector::from(Arc::new(tls.config(certificate)?));
        let stream = connector.connect(tls.server.clone(), stream).await;
        Ok(Box::new(stream.map_err(|error| {
            format!("the TLS handshake fails: {error}")
        })?))
    }
}

impl Tls {
    fn new(ca: &Path, server: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for root in pem::certificates(ca).map_err(|error| error.to_string())? {
            let added = roots.add(root);
            added.map_err(|error| format!("`{}` verifies no server: {error}", ca.display()))?;
        }
        let server = ServerName::try_from(server.to_owned());
        Ok(Self {
            roots: Arc::new(roots),
            server: server.map_err(|_| {
                "the server's name is neither a host name nor an address".to_owned()
            })?,
            provider: Arc::new(aws_lc_rs::default_provider()),
        })
    }

    fn config(&self, certificate: Option<&Certificate>) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                builder.with_client_cert_resolver(Arc::new(self.shown(certificate)?))
            }
        };
        // A resumed session would carry the certificate of another connection's handshake.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn shown(&self, certificate: &Certificate) -> Result<Shown, String> {
        let key = self
            .provider
            .key_provider
            .load_private_key(certificate.key.clone_key());
        let key = key.map_err(|error| format!("the client's key cannot be used: {error}"))?;
        let shown = CertifiedKey::new(certificate.chain.clone(), key);
        Ok(Shown(Arc::new(shown)))
    }
}

/// Shows its certificate whoever asks, whatever its version.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
