//! `iotda-broker policy …` (placeholder; the policy engineer's file replaces this one).

use clap::Subcommand;
use std::process::ExitCode;

/// What a policy author can ask for.
#[derive(Clone, Copy, Subcommand)]
pub enum Verb {
    /// Not in this build.
    Inspect,
}

/// Runs a verb.
pub fn run(verb: Verb) -> ExitCode {
    match verb {
        Verb::Inspect => ExitCode::FAILURE,
    }
}
