//! What came out of a run. Pure: how it is shown is up to [`super::people`] and [`super::junit`].

use super::About;
use serde::Serialize;
use std::collections::BTreeMap;

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

/// How many cases came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As expected.
    pub passed: usize,
    /// Otherwise than expected.
    pub failed: usize,
    /// Not read or not run.
    pub errors: usize,
    /// Not run for want of something.
    pub skipped: usize,
}

impl Report {
    /// How many cases came out how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for case in &self.cases {
            *match case.outcome {
                Outcome::Pass => &mut counts.passed,
                Outcome::Fail { .. } => &mut counts.failed,
                Outcome::Error { .. } => &mut counts.errors,
                Outcome::Skip { .. } => &mut counts.skipped,
            } += 1;
        }
        counts
    }

    /// At least one case passes, and none fails or errs. What was skipped proves nothing, and nor does no case at all.
    pub fn is_proof(&self) -> bool {
        let counts = self.counts();
        counts.passed > 0 && counts.failed == 0 && counts.errors == 0
    }

    /// One line with the numbers.
    pub fn summary(&self) -> String {
        let Counts {
            passed,
            failed,
            errors,
            skipped,
        } = self.counts();
        let all = self.cases.len();
        format!("{all} cases: {passed} passed, {failed} failed, {errors} errors, {skipped} skipped")
    }

    /// Why cases were skipped, and how many for each reason.
    pub fn skips(&self) -> BTreeMap<&str, usize> {
        let mut skips = BTreeMap::new();
        for case in &self.cases {
            if let Outcome::Skip { reason } = &case.outcome {
                *skips.entry(reason.as_str()).or_default() += 1;
            }
        }
        skips
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
        let case = |(number, outcome)| CaseResult {
            about: About {
                file: "connect.toml".into(),
                name: format!("case {number}"),
                source: "MQTT-3.1.0-1".into(),
                why: "clients hang".into(),
                ..About::default()
            },
            outcome,
            seconds: 0.25,
        };
        Report {
            target: "mqtt://localhost:1883".into(),
            cases: outcomes.into_iter().enumerate().map(case).collect(),
        }
    }

    pub(crate) fn one_of_each() -> Report {
        report([
            Outcome::Pass,
            Outcome::Fail {
                what: "step 2, publish".into(),
                expected: "PUBACK <7>".into(),
                got: "the connection closed & \"gone\"\u{1}".into(),
            },
            Outcome::Error {
                cause: "step 1: no verb".into(),
            },
            Outcome::Skip {
                reason: "no `gateway`".into(),
            },
        ])
    }

    #[test]
    fn the_summary_counts_each_outcome() {
        let report = one_of_each();
        assert_eq!(
            report.summary(),
            "4 cases: 1 passed, 1 failed, 1 errors, 1 skipped"
        );
        assert_eq!(report.skips().get("no `gateway`"), Some(&1));
    }

    #[test]
    fn only_passes_prove_anything() {
        let skip = || Outcome::Skip { reason: "x".into() };
        let error = || Outcome::Error { cause: "x".into() };
        assert!(!report([]).is_proof());
        assert!(!report([skip()]).is_proof());
        assert!(report([Outcome::Pass, skip()]).is_proof());
        assert!(!report([Outcome::Pass, error()]).is_proof());
        assert!(!one_of_each().is_proof());
    }
}
