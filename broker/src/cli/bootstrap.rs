//! `clients.json` of a policy's folder: products, devices and applications that come with the rules, registered at the start and at SIGHUP.
//!
//! What an operator changed since stays (see `registry::bootstrap`). Bounded to 16 MiB. A file that cannot be read or applied ends the
//! start (at SIGHUP it is logged, and nothing changes): half of the clients are not the clients.

use super::Error;
use crate::registry::Registry;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use tracing::info;

const LARGEST: u64 = 16 << 20;

/// Applies `clients.json` of the folder, where there is one.
pub(super) fn apply(registry: &Registry, folder: &Path) -> Result<(), Error> {
    let file = folder.join("clients.json");
    if !file.exists() {
        return Ok(());
    }
    let read = Error::start(&format!("`{}` cannot be read", file.display()));
    let applied = registry.upsert_from(&text(&file).map_err(read)?)?;
    info!(
        file = %file.display(),
        changed = applied.changed,
        unchanged = applied.unchanged,
        "clients of the policy's folder are registered"
    );
    Ok(())
}

fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(file)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if read as u64 > LARGEST {
        let cause =
            format!("it is larger than {LARGEST} bytes: register clients with `device add`");
        return Err(io::Error::other(cause));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_registered_once_and_a_bad_file_ends_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("data")).unwrap();
        apply(&registry, folder.path()).unwrap();

        let file = folder.path().join("clients.json");
        let text = r#"{"products": [{"id": "p"}], "devices": [{"product": "p", "node": "d", "secret": "12345678"}]}"#;
        std::fs::write(&file, text).unwrap();
        apply(&registry, folder.path()).unwrap();
        registry.freeze("p_d", true).unwrap();
        let sequence = registry.last_sequence().unwrap();
        apply(&registry, folder.path()).unwrap();
        assert_eq!(registry.last_sequence().unwrap(), sequence);

        std::fs::write(&file, r#"{"device": []}"#).unwrap();
        let error = apply(&registry, folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("clients.json") && error.contains("`device`"),
            "{error}"
        );
        std::fs::write(&file, [0xff]).unwrap();
        assert!(apply(&registry, folder.path()).is_err());
    }
}
