//! `conform --component FILE`: the table cases on any component, compiled and limited as in a broker.

use super::{Conform, Failed};
use crate::cli::policy;
use crate::conformance::{CaseResult, Outcome, Report, component};
use crate::policy::{CaseFile, Compiler, Settings, documents, try_out};
use std::path::Path;

pub(super) fn run(conform: &Conform, file: &Path) -> Result<Report, Failed> {
    let bytes = policy::read(file)?;
    let documents = match &conform.documents {
        Some(folder) => documents::read_files(folder)?,
        None => conform.policy()?.folder().documents,
    };
    let cases = cases(conform)?;
    let compiler = Compiler::this_program();
    let generation = try_out(&Settings::default(), &compiler, &bytes, documents)?;
    let selection = conform.selection();
    Ok(Report {
        target: file.display().to_string(),
        cases: component::run(&generation, &cases, &|about| selection.takes(about)),
    })
}

/// The cases that would run.
pub(super) fn list(conform: &Conform) -> Result<Vec<CaseResult>, Failed> {
    let selection = conform.selection();
    let all = component::list(&cases(conform)?).into_iter();
    let listed = all.filter(|about| selection.takes(about));
    let only_listed = |about| CaseResult {
        about,
        outcome: Outcome::Skip {
            reason: "only listed".to_owned(),
        },
        seconds: 0.0,
    };
    Ok(listed.map(only_listed).collect())
}

fn cases(conform: &Conform) -> Result<Vec<CaseFile>, Failed> {
    match &conform.cases {
        Some(folder) => Ok(documents::read_files(folder)?),
        None => Ok(conform.policy()?.folder().cases),
    }
}
