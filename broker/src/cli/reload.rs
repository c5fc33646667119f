//! SIGHUP: rules, component, server certificate and `clients.json` are read again.
//!
//! Each on its own: what cannot be read is logged with its cause, and what was in force stays.

use super::Error;
use crate::{policy::watch::Watch, registry::Registry, tls::Acceptor};
use std::path::{Path, PathBuf};
use tracing::{error, info};

/// What an operator can replace while clients are connected.
pub(super) struct Reload {
    pub(super) rules: Watch,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) registry: Registry,
    /// The policy's folder.
    pub(super) directory: PathBuf,
}

impl Reload {
    pub(super) fn everything(&self) {
        info!("SIGHUP: reading rules, component, server certificate and clients again");
        self.rules.reload();
        if let Some(Err(error)) = self.acceptor.as_ref().map(Acceptor::reload) {
            error!(%error, "the server certificate is not replaced, the former one stays");
        }
        if let Err(error) = register_clients(&self.registry, &self.directory) {
            error!(%error, "no client is registered from the file");
        }
    }
}

/// Applies the entries of `clients.json` that are new or edited, where the policy's folder has that file.
pub(super) fn register_clients(registry: &Registry, directory: &Path) -> Result<(), Error> {
    let file = directory.join("clients.json");
    if !file.is_file() {
        return Ok(());
    }
    let failed =
        |cause: String| Error::Serve(format!("`{}` cannot be applied: {cause}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|cause| failed(cause.to_string()))?;
    let applied = registry
        .upsert_from(&text)
        .map_err(|cause| failed(cause.to_string()))?;
    info!(file = %file.display(), changed = applied.changed, unchanged = applied.unchanged, "clients registered");
    Ok(())
}
