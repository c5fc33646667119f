//! The file of a decision log.

use super::Failed;
use crate::workbench::logged;
use std::io;
use std::path::Path;

/// The topics of its lines; bytes that are no text stay in their line.
pub(super) fn topics(file: &Path) -> Result<Vec<String>, Failed> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    Ok(logged::topics(&String::from_utf8_lossy(&bytes)))
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> Failed {
    Failed::unreadable(
        "log-unreadable",
        format!("the log `{}` cannot be read: {error}", file.display()),
        "give the file of `[decisions]`, or what `GET /decisions` answered",
    )
}
