//! SIGHUP: rules, component, server certificate and `clients.json` are read again.
//!
//! Each on its own: what cannot be read is logged with its cause, and what was in force stays.

use super::bootstrap;
use crate::{policy::watch::Watch, registry::Registry, tls::Acceptor};
use std::path::PathBuf;
use tracing::{error, info};

/// What an operator can replace while clients are connected.
pub(super) struct Reload {
    /// Of each policy.
    pub(super) rules: Vec<Watch>,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) registry: Registry,
    /// The policies' folders.
    pub(super) directories: Vec<PathBuf>,
}

impl Reload {
    pub(super) fn everything(&self) {
        info!("SIGHUP: reading rules, component, server certificate and clients again");
        self.rules.iter().for_each(Watch::reload);
        if let Some(Err(error)) = self.acceptor.as_ref().map(Acceptor::reload) {
            error!(%error, "the server certificate is not replaced, the former one stays");
        }
        for directory in &self.directories {
            if let Err(error) = bootstrap::apply(&self.registry, directory) {
                error!(%error, "no client is registered from the file");
            }
        }
    }
}
