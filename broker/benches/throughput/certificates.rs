//! The TLS client of the load tool: trusts the broker's development authority, resumes nothing, and may show a demo device's certificate.

use crate::Failure;
use crate::server::Server;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// `device` names the files of a demo device.
pub(crate) fn connector(
    server: &Server,
    device: Option<&str>,
) -> Result<tokio_rustls::TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(
        server.path("data/pki/ca.pem"),
    )?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match device {
        None => builder.with_no_client_auth(),
        Some(device) => {
            let chain =
                CertificateDer::pem_file_iter(server.path(&format!("data/demo/{device}.pem")))?;
            let key =
                PrivateKeyDer::from_pem_file(server.path(&format!("data/demo/{device}.key")))?;
            builder.with_client_auth_cert(chain.collect::<Result<_, _>>()?, key)?
        }
    };
    // A resumed handshake would be cheaper than what is to be measured.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config).into())
}

pub(crate) async fn connect(
    server: &Server,
    connector: &tokio_rustls::TlsConnector,
) -> Result<TlsStream<TcpStream>, Failure> {
    let stream = TcpStream::connect(server.tls_address.ok_or("no TLS listener")?).await?;
    stream.set_nodelay(true)?;
    Ok(connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?)
}
