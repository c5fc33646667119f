//! Starts the log on stderr. stdout is for answers and the ready line alone.

use super::Error;
use crate::config::{Log, LogFormat};
use tracing_subscriber::{EnvFilter, fmt};

pub(super) fn start(log: &Log) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter(&log.filter)).map_err(|error| told(&error))?;
    let lines = fmt().with_writer(std::io::stderr).with_env_filter(filter);
    match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| Error::Log(error.to_string()))
}

/// rumqttd logs every link and every event of ours in its own words, so it is silent unless the filter names it.
fn filter(written: &str) -> String {
    if written.contains("rumqttd") {
        written.to_owned()
    } else {
        format!("{written},rumqttd=off")
    }
}

fn told(error: &impl std::fmt::Display) -> Error {
    Error::Log(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rumqttd_is_silent_unless_it_is_named() {
        assert_eq!(filter("info"), "info,rumqttd=off");
        assert_eq!(filter("info,rumqttd=warn"), "info,rumqttd=warn");
        assert!(EnvFilter::try_new(filter("info")).is_ok());
    }
}
