//! TLS of a listener: server certificate, optional client certificates against the verified authorities, swapped live. (STUB)

use crate::registry::Authority;
use std::{io, path::Path, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{rustls::pki_types::CertificateDer, server::TlsStream};

/// What the client proved in the handshake.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Leaf first; empty where the client sent no certificate.
    pub chain: Vec<CertificateDer<'static>>,
    /// The verified authority it chains to.
    pub authority: Option<String>,
    pub server_name: Option<String>,
}

/// The verified authorities; replaced as a whole while connections live.
#[derive(Clone, Default)]
pub struct TrustStore {/* Arc<ArcSwap<…>> */}
impl TrustStore {
    pub fn new() -> Self {
        Self::default()
    }
    /// Replaces what is trusted from the next handshake on.
    pub fn replace(&self, authorities: &[Authority]) {
        let _ = authorities;
        unimplemented!()
    }
    /// Under which authority is this chain valid now? For live sessions after an authority was removed or expired.
    pub fn authority_of(&self, chain: &[CertificateDer<'_>]) -> Option<String> {
        let _ = chain;
        unimplemented!()
    }
}

#[derive(Clone)]
pub struct Acceptor {/* Arc<ServerConfig> … */}
impl Acceptor {
    pub fn new(certificate: &Path, key: &Path, trust: TrustStore) -> Result<Self, Error> {
        let _ = (certificate, key, trust);
        unimplemented!()
    }
    /// The whole handshake; the caller bounds it in time.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Proof)> {
        let _ = stream;
        unimplemented!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the TLS key `{0}` cannot be used: {1}")]
    Key(std::path::PathBuf, String),
}

#[allow(unused)]
fn _unused(_: Arc<()>) {}
