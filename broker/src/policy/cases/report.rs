//! What came out of the cases, for people and for programs.

use super::about::About;
use serde::Serialize;
use std::fmt;

/// What came out of all cases, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each case, and one for each file that cannot be read.
    pub cases: Vec<CaseResult>,
}

/// What came out of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Which case.
    #[serde(flatten)]
    pub about: About,
    /// Whether it came out as it should.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether a case came out as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// As expected.
    Pass,
    /// The policy decided otherwise.
    Fail {
        /// What the case says.
        expected: String,
        /// What the policy says.
        got: String,
    },
    /// The case cannot be read, or the policy faulted.
    Error {
        /// Why.
        cause: String,
    },
}

impl Report {
    /// All that did not pass.
    pub fn failures(&self) -> impl Iterator<Item = &CaseResult> {
        let failed = |case: &&CaseResult| case.outcome != Outcome::Pass;
        self.cases.iter().filter(failed)
    }

    /// There are cases, and all pass. No case proves nothing.
    pub fn is_proof(&self) -> bool {
        !self.cases.is_empty() && self.failures().next().is_none()
    }

    /// One line with the numbers.
    pub fn summary(&self) -> String {
        let all = self.cases.len();
        let errors = |case: &&CaseResult| matches!(case.outcome, Outcome::Error { .. });
        let (failed, errors) = (
            self.failures().count(),
            self.cases.iter().filter(errors).count(),
        );
        let (passed, failed) = (all - failed, failed - errors);
        format!("{all} cases: {passed} passed, {failed} failed, {errors} errors")
    }
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { file, name, .. } = &self.about;
        match &self.outcome {
            Outcome::Pass => write!(f, "PASS {file}: {name}"),
            Outcome::Fail { expected, got } => {
                write!(f, "FAIL {file}: {name}: expected {expected}, got {got}")
            }
            Outcome::Error { cause } => write!(f, "ERROR {file}: {name}: {cause}"),
        }
    }
}
