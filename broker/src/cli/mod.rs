//! The command line: `serve`, the registry's verbs, the policy author's verbs, the conformance harness.
//!
//! stdout carries answers (with `--json` one object per call), stderr everything else. Secrets are never printed, but one that was made
//! up here is, once. Exit codes: 0 ok, 1 failure, 64 bad usage or configuration; `policy` and `conform` have more of their own.
//!
//! The registry's verbs work beside a running broker, which sees their writes within a tenth of a second.

mod admin_token;
mod answer;
mod app;
mod bootstrap;
mod ca;
mod compile;
pub mod conform;
mod data_lock;
pub mod demo;
mod device;
mod error;
mod log;
pub mod policy;
mod product;
mod ready;
mod reload;
mod rules;
mod run;
mod serve;
mod signals;

#[cfg(test)]
mod tests;

pub use data_lock::DataLock;
pub use error::Error;
pub use run::Prepared;

use crate::policy::compiler_child;
use crate::registry::Registry;
use answer::Answer;
use clap::{Parser, Subcommand, error::ErrorKind};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// An MQTT broker whose rules are a WebAssembly component.
#[derive(Parser)]
#[command(name = "iotda-broker", version, about)]
struct Cli {
    /// Directory of the registry, keys and tokens [default: the environment's `IOTDA_BROKER__DATA`, else `data`].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the broker.
    Serve(serve::Serve),
    /// Products: what the devices of one kind have in common.
    #[command(subcommand)]
    Product(product::Verb),
    /// Devices that may connect.
    #[command(subcommand)]
    Device(device::Verb),
    /// Authorities that sign the devices' certificates.
    #[command(subcommand)]
    Ca(ca::Verb),
    /// Applications: back-ends that connect with a password.
    #[command(subcommand)]
    App(app::Verb),
    /// Inspect and test policy components.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Try what a broker does against what the contract and MQTT say.
    Conform(conform::Conform),
    /// For the broker itself: compiles the component on stdin, under limits.
    #[command(name = compiler_child::VERB, hide = true)]
    CompileComponent(compile::Compile),
}

/// Runs what the process was asked for.
pub fn run() -> ExitCode {
    run_with(std::env::args_os())
}

fn run_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(Cli {
            verb: Verb::Policy(command),
            ..
        }) => policy::run(&command),
        Ok(Cli {
            verb: Verb::Conform(conform),
            json,
            ..
        }) => conform::run(&conform, json),
        Ok(Cli {
            verb: Verb::CompileComponent(compile),
            ..
        }) => compile.run(),
        Ok(cli) => ended(execute(cli)),
        Err(help) => {
            // Help and version are answers and go to stdout; the rest is bad usage. A closed stream changes nothing.
            let _ = help.print();
            match help.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(error::USAGE),
            }
        }
    }
}

fn execute(cli: Cli) -> Result<(), Error> {
    let json = cli.json;
    let makes = cli.verb.makes_a_registry();
    let registry = || registry(&data_or_default(cli.data.clone()), makes);
    let answer = match cli.verb {
        Verb::Serve(serve) => return serve.run(cli.data.clone()),
        Verb::Product(verb) => verb.run(&registry()?)?,
        Verb::Device(verb) => verb.run(&registry()?)?,
        Verb::Ca(verb) => verb.run(&registry()?)?,
        Verb::App(verb) => verb.run(&registry()?)?,
        Verb::Policy(_) | Verb::Conform(_) | Verb::CompileComponent(_) => return Ok(()),
    };
    answer.print(json)
}

impl Verb {
    /// The verbs that a data directory begins with; to all others a directory without a registry is a mistyped one.
    fn makes_a_registry(&self) -> bool {
        matches!(
            self,
            Self::Product(product::Verb::Add { .. })
                | Self::Device(device::Verb::Add(_))
                | Self::Ca(ca::Verb::Add { .. })
                | Self::App(app::Verb::Add { .. })
        )
    }
}

fn registry(data: &Path, makes: bool) -> Result<Registry, Error> {
    if makes || Registry::exists(data) {
        Ok(Registry::open(data)?)
    } else {
        Err(Error::NoRegistry(data.to_owned()))
    }
}

fn data_or_default(flag: Option<PathBuf>) -> PathBuf {
    flag.or_else(|| std::env::var_os("IOTDA_BROKER__DATA").map(PathBuf::from))
        .unwrap_or_else(|| "data".into())
}

fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A configuration tells all its problems, one per line.
            for line in error.to_string().lines() {
                eprintln!("error: {line}");
            }
            error.exit_code()
        }
    }
}

/// `KEY=VALUE` of `--attribute`.
fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".into()),
    }
}

/// A secret from the command line; `-` reads it from stdin, where no other process of the machine sees it.
fn secret(argument: String) -> Result<String, Error> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(Error::Stdin)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
