//! One connection that writes, and a few that read beside it.
//!
//! WAL lets readers go on while one writes, so reads never wait for the mutex of the writer. That mutex costs little: a write is
//! well under a millisecond, and SQLite would let no second writer in anyway. The readers' mutex is held for a `Vec::pop`.
//!
//! Bounds: [`IDLE_READERS`] connections are kept; more are opened in a burst (about 100 µs each) and closed after it, so their number
//! is bounded by that of the threads that ask.

use super::{Error, change, schema};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

const IDLE_READERS: usize = 8;

pub(super) struct Connections {
    path: PathBuf,
    /// Device and inode of the file that was opened.
    file: (u64, u64),
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Counts our own writes, so that followers in this process need not wait for their next poll.
    written: watch::Sender<u64>,
}

impl Connections {
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let writer = Mutex::new(schema::open_writer(&path)?);
        Ok(Self {
            file: file_of(&path)?,
            path,
            writer,
            readers: Mutex::default(),
            written: watch::Sender::new(0),
        })
    }

    /// One write verb: everything in one transaction, undone where `verb` fails.
    pub(super) fn write<T>(
        &self,
        verb: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check_file()?;
        let done = {
            let mut writer = lock(&self.writer);
            // IMMEDIATE: what the verb reads before it writes is still so when it writes.
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = verb(&transaction)?;
            change::prune(&transaction)?;
            transaction.commit()?;
            done
        };
        self.written.send_modify(|count| *count += 1);
        Ok(done)
    }

    /// All that `query` reads is of one moment.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.check_file()?;
        let idle = lock(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => self.open_reader()?,
        };
        let snapshot = reader.transaction()?;
        let found = query(&snapshot);
        snapshot.finish()?;
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        found
    }

    pub(super) fn open_reader(&self) -> Result<Connection, Error> {
        schema::open_reader(&self.path)
    }

    /// Connections stay with the file that they opened, also where it has another name or none by now, and other processes write to the
    /// one that is there: a revocation would go unseen. Costs a microsecond.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        if file_of(&self.path).is_ok_and(|file| file == self.file) {
            return Ok(());
        }
        Err(Error::Replaced {
            path: self.path.clone(),
        })
    }

    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

fn file_of(path: &Path) -> Result<(u64, u64), Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::Open {
        path: path.to_owned(),
        cause,
    })?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A panic elsewhere leaves a connection usable: its transaction was undone when it was dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
