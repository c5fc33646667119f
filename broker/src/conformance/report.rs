//! What came out of a run.

use super::About;
use serde::Serialize;

/// Whether a case came out as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// As expected.
    Pass,
    /// Otherwise than expected.
    Fail {
        /// What was done, such as the step of a wire case.
        what: String,
        /// What the case says.
        expected: String,
        /// What was seen.
        got: String,
    },
    /// The case cannot be read or run: it proves nothing.
    Error {
        /// Why, and what to do.
        cause: String,
    },
    /// It needs something that this run has not got.
    Skip {
        /// What.
        reason: String,
    },
}

/// What came out of one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseResult {
    /// Which case.
    #[serde(flatten)]
    pub about: About,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// What came out of all cases, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What was tried: a component's file or an endpoint.
    pub target: String,
    /// One for each case that was selected.
    pub cases: Vec<CaseResult>,
}
