//! `policy bench FILE`: what each call of a component costs, beside the built-in policy, in one run.
//!
//! Both are asked in turn, call by call, with the clients of their own table cases: what else the machine does meets both alike. Bounds: 5 s, or
//! `--rounds` rounds and a minute, and the last compilation on top. A fault ends it with the component's rejection.

mod inputs;
mod measured;
mod shown;

use super::limits::Limits;
use super::loaded::Loaded;
use super::{FAILING_CASE, Failed, OK, read};
use crate::policy::{BuiltIn, Compiler, Rejection, Settings, cases, documents, try_out};
use clap::Args;
use measured::{Side, measure};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_TIME: Duration = Duration::from_secs(5);
/// Of a run by rounds.
const LONGEST: Duration = Duration::from_mins(1);
/// What is kept of a run: some 60 MB.
const ROUNDS_MAX: u32 = 1_000_000;

/// `policy bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// The component's file, or `built-in`
    component: PathBuf,
    /// The folder of rule documents [default: `policies/NAME` here, else what is built in]
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// The folder of cases [default: `cases` in the folder of documents]
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// How often everything is asked, within a minute [default: as often as 5 s allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    rounds: Option<u32>,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(
        &self,
        compiler: &Compiler,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<u8, Failed> {
        let settings = self.limits.settings()?;
        let policy = self.side(&settings, compiler)?;
        if policy.inputs.clients.is_empty() {
            writeln!(
                errors,
                "error: there is no case of a client: nothing can be asked\n  help: name a folder of cases with --cases (no-cases)"
            )?;
            return Ok(FAILING_CASE);
        }
        if cfg!(debug_assertions) {
            writeln!(
                errors,
                "warning: this is a debug build of the broker: figures are not those of a release"
            )?;
        }
        let built_in = built_in(compiler)?;
        let time = self.rounds.map_or(DEFAULT_TIME, |_| LONGEST);
        let rounds = self.rounds.unwrap_or(ROUNDS_MAX);
        let run = measure([policy, built_in], compiler, rounds, time)?;
        if self.json {
            writeln!(out, "{}", shown::json(&run))?;
        } else {
            shown::table(&run, out)?;
        }
        Ok(OK)
    }

    fn side(&self, settings: &Settings, compiler: &Compiler) -> Result<Side, Rejection> {
        let folder = self.documents.as_deref();
        let loaded = Loaded::load(settings, compiler, &self.component, folder)?;
        let samples = match &self.cases {
            Some(folder) => cases::samples(&documents::read_files(folder)?),
            None => loaded.samples,
        };
        let component = read(&self.component)?;
        Side::new(
            loaded.generation,
            settings,
            component,
            loaded.documents,
            samples,
        )
    }
}

/// As a broker without configuration has it.
fn built_in(compiler: &Compiler) -> Result<Side, Rejection> {
    let built_in = BuiltIn::default_policy();
    let settings = Settings::default();
    let folder = built_in.folder();
    let component = built_in.component.to_vec();
    let generation = try_out(&settings, compiler, &component, folder.documents.clone())?;
    let samples = cases::samples(&folder.cases);
    Side::new(generation, &settings, component, folder.documents, samples)
}
