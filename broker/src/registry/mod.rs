//! Clients, products, authorities, applications: SQLite, with an append-only change feed. (STUB: signatures only)

use crate::contract::{Lookup, Subject};
use std::path::Path;

/// A handle to `data/registry.db`. Clone is cheap. Calls block for microseconds (one indexed read); from async code call them through
/// `tokio::task::block_in_place`-free helpers below or on a blocking thread.
#[derive(Clone)]
pub struct Registry {/* Arc … */}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Client(String),
    Product(String),
    Authority(String),
    /* something wide: judge everybody */ All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub sequence: u64,
    pub what: Changed,
}

#[derive(Clone, Debug)]
pub struct Authority {
    pub id: String,
    pub common_name: String,
    /* DER of the certificate */ pub certificate: Vec<u8>,
    pub verified: bool,
    pub verify_code: String,
}

impl Registry {
    pub fn open(data: &Path) -> Result<Self, Error> {
        let _ = data;
        unimplemented!()
    }
    /// The record that `identify` asked for, with its product; an empty subject where there is none.
    pub fn find(&self, lookup: &Lookup) -> Result<Subject, Error> {
        let _ = lookup;
        unimplemented!()
    }
    /// The same by the id of the record (device or application): for judging a live session again.
    pub fn subject(&self, id: &str) -> Result<Subject, Error> {
        let _ = id;
        unimplemented!()
    }
    /// Trust on first use: stores the fingerprint as the primary one if the record still waits for one; false if another was faster.
    pub fn enrol(&self, id: &str, fingerprint: &[u8]) -> Result<bool, Error> {
        let _ = (id, fingerprint);
        unimplemented!()
    }
    /// Verified authorities only: what TLS may trust.
    pub fn verified_authorities(&self) -> Result<Vec<Authority>, Error> {
        unimplemented!()
    }
    pub fn last_sequence(&self) -> Result<u64, Error> {
        unimplemented!()
    }
    /// At most 1 000 changes after `sequence`, also those of other processes.
    pub fn changes_after(&self, sequence: u64) -> Result<Vec<Change>, Error> {
        let _ = sequence;
        unimplemented!()
    }
}

impl Registry {
    /// Runs a call on a thread that may block.
    pub async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _ = call;
        unimplemented!()
    }
    /// Follows the feed from `sequence` on.
    pub fn watch(&self, sequence: u64, interval: std::time::Duration) -> Result<Follower, Error> {
        let _ = (sequence, interval);
        unimplemented!()
    }
}

/// Hands out the changes after a point in the feed, as they come.
pub struct Follower;
impl Follower {
    /// Waits for the next changes: at least one, at most 1 000. Cancel-safe.
    pub async fn next(&mut self) -> Result<Vec<Change>, Error> {
        unimplemented!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the registry cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
