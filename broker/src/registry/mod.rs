//! Clients, products, authorities and applications: one SQLite file that the broker, the CLI and the admin API write at the same time.
//!
//! Every write verb is one transaction that also appends to the change feed (`change`), so whoever follows the feed (`watch`) sees
//! the writes of every process in their order. What goes in is checked here (`rule`), by the vendor's limits.
//!
//! Bounds: a read is one to three indexed look-ups (tens of microseconds, more where the disk is cold); a write waits at most
//! five seconds (`schema::BUSY`) for another process. On failure the transaction is undone and the caller gets an [`Error`]; callers refuse.

mod authority;
mod bootstrap;
mod change;
mod client;
mod connections;
mod credential;
mod error;
mod find;
mod fingerprint;
mod product;
mod random;
mod row;
mod rule;
mod schema;
mod serial;
mod watch;

#[cfg(test)]
mod tests;

pub use authority::{Authority, NewAuthority};
pub use bootstrap::Applied;
pub use change::{Change, Changed};
pub use client::{Page, application};
pub use credential::Slot;
pub use error::Error;
pub use fingerprint::{fingerprint_hex, parse_fingerprint};
pub use random::{random_hex, random_secret};
pub use serial::parse_serial;
pub use watch::Follower;

use connections::Connections;
use std::{path::Path, sync::Arc};

/// A handle to `data/registry.db`. Clone is cheap.
///
/// Its calls block. A look-up takes tens of microseconds; a write may wait for another process. From async code, use
/// [`Registry::blocking`].
#[derive(Clone)]
pub struct Registry {
    connections: Arc<Connections>,
}

impl Registry {
    /// Opens `data/registry.db`; makes the directory (mode 0700) and the file (mode 0600) where they are absent, and brings an older
    /// schema up to date.
    ///
    /// # Errors
    ///
    /// The file cannot be made or read, or a newer program has written it.
    pub fn open(data: &Path) -> Result<Self, Error> {
        let path = schema::create_file(data)?;
        let connections = Arc::new(Connections::open(path)?);
        Ok(Self { connections })
    }

    /// Whether `data` holds a registry already.
    pub fn exists(data: &Path) -> bool {
        schema::file(data).exists()
    }

    /// Runs `call` on a thread that may block, so that neither a cold disk nor another process's write stalls other clients.
    ///
    /// # Errors
    ///
    /// Those of `call`, and [`Error::Cancelled`] while the runtime shuts down.
    pub async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let registry = self.clone();
        tokio::task::spawn_blocking(move || call(&registry))
            .await
            .map_err(|_| Error::Cancelled)?
    }
}
