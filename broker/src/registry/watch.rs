//! Follows the change feed while the broker runs.
//!
//! `PRAGMA data_version` tells in microseconds, without reading the feed, whether any other connection has committed: of this
//! process or another. The follower's own connection never writes, so it sees every write the same way. Writes of this process also
//! wake it at once.
//!
//! Bounds: another process's write is seen within the interval. On failure `next` tells, and the next call tries again from the same
//! place.

use super::{Change, Error, Registry, change};
use rusqlite::Connection;
use std::time::Duration;
use tokio::sync::watch;

/// Hands out the changes after a point in the feed, as they come.
pub struct Follower {
    reader: Connection,
    /// The value of `data_version` up to which everything was handed out.
    seen: Option<i64>,
    sequence: u64,
    interval: Duration,
    written: watch::Receiver<u64>,
    /// Also keeps the sender of `written` alive.
    registry: Registry,
}

impl Registry {
    /// Follows the feed from `sequence` on: take it from [`Registry::last_sequence`] before reading what the changes shall update.
    ///
    /// # Errors
    ///
    /// The registry cannot be opened again.
    pub fn watch(&self, sequence: u64, interval: Duration) -> Result<Follower, Error> {
        Ok(Follower {
            reader: self.connections.open_reader()?,
            seen: None,
            sequence,
            interval,
            written: self.connections.written(),
            registry: self.clone(),
        })
    }
}

impl Follower {
    /// Waits for the next changes: at least one, at most 1 000. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The registry cannot be read now. Wait a little, then call again.
    pub async fn next(&mut self) -> Result<Vec<Change>, Error> {
        loop {
            let changes = self.poll()?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                _ = self.written.changed() => {}
            }
        }
    }

    fn poll(&mut self) -> Result<Vec<Change>, Error> {
        self.registry.connections.check_file()?;
        // Read before the feed: a write in between is looked for once more, not missed.
        let version = self
            .reader
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.seen == Some(version) {
            return Ok(Vec::new());
        }
        let changes = change::after(&self.reader, self.sequence)?;
        if let Some(last) = changes.last() {
            self.sequence = last.sequence;
        }
        let is_all = changes.len() < change::BATCH as usize;
        self.seen = is_all.then_some(version);
        Ok(changes)
    }
}
