//! `policy test`: table cases against a component, under production limits.
//!
//! A case that fails (FAIL), one that cannot be read or at which the policy faults (ERROR), a set without a case, and with `--require-coverage` a
//! rule that no case decides exit with 2; a component or documents that are refused with 3.

use super::limits::Limits;
use super::{FAILING_CASE, Failed, OK, read};
use crate::policy::{Compiler, cases, documents, try_out};
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `policy test`.
#[derive(Args, Debug)]
pub struct Test {
    /// The component's file, or `built-in`
    component: PathBuf,
    /// The folder of cases, or the policy's folder with `cases/` in it
    cases: PathBuf,
    /// The folder of rule documents [default: the policy's folder]
    #[arg(long)]
    documents: Option<PathBuf>,
    /// Exit with 2 where a rule of a document decides no access of a case
    #[arg(long)]
    require_coverage: bool,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let settings = self.limits.settings()?;
        let folders = Folders::find(self);
        let cases = documents::read_files(&folders.cases)?;
        let documents = documents::read_files(&folders.documents)?;
        let names: Vec<_> = documents.iter().map(|one| one.name.clone()).collect();
        let component = read(&self.component)?;
        let generation = try_out(&settings, compiler, &component, documents)?;
        let (report, coverage) = cases::run_covered(&generation, &cases);
        let covered = coverage.of(&names);
        let lacks = self.require_coverage && !covered.is_complete();
        let is_proof = report.is_proof() && !lacks;
        if self.json {
            let summary = report.summary();
            let all = json!({ "ok": is_proof, "summary": summary, "cases": report.cases, "coverage": covered });
            writeln!(out, "{all}")?;
        } else {
            for case in report.failures() {
                writeln!(out, "{case}")?;
            }
            writeln!(out, "{}", report.summary())?;
            if report.cases.is_empty() {
                let folder = folders.cases.display();
                writeln!(
                    out,
                    "no case proves nothing: put `*.json` files into `{folder}`"
                )?;
            }
            writeln!(out, "{covered}")?;
            if lacks {
                writeln!(
                    out,
                    "write an access into a case for each rule that none decides, or leave out --require-coverage"
                )?;
            }
        }
        Ok(if is_proof { OK } else { FAILING_CASE })
    }
}

struct Folders {
    cases: PathBuf,
    documents: PathBuf,
}

impl Folders {
    /// `policies/iotda` and `policies/iotda/cases` mean the same.
    fn find(test: &Test) -> Self {
        let within = test.cases.join("cases");
        let (cases, policy) = if within.is_dir() {
            (within, test.cases.clone())
        } else {
            (test.cases.clone(), parent(&test.cases))
        };
        let documents = test.documents.clone().unwrap_or(policy);
        Self { cases, documents }
    }
}

/// The folder above, also of a relative path such as `cases` or `.`.
fn parent(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.parent().map_or(absolute.clone(), Path::to_owned)
}
