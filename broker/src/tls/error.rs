//! What can be wrong with the files of TLS, told to the person at the terminal. (What is wrong with a client's certificate is a
//! `rustls::Error` and ends as a TLS alert.)

use std::{io, path::PathBuf};

/// Why a certificate or key file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("`{file}` cannot be used: {cause}", file = file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// One of two files that belong together is missing.
    #[error(
        "`{there}` is there and `{missing}` is not: restore the missing file, or move the other away so that both are made new",
        there = there.display(), missing = missing.display()
    )]
    Half {
        /// The file that exists.
        there: PathBuf,
        /// Its counterpart.
        missing: PathBuf,
    },
    /// No certificate could be made.
    #[error("a certificate for `{subject}` cannot be made: {cause}")]
    Issue {
        /// For whom.
        subject: String,
        /// What the library said.
        cause: rcgen::Error,
    },
    /// The file is not what it should be.
    #[error("`{file}` is not {wanted}: {cause}", file = file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Such as `a PEM certificate`.
        wanted: &'static str,
        /// Why not.
        cause: String,
    },
    /// The certificate cannot be registered as an authority.
    #[error("`{file}` cannot be a device authority: {cause}", file = file.display())]
    NoAuthority {
        /// The file.
        file: PathBuf,
        /// Why not, and what to do.
        cause: String,
    },
    /// The certificate does not prove possession of the authority's key.
    #[error("`{file}` does not verify the authority `{authority}`: {cause}", file = file.display())]
    NotVerified {
        /// The file.
        file: PathBuf,
        /// The authority's id.
        authority: String,
        /// Why not, and what to do.
        cause: String,
    },
}

impl Error {
    pub(super) fn file(file: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |cause| Self::File { file, cause }
    }
}
