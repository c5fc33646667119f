//! How a verb can fail, and the exit code that says so.

use crate::{config, registry, tls};
use std::{fmt::Display, io, path::PathBuf, process::ExitCode};

/// `EX_USAGE` of sysexits: bad usage or configuration.
pub(super) const USAGE: u8 = 64;

/// Why a verb did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reported by the configuration, one line per problem.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The log cannot be set up.
    #[error("the log cannot be started: {0}")]
    Log(String),
    /// A verb that changes or shows records, where there are none.
    #[error(
        "there is no registry in `{}`: name the broker's data directory with --data", .0.display()
    )]
    NoRegistry(PathBuf),
    /// Reported by the registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The broker could not start, or had to stop.
    #[error("{0}")]
    Serve(String),
    /// stdin could not be read.
    #[error("the secret cannot be read from stdin: {0}")]
    Stdin(io::Error),
    /// stdout was closed.
    #[error("the answer cannot be printed: {0}")]
    Stdout(io::Error),
    /// Reported by TLS: a certificate or key file.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

impl Error {
    /// Puts what was tried in front of its cause.
    pub(super) fn start<E: Display>(what: &str) -> impl FnOnce(E) -> Self + use<E> {
        let what = what.to_owned();
        move |cause| Self::Serve(format!("{what}: {cause}"))
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_)
            | Self::NoRegistry(_)
            | Self::Registry(registry::Error::Malformed { .. }) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}
