//! Wire cases: what a client sends to a broker over the network, and what has to come back. They run against any broker.
//!
//! ```text
//!   *.toml ─> reading ─> schedule ─> run ─> steps ─> connection ─> dial ─> the broker
//!             (format)   (who plays)  (texts, state)  (packets)
//! ```
//!
//! Bounds: each wait has the run's patience, each case its limit, and eight cases run at a time. A broker that cannot be reached at
//! all ends the run before the first case.

mod codes;
mod connection;
mod dial;
mod endpoint;
mod event;
mod format;
mod properties;
mod raw;
mod reading;
mod run;
mod schedule;
mod steps;
mod template;

pub use endpoint::Endpoint;

use super::identities::Identities;
use super::{About, CaseResult, Outcome, Report, Selection};
use crate::policy::BuiltIn;
use dial::Dialer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

include!(concat!(env!("OUT_DIR"), "/wire_cases.rs"));

/// The cases that the binary carries: those of a policy's contract, and MQTT. Name and text.
pub fn embedded(policy: &BuiltIn) -> impl Iterator<Item = (String, String)> + use<> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    policy.wire.iter().chain(MQTT).map(owned)
}

/// What the cases are run with.
#[derive(Debug)]
pub struct Settings {
    /// Where the broker is.
    pub endpoint: Endpoint,
    /// Verifies the server, instead of what the identities say.
    pub ca: Option<std::path::PathBuf>,
    /// How long is waited for each answer.
    pub patience: Duration,
}

/// Why no case was run.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// Nothing answers there, or its certificate is not to be trusted.
    #[error("`{endpoint}` cannot be reached: {cause}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        cause: String,
    },
    /// TLS cannot be spoken with what is given.
    #[error("no TLS to `{endpoint}`: {cause}")]
    Tls {
        /// Where.
        endpoint: Endpoint,
        /// What is missing or wrong.
        cause: String,
    },
}

/// Runs every selected case of the files.
pub async fn run(
    settings: &Settings,
    identities: &Identities,
    files: &[(String, String)],
    selection: &Selection,
) -> Result<Report, NotRun> {
    let Settings {
        endpoint,
        patience,
        ca,
    } = settings;
    let ca: Option<&Path> = ca.as_deref().or(identities.ca.as_deref());
    let dialer = Dialer::new(endpoint.clone(), ca, identities.server_name.as_deref());
    let dialer = dialer.map_err(|cause| NotRun::Tls {
        endpoint: endpoint.clone(),
        cause,
    })?;
    let reached = dialer.dial(None, *patience).await;
    reached.map_err(|cause| NotRun::Unreachable {
        endpoint: endpoint.clone(),
        cause,
    })?;
    let cases = schedule::all(
        Arc::new(dialer),
        identities,
        *patience,
        read(files, selection),
    )
    .await;
    Ok(Report {
        target: endpoint.to_string(),
        cases,
    })
}

/// What each case says of itself, for a list. A case that cannot be read is listed with its error.
pub fn list(files: &[(String, String)], selection: &Selection) -> Vec<CaseResult> {
    let listed = read(files, selection).into_iter().map(|read| CaseResult {
        about: read.about,
        outcome: match read.case {
            Ok(_) => Outcome::Skip {
                reason: "only listed".into(),
            },
            Err(cause) => Outcome::Error { cause },
        },
        seconds: 0.0,
    });
    listed.collect()
}

/// What cannot be read is never left out, whatever is selected: nobody knows what it was.
fn read(files: &[(String, String)], selection: &Selection) -> Vec<reading::Read> {
    let takes = |about: &About| selection.takes(about);
    let all = files
        .iter()
        .flat_map(|(name, text)| reading::cases(name, text));
    all.filter(|read| read.case.is_err() || takes(&read.about))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_binary_can_be_read_and_says_where_it_comes_from() {
        let files: Vec<_> = embedded(BuiltIn::default_policy()).collect();
        let mut count = 0;
        for read in files
            .iter()
            .flat_map(|(name, text)| reading::cases(name, text))
        {
            let About {
                file,
                name,
                source,
                why,
                ..
            } = &read.about;
            assert_eq!(read.case.err(), None, "{file}: {name}");
            assert!(!source.is_empty() && !why.is_empty(), "{file}: {name}");
            count += 1;
        }
        assert!(count >= 60, "{count}");
    }
}
