//! Records for the verbs that judge without a broker. Reads the registry's file, and never makes one.

use super::Failed;
use crate::contract::Subject;
use crate::policy::rejection::Rejection;
use crate::registry::Registry;
use std::fmt::Display;
use std::path::Path;

/// The registry of this directory.
pub(super) fn registry(data: &Path) -> Result<Registry, Failed> {
    if !Registry::exists(data) {
        return Err(Failed::Usage(Rejection::new(
            "no-registry",
            format!("there is no registry in `{}`", data.display()),
            "name the broker's data directory with --data",
        )));
    }
    Registry::open(data).map_err(|error| unreadable(data, &error))
}

/// One record, which must be there.
pub(super) fn client(data: &Path, id: &str) -> Result<Subject, Failed> {
    let subject = registry(data)?.subject(id);
    let subject = subject.map_err(|error| unreadable(data, &error))?;
    if subject.client.is_some() {
        return Ok(subject);
    }
    Err(Failed::Usage(Rejection::new(
        "client-unknown",
        format!("no client `{id}` is registered in `{}`", data.display()),
        "`device list` and `app list` show the ids of those that are",
    )))
}

pub(super) fn unreadable(data: &Path, error: &dyn Display) -> Failed {
    Failed::unreadable(
        "registry-unreadable",
        format!(
            "the registry in `{}` cannot be read: {error}",
            data.display()
        ),
        "look at the disk and at `registry.db`",
    )
}
