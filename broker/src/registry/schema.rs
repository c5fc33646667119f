//! The file, its permissions and its tables; the only place that knows the schema's history.
//!
//! `PRAGMA user_version` counts the steps of [`STEPS`] that a file has been through. A file with more steps than we know is refused.

use super::Error;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};
use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a write waits for the write of another process. Writes take well under a millisecond, so this is long.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Statements that each connection keeps compiled; all our statements together are fewer.
const CACHED_STATEMENTS: usize = 64;

/// Each step brings a file from schema N to N + 1. Published steps never change.
///
/// Clients and applications share a table, because they share the id under which a live session is judged again.
/// Every look-up of the contract has its own index: `client` the primary key, `node` and `product-node` the two node indexes,
/// `fingerprint` the two partial ones, `serial` its unique one; `children` uses the gateway index, which is ordered by id.
const STEPS: [&str; 1] = ["
CREATE TABLE product (
    id TEXT PRIMARY KEY,
    policies TEXT NOT NULL,
    attributes TEXT NOT NULL
) STRICT;

CREATE TABLE client (
    id TEXT PRIMARY KEY,
    application INTEGER NOT NULL,
    product TEXT REFERENCES product (id),
    node TEXT,
    gateway TEXT REFERENCES client (id),
    status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'frozen')),
    encrypted_only INTEGER NOT NULL,
    credential TEXT NOT NULL CHECK (credential IN ('secret', 'certificate', 'serial', 'token', 'none')),
    secret_primary BLOB,
    secret_secondary BLOB,
    fingerprint_primary BLOB,
    fingerprint_secondary BLOB,
    enrol INTEGER NOT NULL,
    authority TEXT,
    serial TEXT,
    policies TEXT NOT NULL,
    attributes TEXT NOT NULL,
    CHECK ((application = 1) = (product IS NULL)),
    CHECK ((application = 1) = (node IS NULL))
) STRICT;
CREATE UNIQUE INDEX client_product_node ON client (product, node) WHERE product IS NOT NULL;
CREATE INDEX client_node ON client (node) WHERE node IS NOT NULL;
CREATE INDEX client_fingerprint_primary ON client (fingerprint_primary) WHERE fingerprint_primary IS NOT NULL;
CREATE INDEX client_fingerprint_secondary ON client (fingerprint_secondary) WHERE fingerprint_secondary IS NOT NULL;
CREATE UNIQUE INDEX client_serial ON client (authority, serial) WHERE serial IS NOT NULL;
CREATE INDEX client_gateway ON client (gateway, id) WHERE gateway IS NOT NULL;

CREATE TABLE authority (
    id TEXT PRIMARY KEY,
    common_name TEXT NOT NULL,
    certificate BLOB NOT NULL UNIQUE,
    verified INTEGER NOT NULL,
    verify_code TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: a sequence number is never given twice, not even after the newest rows were pruned.
CREATE TABLE change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL
) STRICT;

-- Which entries of clients.json have been applied, and in which form.
CREATE TABLE bootstrap (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
"];

/// Where the registry of a data directory is.
pub(super) fn file(data: &Path) -> PathBuf {
    data.join("registry.db")
}

/// Makes the data directory and an empty database file, readable by nobody else from the first moment on.
///
/// The modes are given to the very calls that create, so there is no moment with wider ones whatever the umask is. SQLite gives its
/// `-wal` and `-shm` files the mode of the database.
pub(super) fn create_file(data: &Path) -> Result<PathBuf, Error> {
    let path = file(data);
    let open = |cause| Error::Open {
        path: path.clone(),
        cause,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(open)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(open)?;
    let mode = file.metadata().map_err(open)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the registry was readable by others (mode {mode:o}): set to 600");
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(open)?;
    }
    Ok(path)
}

/// The connection that writes: brings the schema up to date first.
pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// A connection that cannot write, by mistake or otherwise.
///
/// It is opened for writing all the same: a read-only WAL reader cannot make the `-shm` file that it needs.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Error> {
    // NO_MUTEX: each connection is used by one thread at a time (see `connections`).
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| Error::Open {
        path: path.to_owned(),
        cause: io::Error::other(error),
    })?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Otherwise a statement that meets a partial index is planned anew whenever its values change: half of a whole look-up.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // NORMAL in WAL mode: a crash of the process loses nothing, a power cut may lose the last commits but corrupts nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Removed secrets do not linger in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    // IMMEDIATE: two processes that start at once migrate one after the other, and the second finds nothing to do.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 =
        transaction.pragma_query_value(None, "user_version", |version| version.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= STEPS.len())
        .ok_or(Error::Newer { found, known })?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    if found != known {
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(transaction.commit()?)
}
