//! `policy diff`: what another component, or other documents, would allow and deny that is not so now.
//!
//! Offline. Exit codes: 0 no difference, 2 differences, 3 one of them is no policy, 1 something cannot be read, 64 bad usage.

use super::differences::print_differences;
use super::limits::Limits;
use super::loaded::Loaded;
use super::{Failed, OK, logged, records};
use crate::cli::policy::explain::now;
use crate::contract::{Client, Credential, Subject};
use crate::policy::Compiler;
use crate::policy::cases::Sample;
use crate::registry::Page;
use crate::workbench::diff::{Diff, Report};
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// They decide differently.
const DIFFERENT: u8 = 2;
/// Records that are read at once.
const PAGE: u32 = 1_000;
/// Records of cases that are asked about, where there is no registry.
const CASES_MAX: usize = 200;

/// `policy diff`.
#[derive(Args, Debug)]
#[command(after_help = "\
Clients are those of the registry, without --data those of the policies' cases. Topics are those of the cases, of the grants' own patterns, and of --log.
Exit codes: 0 no difference, 2 differences, 3 invalid policy, 1 unreadable, 64 bad usage.")]
pub struct PolicyDiff {
    /// The component that decides now: its file, or `built-in`, or `built-in:NAME`
    old: PathBuf,
    /// The one that shall
    new: PathBuf,
    /// Directory of the registry whose clients are asked about
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of OLD's rule documents [default: `policies/NAME`, else what is built in]
    #[arg(long, value_name = "DIR")]
    documents_old: Option<PathBuf>,
    /// The folder of NEW's rule documents [default: `policies/NAME`, else what is built in]
    #[arg(long, value_name = "DIR")]
    documents_new: Option<PathBuf>,
    /// A decision log, for its topics
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Differences that are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl PolicyDiff {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let topics = self.log.as_deref().map(logged::topics).transpose()?;
        let topics = topics.unwrap_or_default();
        let settings = self.limits.settings()?;
        let old = Loaded::load(
            &settings,
            compiler,
            &self.old,
            self.documents_old.as_deref(),
        )?;
        let new = Loaded::load(
            &settings,
            compiler,
            &self.new,
            self.documents_new.as_deref(),
        )?;
        let samples = [old.samples, new.samples].concat();
        let generations = [&old.generation, &new.generation];
        let mut diff = Diff::new(generations, &samples, &topics, now());
        match &self.data {
            Some(data) => registered(data, &mut diff)?,
            None => {
                for subject in of_cases(&samples) {
                    diff.client(&subject)?;
                }
            }
        }
        let report = diff.report();
        if self.json {
            writeln!(
                out,
                "{}",
                serde_json::to_string(&report).map_err(io::Error::from)?
            )?;
        } else {
            self.print(&report, out)?;
        }
        Ok(if report.is_same() { OK } else { DIFFERENT })
    }

    fn print(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} clients, {} decisions asked: {} the same, {} newly allowed, {} newly denied, {} otherwise; {} other limits or greetings; inboxes {}",
            report.clients,
            report.asked,
            report.same,
            report.newly_allowed,
            report.newly_denied,
            report.other,
            report.grants,
            if report.inboxes { "differ" } else { "the same" },
        )?;
        if let Some(first) = &report.first_unproven {
            writeln!(out, "{} clients not asked about: {first}", report.unproven)?;
        }
        if report.cut > 0 {
            writeln!(
                out,
                "{} clients with more topics than are asked",
                report.cut
            )?;
        }
        print_differences(&report.differences, self.show, out)
    }
}

fn registered(data: &Path, diff: &mut Diff<'_>) -> Result<(), Failed> {
    let registry = records::registry(data)?;
    let unreadable = |error| records::unreadable(data, &error);
    for application in [false, true] {
        let mut after = String::new();
        loop {
            let page = Page {
                after: after.clone(),
                limit: PAGE,
            };
            let clients = registry.clients(application, None, &page);
            let clients = clients.map_err(&unreadable)?;
            let Some(last) = clients.last() else {
                break;
            };
            after.clone_from(&last.id);
            for client in &clients {
                let subject = registry.subject(&client.id).map_err(&unreadable)?;
                diff.client(&subject)?;
            }
        }
    }
    Ok(())
}

/// Each record once, whatever proves it.
fn of_cases(samples: &[Sample]) -> Vec<Subject> {
    let mut known: Vec<Subject> = Vec::new();
    for sample in samples {
        let plain = Subject {
            client: sample.subject.client.clone().map(|client| Client {
                credential: Credential::Token(b"of a case".to_vec()),
                ..client
            }),
            product: sample.subject.product.clone(),
        };
        if plain.client.is_some() && known.len() < CASES_MAX && !known.contains(&plain) {
            known.push(plain);
        }
    }
    known
}
