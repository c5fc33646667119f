//! Whom the harness connects as: roles that cases name, and the identities that play them.
//!
//! A role may hold several identities that are as good as each other (`[[device]]` twice): cases that need it then run at the same time.
//! An identity plays in one case at a time, since a device has one live connection, unless it is marked `shared`.
//!
//! Everything is read and checked before a connection is opened; errors name file, role and field.

mod login;
mod reading;

#[cfg(test)]
mod tests;

pub use login::{Signature, hour};
pub use reading::{Unusable, read};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What an identities file says.
#[derive(Debug, Default)]
pub struct Identities {
    /// Verifies the server.
    pub ca: Option<PathBuf>,
    /// The name in the server's certificate, where it is not the endpoint's host.
    pub server_name: Option<String>,
    /// Who can play which role.
    pub roles: BTreeMap<String, Vec<Arc<Identity>>>,
}

/// One client.
#[derive(Debug)]
pub struct Identity {
    /// The role and its number in it: unique in a file.
    pub label: String,
    /// The device id; the user name of an application.
    pub id: String,
    /// The product of a device.
    pub product: String,
    /// The node id of a device.
    pub node: String,
    /// How it logs in.
    pub login: Login,
    /// Shown in the TLS handshake.
    pub certificate: Option<Certificate>,
    /// May play in several cases at the same time.
    pub shared: bool,
    /// Further texts for templates, such as a gateway's `child`.
    pub facts: BTreeMap<String, String>,
}

/// How an identity logs in.
#[derive(Debug)]
pub enum Login {
    /// A device with a secret: IoTDA's client id and signed password.
    Secret(String),
    /// A device known by its certificate: IoTDA's client id, no password.
    Certificate,
    /// A user name and a password as they are.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// Neither.
    Anonymous,
}

/// A chain, leaf first, and its key.
#[derive(Debug)]
pub struct Certificate {
    /// DER, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}
