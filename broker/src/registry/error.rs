//! What can go wrong with the registry, told to the person at the terminal.

use std::{io, path::PathBuf};

/// Why the registry did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime is shutting down.
    #[error("the registry was not asked: the broker is shutting down")]
    Cancelled,
    /// A record of that id is there already.
    #[error("{what} `{id}` exists already: remove it first, or choose another id")]
    Exists {
        /// Such as `device`.
        what: &'static str,
        /// The id in question.
        id: String,
    },
    /// Another record needs it.
    #[error("{what} `{id}` cannot be removed: {cause}")]
    InUse {
        /// Such as `product`.
        what: &'static str,
        /// The id in question.
        id: String,
        /// Who needs it, and what to do.
        cause: String,
    },
    /// A bootstrap document that is not JSON of the documented form.
    #[error("`clients.json` is malformed: {0}")]
    Document(#[from] serde_json::Error),
    /// A value that the vendor's limits do not allow.
    #[error("{what} `{value}` is malformed: {rule}")]
    Malformed {
        /// Such as `node id`.
        what: &'static str,
        /// The value; dots where it is a secret.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// No record of that id.
    #[error(
        "there is no {what} `{id}`: `iotda-broker {what} list` shows those that are registered"
    )]
    Missing {
        /// The CLI's noun, such as `device`.
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// A newer program has written the file.
    #[error(
        "the registry has schema {found} and this program knows schemas up to {known}: run the newer program, or use another data directory"
    )]
    Newer {
        /// The schema of the file.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// It cannot be unfrozen; the vendor's IOTDA.014040.
    #[error("device `{id}` is not frozen: there is nothing to undo")]
    NotFrozen {
        /// The device.
        id: String,
    },
    /// The file or its directory cannot be made.
    #[error("the registry `{path}` cannot be opened: {cause}", path = path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file under the path is not the one that was opened.
    #[error(
        "the registry `{path}` was replaced or removed while it was open: restart the broker, or put the old file back",
        path = path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// SQLite failed.
    #[error("the registry cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The record is not in a state that allows the verb.
    #[error("device `{id}` {cause}")]
    State {
        /// The device.
        id: String,
        /// Why not, and what to do.
        cause: &'static str,
    },
    /// It cannot be frozen; the vendor's IOTDA.014038.
    #[error("device `{id}` is a sub-device and has no connection of its own: freeze its gateway")]
    SubDevice {
        /// The device.
        id: String,
    },
}

impl Error {
    pub(super) fn missing(what: &'static str, id: &str) -> Self {
        let id = id.to_owned();
        Self::Missing { what, id }
    }

    pub(super) fn exists(what: &'static str, id: &str) -> Self {
        let id = id.to_owned();
        Self::Exists { what, id }
    }
}
