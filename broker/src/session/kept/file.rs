//! `data/inbox.db`, and one more for each further policy: the kept messages on disk, so that they outlive the process.
//!
//! A file of its own: neither the registry's readers nor its change feed notice it. Mode 0600, since payloads may be secrets, and what is
//! deleted is overwritten. One connection, used by one thread at a time; the data directory's lock keeps other brokers off.
//!
//! `synchronous = NORMAL` in WAL mode: a killed process loses nothing that was committed. A power cut may lose the commits since the
//! last checkpoint (1 000 pages, 4 MB) but corrupts nothing. FULL would add an fsync to each of up to 200 commits a second, for
//! messages that are not on disk yet anyway when their publisher is answered (see [`super::super::away`]).
//!
//! What happens on failure: a file that cannot be opened or read stops the start, with what to do. A write that fails changes nothing.

use super::{Changes, Row};
use crate::contract::{Inbox, Qos};
use crate::engine::Message;
use crate::session::inboxes::Inboxed;
use bytes::Bytes;
use bytestring::ByteString;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// `PRAGMA user_version` of a file that has [`TABLES`].
const SCHEMA: i64 = 1;
/// Somebody may look into the file with another program.
const BUSY: Duration = Duration::from_secs(2);
/// Of a message from an earlier life: sessions are numbered anew, and no-local must not take it for somebody's own.
const NOBODY: u64 = u64::MAX;

/// The inbox stands beside each message as it was when the message came: at a start no policy has spoken yet.
const TABLES: &str = "
CREATE TABLE message (
    serial INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    until INTEGER NOT NULL,
    template TEXT NOT NULL,
    max_qos INTEGER NOT NULL,
    keep_messages INTEGER NOT NULL,
    keep_seconds INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    qos INTEGER NOT NULL,
    expires INTEGER,
    properties BLOB NOT NULL
) STRICT;

-- Up to where the registry's change feed was followed: one row.
CREATE TABLE followed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL
) STRICT;
";

/// Why the kept messages cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer program has written the file.
    #[error(
        "the kept messages in `{path}` have schema {found} and this program knows schema {SCHEMA}: run the newer program, or move the file away to start without them",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// It cannot be made, read or written.
    #[error(
        "the kept messages in `{path}` cannot be opened: {cause}; make the file readable and writable for the broker, or, if it is damaged, put a copy back or move it away with its `-wal` and `-shm` to start without them",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system or `SQLite` said.
        cause: io::Error,
    },
}

/// The open file.
#[derive(Debug)]
pub(crate) struct File {
    connection: Connection,
}

/// What an earlier life left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// In the order of their serials.
    pub(crate) rows: Vec<Row>,
    /// `None`: the file is new.
    pub(crate) followed: Option<u64>,
}

impl File {
    /// Opens or makes the file and reads all of it, which also finds out whether it is whole.
    pub(crate) fn open(path: &Path) -> Result<(Self, Left), Error> {
        let failed = |cause| Error::Open {
            path: path.to_owned(),
            cause,
        };
        make_private(path).map_err(failed)?;
        let opened = Self::prepare(path).and_then(|opened| match opened {
            Ok(file) => Ok(Ok((file.read()?, file))),
            Err(found) => Ok(Err(found)),
        });
        match opened {
            Ok(Ok((left, file))) => Ok((file, left)),
            Ok(Err(found)) => Err(Error::Newer {
                path: path.to_owned(),
                found,
            }),
            Err(error) => Err(failed(io::Error::other(error))),
        }
    }

    /// The inner error is a schema that is not ours.
    fn prepare(path: &Path) -> rusqlite::Result<Result<Self, i64>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "secure_delete", true)?;
        let mut file = Self { connection };
        let found = file.schema()?;
        if found == 0 {
            file.make_tables()?;
        } else if found != SCHEMA {
            return Ok(Err(found));
        }
        Ok(Ok(file))
    }

    fn schema(&self) -> rusqlite::Result<i64> {
        self.connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
    }

    fn make_tables(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()
    }

    fn read(&self) -> rusqlite::Result<Left> {
        let mut statement = self.connection.prepare(
            "SELECT serial, client, until, template, max_qos, keep_messages, keep_seconds, topic, payload, qos, expires, properties
             FROM message ORDER BY serial",
        )?;
        let mut inboxes = Vec::new();
        let rows = statement.query_map([], |row| read_row(row, &mut inboxes))?;
        let rows = rows.collect::<Result<_, _>>()?;
        let followed: Option<i64> = self
            .connection
            .query_row("SELECT sequence FROM followed", [], |row| row.get(0))
            .optional()?;
        let followed = followed.map(i64::cast_unsigned);
        Ok(Left { rows, followed })
    }

    /// All of it, or nothing.
    pub(crate) fn write(&mut self, changes: &Changes) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut remove = transaction.prepare_cached("DELETE FROM message WHERE serial = ?1")?;
            for serial in &changes.removed {
                remove.execute([serial.cast_signed()])?;
            }
            let mut add = transaction.prepare_cached(
                "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for row in changes.added.values() {
                add_row(&mut add, row)?;
            }
        }
        if let Some(sequence) = changes.followed {
            transaction.execute(
                "INSERT OR REPLACE INTO followed VALUES (1, ?1)",
                [sequence.cast_signed()],
            )?;
        }
        transaction.commit()
    }

    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        let limit = self
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, u32>(0));
        assert!(limit.unwrap() >= pages);
    }

    /// Empties the log into the file: nothing that was deleted stays in it.
    pub(crate) fn tidy(&self) -> rusqlite::Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

/// Readable by nobody else from the first moment on; `SQLite` gives its `-wal` and `-shm` files the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the kept messages were readable by others (mode {mode:o}): set to 600");
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn add_row(add: &mut rusqlite::CachedStatement<'_>, row: &Row) -> rusqlite::Result<()> {
    let Inboxed { message, inbox, .. } = &row.inboxed;
    add.execute(params![
        row.serial.cast_signed(),
        &*row.client,
        signed(row.until),
        inbox.template,
        inbox.max_qos as u8,
        inbox.keep_messages,
        inbox.keep_seconds,
        &*message.topic,
        &*message.payload,
        message.qos as u8,
        message.expires.map(signed),
        &*message.properties,
    ])?;
    Ok(())
}

/// `inboxes`: those that were read already; messages share them.
fn read_row(row: &rusqlite::Row<'_>, inboxes: &mut Vec<Arc<Inbox>>) -> rusqlite::Result<Row> {
    let topic: String = row.get(7)?;
    let payload: Vec<u8> = row.get(8)?;
    let properties: Vec<u8> = row.get(11)?;
    let expires: Option<i64> = row.get(10)?;
    let message = Message {
        topic: ByteString::from(topic),
        payload: Bytes::from(payload),
        qos: qos(row.get(9)?),
        publisher: NOBODY,
        expires: expires.map(i64::cast_unsigned),
        properties: Bytes::from(properties),
        number: 0,
    };
    let inbox = Inbox {
        template: row.get(3)?,
        max_qos: qos(row.get(4)?),
        keep_messages: row.get(5)?,
        keep_seconds: row.get(6)?,
        // Whether it comes without a SUBSCRIBE is the newest rules' word, not the stored message's.
        unsolicited: false,
    };
    let client: String = row.get(1)?;
    Ok(Row {
        serial: row.get::<_, i64>(0)?.cast_unsigned(),
        client: client.into(),
        until: row.get::<_, i64>(2)?.cast_unsigned(),
        inboxed: Inboxed {
            message,
            inbox: shared(inbox, inboxes),
            slip: None,
        },
    })
}

fn shared(inbox: Inbox, inboxes: &mut Vec<Arc<Inbox>>) -> Arc<Inbox> {
    if let Some(known) = inboxes.iter().find(|known| ***known == inbox) {
        return Arc::clone(known);
    }
    let inbox = Arc::new(inbox);
    inboxes.push(Arc::clone(&inbox));
    inbox
}

fn qos(number: u8) -> Qos {
    match number {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    }
}

/// A moment so far away that `SQLite` cannot hold it is as good as never.
fn signed(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
