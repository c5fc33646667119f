//! `policy replay`: a decision log judged again by another component, line by line.
//!
//! Offline: reads the log as a stream and the registry's file, also beside a running broker, and writes nothing. Exit codes: 0 all the same,
//! 2 differences, 3 the component or its documents are no policy, 1 something cannot be read or nothing could be replayed, 64 bad usage.

use super::differences::{asked, said};
use super::explain::now;
use super::limits::Limits;
use super::loaded::Loaded;
use super::{Failed, OK, logged, records};
use crate::cli::data_or_default;
use crate::policy::Compiler;
use crate::policy::rejection::Rejection;
use crate::workbench::replay::{self, Report, Stopped};
use clap::Args;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// A line is decided otherwise.
const DIFFERENT: u8 = 2;

/// `policy replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Clients are those of the registry as it is now, proved by a stand-in. CONNECTs that were refused for what they claimed are counted, not judged.
Exit codes: 0 all the same, 2 differences, 3 invalid policy, 1 unreadable or nothing to replay, 64 bad usage.")]
pub struct Replay {
    /// The log: the file of `[decisions]`, or what `GET /decisions` answered
    log: PathBuf,
    /// The component that judges: its file, or `built-in`, or `built-in:NAME`
    #[arg(long, value_name = "NEW")]
    component: PathBuf,
    /// Directory of the registry [default: the environment's `IOTDA_BROKER__DATA`, else `data`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of rule documents [default: `policies/NAME` with the component's name, else what is built in]
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// The policy whose decisions are meant, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Differences that are shown, at most 10000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    show: u16,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let log = File::open(&self.log).map_err(|error| logged::unreadable(&self.log, &error))?;
        let data = data_or_default(self.data.clone());
        let registry = records::registry(&data)?;
        let settings = self.limits.settings()?;
        let documents = self.documents.as_deref();
        let loaded = Loaded::load(&settings, compiler, &self.component, documents)?;
        let replay = replay::Replay::new(
            &loaded.generation,
            &loaded.samples,
            self.policy.as_deref(),
            usize::from(self.show),
            now(),
        );
        let report = replay
            .run(&mut BufReader::new(log), |id| registry.subject(id))
            .map_err(|stopped| self.stopped(&data, stopped))?;
        if self.json {
            let text = serde_json::to_string(&report).map_err(io::Error::from)?;
            writeln!(out, "{text}")?;
        } else {
            print(&report, out)?;
        }
        match (report.replayed(), report.different) {
            (0, _) => Err(self.nothing_replayed()),
            (_, 0) => Ok(OK),
            _ => Ok(DIFFERENT),
        }
    }

    fn stopped<E: std::fmt::Display>(&self, data: &Path, stopped: Stopped<E>) -> Failed {
        match stopped {
            Stopped::Log(error) => logged::unreadable(&self.log, &error),
            Stopped::Record(error) => records::unreadable(data, &error),
            Stopped::Policy(failure) => failure.into(),
            Stopped::Policies(..) => Failed::Usage(Rejection::new(
                "policy-ambiguous",
                stopped.to_string(),
                "name the one whose decisions shall be judged again with --policy",
            )),
        }
    }

    fn nothing_replayed(&self) -> Failed {
        Failed::unreadable(
            "nothing-replayed",
            format!("no line of `{}` could be judged again", self.log.display()),
            "look at the counts: is it the broker's log, --data its directory, --policy the right name?",
        )
    }
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.differences {
        let asked = asked(&one.client, one.action, one.topic.as_deref(), one.qos);
        writeln!(out, "line {}: {asked}", one.line)?;
        writeln!(out, "  then {}", said(&one.then))?;
        writeln!(out, "  now  {}", said(&one.now))?;
    }
    let shown = u64::try_from(report.differences.len()).unwrap_or(u64::MAX);
    let more = report.different.saturating_sub(shown);
    if more > 0 {
        writeln!(out, "… and {more} more differences: --show")?;
    }
    writeln!(
        out,
        "{} lines: {} the same ({} by another rule), {} different, {} not replayed",
        report.lines,
        report.same,
        report.by_another_rule,
        report.different,
        report.not_replayed.values().sum::<u64>(),
    )?;
    if report.by_record > 0 {
        writeln!(
            out,
            "{} of CONNECTs and live sessions were judged by the record, without what the CONNECT claimed",
            report.by_record
        )?;
    }
    not_replayed(report, out)
}

fn not_replayed(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (reason, count) in &report.not_replayed {
        writeln!(out, "  {count} {}", reason.words())?;
    }
    if report.lost > 0 {
        writeln!(out, "{} decisions are lost in gaps", report.lost)?;
    }
    if !report.unreadable.is_empty() {
        let numbers: Vec<_> = report.unreadable.iter().map(u64::to_string).collect();
        writeln!(out, "unreadable, the first: line {}", numbers.join(", "))?;
    }
    Ok(())
}
