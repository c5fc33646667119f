//! The file of a decision log.

use super::Failed;
use crate::workbench::replay::reading::{self, Entry};
use std::collections::BTreeSet;
use std::path::Path;

/// Its text; bytes that are no text stay in their line, which is then counted as unreadable.
pub(super) fn read(file: &Path) -> Result<String, Failed> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failed::unreadable(
            "log-unreadable",
            format!("the log `{}` cannot be read: {error}", file.display()),
            "give the file of `[decisions]`, or what `GET /decisions` answered",
        )
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The topics of its lines.
pub(super) fn topics(file: &Path) -> Result<Vec<String>, Failed> {
    let text = read(file)?;
    let topics = text.lines().filter_map(|line| match reading::entry(line) {
        Ok(Entry::Line(line)) => line.topic,
        _ => None,
    });
    Ok(topics.collect::<BTreeSet<_>>().into_iter().collect())
}
