//! The server's side of a handshake, and the server certificate that can be replaced while connections live.
//!
//! On failure of a reload the old certificate stays in use.

use super::{Error, PROVIDER, TrustStore, pem, verifier, verifier::Verifier};
use arc_swap::ArcSwap;
use std::{io, path::Path, path::PathBuf, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor, rustls,
    rustls::{
        ServerConfig, ServerConnection,
        pki_types::CertificateDer,
        server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
        sign::CertifiedKey,
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

/// What the client proved in the handshake.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Leaf first; empty where the client sent no certificate. Possession of the leaf's key is proven, and all are in time.
    pub chain: Vec<CertificateDer<'static>>,
    /// The verified authority it chains to; none for a stranger.
    pub authority: Option<String>,
    /// The host name that the client asked for (SNI). An IP address there is ignored, as the specification has none.
    pub server_name: Option<String>,
}

/// Accepts TLS connections. Clone is cheap; clones share the certificate.
#[derive(Clone)]
pub struct Acceptor {
    trust: TrustStore,
    certificate: Arc<LiveCertificate>,
}

impl Acceptor {
    /// Reads the server's certificate chain and key.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the two do not belong together.
    pub fn new(certificate: &Path, key: &Path, trust: TrustStore) -> Result<Self, Error> {
        let live = LiveCertificate {
            current: ArcSwap::from_pointee(load(certificate, key)?),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Ok(Self {
            trust,
            certificate: Arc::new(live),
        })
    }

    /// The authorities that this acceptor trusts.
    pub fn trust(&self) -> &TrustStore {
        &self.trust
    }

    /// Reads the server's certificate and key again; the next handshake uses them.
    ///
    /// # Errors
    ///
    /// As [`Acceptor::new`]; then the old ones stay in use.
    pub fn reload(&self) -> Result<(), Error> {
        let live = &self.certificate;
        live.current
            .store(Arc::new(load(&live.certificate, &live.key)?));
        Ok(())
    }

    /// The whole handshake; the caller bounds it in time.
    ///
    /// # Errors
    ///
    /// The handshake failed; the client was told by an alert where that was possible.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Proof)> {
        let verifier = Arc::new(Verifier::new(self.trust.clone()));
        let config = self.config(verifier.clone()).map_err(io::Error::other)?;
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
        let proof = proof(stream.get_ref().1, &verifier);
        Ok((stream, proof))
    }

    /// Made for each handshake, because its verifier is: half a microsecond, where asking the trust store again afterwards would take
    /// forty, and a handshake three hundred.
    fn config(&self, verifier: Arc<Verifier>) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.certificate.clone());
        // No resumption: a resumed session skips the client's certificate, and so would live on a removed authority. Without
        // tickets the server also keeps nothing per client.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn proof(connection: &ServerConnection, verifier: &Verifier) -> Proof {
    let chain = match connection.peer_certificates().and_then(<[_]>::split_first) {
        Some((leaf, others)) => {
            let mut chain = vec![leaf.clone().into_owned()];
            chain.extend(verifier::in_time(others));
            chain
        }
        None => Vec::new(),
    };
    Proof {
        chain,
        authority: verifier.authority(),
        server_name: connection.server_name().map(str::to_owned),
    }
}

#[derive(Debug)]
struct LiveCertificate {
    current: ArcSwap<CertifiedKey>,
    certificate: PathBuf,
    key: PathBuf,
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn load(certificate: &Path, key: &Path) -> Result<CertifiedKey, Error> {
    let chain = pem::certificates(certificate)?;
    let private = pem::key(key)?;
    CertifiedKey::from_der(chain, private, &PROVIDER).map_err(|error| Error::Malformed {
        file: key.to_owned(),
        wanted: "the key of the server certificate",
        cause: format!("{error} (certificate: `{}`)", certificate.display()),
    })
}
