//! `data/broker.lock`: one running broker per data directory.
//!
//! Two brokers on one registry would let one canonical id be connected twice and its inbox be read by either. The lock is the kernel's
//! (`flock`), so it ends with the process however that ends, and the file that stays behind means nothing. Registry verbs take none:
//! they work beside a running broker. On failure nothing was started; a file system without locks is refused, too.

use super::Error;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Held until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of `data`, which exists.
    pub(super) fn take(data: &Path) -> Result<Self, Error> {
        let path = data.join("broker.lock");
        let cannot = |cause: io::Error| {
            let path = path.display();
            Error::Serve(format!("`{path}` cannot be locked: {cause}"))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {
                write_owner(&mut file).map_err(cannot)?;
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(occupied(data, &mut file)),
            Err(TryLockError::Error(cause)) => Err(cannot(cause)),
        }
    }
}

/// For the error of whoever comes second.
fn write_owner(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn occupied(data: &Path, file: &mut File) -> Error {
    let mut owner = String::new();
    // The number only helps to find the process; a broker that has just started may not have written it yet.
    let _ = file.read_to_string(&mut owner);
    let owner = match owner.trim() {
        "" => String::new(),
        process => format!(" (process {process})"),
    };
    Error::Serve(format!(
        "the data directory `{}` is in use by another broker{owner}: stop that one, or name another directory with --data",
        data.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_has_gone() {
        let data = tempfile::tempdir().unwrap();
        let first = DataLock::take(data.path()).unwrap();
        let error = DataLock::take(data.path()).unwrap_err().to_string();
        let own = format!("(process {})", std::process::id());
        assert!(
            error.contains("is in use") && error.contains(&own),
            "{error}"
        );
        drop(first);
        DataLock::take(data.path()).unwrap();
    }

    #[test]
    fn a_file_that_a_killed_broker_left_behind_means_nothing() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("broker.lock"), "4194305\n and more").unwrap();
        let lock = DataLock::take(data.path()).unwrap();
        let text = std::fs::read_to_string(data.path().join("broker.lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(lock);
    }
}
