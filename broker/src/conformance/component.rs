//! The component cases: whatever component is given decides them, with the documents and on the path of a broker.
//!
//! Bounds are those of [`cases`]: each call has its deadline, and a fault is an error of the case.

use super::{About, CaseResult, Outcome};
use crate::policy::Generation;
use crate::policy::cases::{self, CaseFile};
use std::time::Instant;

/// What the cases say of themselves; files that cannot be read say nothing.
pub fn list(files: &[CaseFile]) -> Vec<About> {
    cases::list(files)
}

/// Runs those that are wanted. Blocks.
pub fn run(
    generation: &Generation,
    files: &[CaseFile],
    wanted: &dyn Fn(&About) -> bool,
) -> Vec<CaseResult> {
    let mut last = Instant::now();
    let mut results = Vec::new();
    cases::run_each(generation, files, wanted, &mut |result| {
        let seconds = last.elapsed().as_secs_f64();
        last = Instant::now();
        results.push(CaseResult {
            about: result.about,
            outcome: outcome(result.outcome),
            seconds,
        });
    });
    results
}

fn outcome(outcome: cases::Outcome) -> Outcome {
    match outcome {
        cases::Outcome::Pass => Outcome::Pass,
        cases::Outcome::Fail { expected, got } => Outcome::Fail {
            what: "the component's decision".to_owned(),
            expected,
            got,
        },
        cases::Outcome::Error { cause } => Outcome::Error { cause },
    }
}
