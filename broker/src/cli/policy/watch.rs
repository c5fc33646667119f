//! `policy watch DIR`: at each saved change of a policy crate it is built, tested and brought into force in a running broker.
//!
//! ```text
//!   files ──> round: build (cargo) ──> cases (in process) ──> broker (admin port) ──> shown
//! ```
//!
//! What a step refuses ends the round: what is in force stays, but for the first of two halves. Bounds: one round at a time, files are looked at every 2 s where the system tells
//! nothing, a build is stopped with its compilers by the next change of the source and by a signal. Never more than a screen is shown.

mod build;
mod crate_folder;
mod files;
mod http;
mod round;
mod served;
mod shown;
mod told;

use super::limits::Limits;
use super::{Failed, OK, USAGE_CODE};
use crate::cli::signals::Signals;
use crate::policy::{Compiler, Rejection};
use clap::Args;
use crate_folder::{Build, CrateFolder};
use files::Files;
use round::Rounds;
use served::Served;
use std::io::Write;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// The watch itself cannot run.
const WATCH_FAILED: &str = "watch-failed";

/// `policy watch`.
// Flags of a command line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Args, Debug)]
pub struct Watch {
    /// The policy's crate: as `policy new` makes it, or one of a workspace that has the documents in `policies/NAME`
    dir: PathBuf,
    /// The admin port of the broker
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    broker: String,
    /// The file with the broker's admin token
    #[arg(long, value_name = "FILE", default_value = "data/admin.token")]
    token_file: PathBuf,
    /// The policy's name in the broker's configuration [default: the name that the component gives itself]
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Build and test only
    #[arg(long, conflicts_with_all = ["broker", "token_file", "policy"])]
    no_broker: bool,
    /// Build what is shipped, by the crate's own profile; takes longer
    #[arg(long)]
    release: bool,
    /// End after the first round, with its exit code
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object for each round, on a line of its own
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(super) fn run(
        &self,
        compiler: &Compiler,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<u8, Failed> {
        let rounds = Rounds {
            folder: CrateFolder::find(&self.dir, self.build())?,
            settings: self.limits.settings()?,
            compiler: compiler.clone(),
            broker: self.served()?,
        };
        let runtime = Runtime::new().map_err(|error| failed(&error))?;
        let ended = runtime.block_on(self.follow(rounds, out, errors));
        // A trial of a component that is on its way ends by its own limits.
        runtime.shutdown_background();
        ended
    }

    fn build(&self) -> Build {
        if self.release {
            Build::Shipped
        } else {
            Build::Quick
        }
    }

    fn served(&self) -> Result<Option<Served>, Failed> {
        if self.no_broker {
            return Ok(None);
        }
        let address = http::address(&self.broker).ok_or_else(|| {
            Failed::Usage(Rejection::new(
                USAGE_CODE,
                format!("`{}` is no address of an admin port", self.broker),
                "say `http://HOST:PORT`; the admin port speaks no TLS, reach a far one through a tunnel",
            ))
        })?;
        Ok(Some(Served {
            address,
            token_file: self.token_file.clone(),
            policy: self.policy.clone(),
        }))
    }

    async fn follow(
        &self,
        rounds: Rounds,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<u8, Failed> {
        let mut signals = Signals::listen().map_err(|error| failed(&error))?;
        let mut files = Files::follow(&rounds.folder);
        let mut rounds = rounds.start();
        loop {
            let round = tokio::select! {
                round = rounds.next(&mut files) => round,
                _ = signals.next() => return Ok(OK),
            };
            if self.json {
                writeln!(out, "{}", serde_json::json!(round))?;
            } else {
                shown::show(&round, out, errors)?;
            }
            out.flush()?;
            if self.once {
                return Ok(round.exit);
            }
        }
    }
}

fn failed(cause: &dyn std::fmt::Display) -> Failed {
    Failed::unreadable(
        WATCH_FAILED,
        format!("nothing can be watched: {cause}"),
        "check the limits of the process",
    )
}
