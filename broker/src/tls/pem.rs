//! Certificates and keys from files, and new ones into files. Every error names the file.
//!
//! Bounds: a file is read up to 1 MiB. New files are never written over old ones; keys are readable by their owner alone
//! from the first moment on.

use super::Error;
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// A chain of certificates takes some 10 KB.
const LARGEST: u64 = 1 << 20;

/// All certificates of a PEM file, in order; at least one.
///
/// # Errors
///
/// The file cannot be read, or holds no certificate.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let malformed = |cause: String| Error::Malformed {
        file: file.to_owned(),
        wanted: "a PEM certificate",
        cause,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(error.to_string()))?;
    if found.is_empty() {
        return Err(malformed("it holds no `BEGIN CERTIFICATE`".into()));
    }
    Ok(found)
}

/// The only certificate of a PEM file.
///
/// # Errors
///
/// The file cannot be read, or holds none or several.
pub fn certificate(file: &Path) -> Result<CertificateDer<'static>, Error> {
    let mut found = certificates(file)?;
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (_, others) => Err(Error::Malformed {
            file: file.to_owned(),
            wanted: "one PEM certificate",
            cause: format!("it holds {}", others + 1),
        }),
    }
}

/// The private key of a PEM file.
///
/// # Errors
///
/// The file cannot be read, or holds no unencrypted key.
pub fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| Error::Malformed {
        file: file.to_owned(),
        wanted: "a PEM private key without a pass phrase",
        cause: error.to_string(),
    })
}

/// The text of a small file.
///
/// # Errors
///
/// The file cannot be read, is not UTF-8 or too large.
pub fn text(file: &Path) -> Result<String, Error> {
    String::from_utf8(read(file)?).map_err(|error| Error::Malformed {
        file: file.to_owned(),
        wanted: "text",
        cause: error.to_string(),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(LARGEST).read_to_end(&mut bytes))
        .map_err(Error::file(file))?;
    Ok(bytes)
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Keys, passwords: mode 0600.
    Owner,
    /// Certificates: mode 0644.
    Everybody,
}

/// Writes a file that must not exist yet.
///
/// # Errors
///
/// The file exists, or cannot be written.
pub fn write_new(file: &Path, text: &str, readers: Readers) -> Result<(), Error> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)
        .and_then(|mut new| new.write_all(text.as_bytes()))
        .map_err(Error::file(file))
}
