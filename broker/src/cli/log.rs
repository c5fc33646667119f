//! Starts the log on stderr. stdout is for answers and the ready line alone.

use super::Error;
use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

pub(super) fn start(log: &Log) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter(&log.filter)).map_err(|error| told(&error))?;
    let colours = std::io::stderr().is_terminal();
    let lines = fmt()
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| Error::Log(error.to_string()))
}

/// rumqttd logs every link and every event of ours in its own words, and notify every folder that goes; so they are silent unless the
/// filter names them.
fn filter(written: &str) -> String {
    const SILENT: [&str; 2] = ["rumqttd", "notify"];
    let unnamed = SILENT.iter().filter(|name| !written.contains(**name));
    unnamed.fold(written.to_owned(), |all, name| format!("{all},{name}=off"))
}

fn told(error: &impl std::fmt::Display) -> Error {
    Error::Log(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_silent_unless_they_are_named() {
        assert_eq!(filter("info"), "info,rumqttd=off,notify=off");
        assert_eq!(filter("info,rumqttd=warn"), "info,rumqttd=warn,notify=off");
        assert!(EnvFilter::try_new(filter("info")).is_ok());
    }
}
