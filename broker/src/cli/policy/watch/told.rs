//! What a round tells: serialised as it is with `--json`, as a screen otherwise.

use crate::policy::Rejection;
use serde::{Deserialize, Serialize};

/// One round, as far as it came.
#[derive(Debug, Default, Serialize)]
pub(super) struct Round {
    #[serde(rename = "round")]
    pub(super) number: u64,
    /// `source`, `documents`.
    pub(super) changed: Vec<&'static str>,
    /// None: the source has not changed.
    pub(super) build: Option<Build>,
    pub(super) cases: Option<Cases>,
    pub(super) broker: Option<InForce>,
    pub(super) error: Option<Trouble>,
    /// What `--once` ends with.
    pub(super) exit: u8,
}

#[derive(Debug, Serialize)]
pub(super) struct Build {
    pub(super) package: String,
    pub(super) seconds: f64,
    /// Bytes of the component.
    pub(super) size: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Cases {
    pub(super) summary: String,
    pub(super) seconds: f64,
    /// A line for each that did not pass.
    pub(super) failures: Vec<String>,
}

/// The broker's word on what judges now.
#[derive(Clone, Debug, Serialize)]
pub(super) struct InForce {
    pub(super) address: String,
    pub(super) policy: String,
    /// `component`, `documents`: in the order in which they were sent.
    pub(super) sent: Vec<&'static str>,
    pub(super) seconds: f64,
    pub(super) revision: u64,
    pub(super) digest: String,
    pub(super) documents_digest: String,
}

/// Where the round ended, and why.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    /// `build`, `cases`, `policy` or `broker`.
    pub(super) step: &'static str,
    #[serde(flatten)]
    pub(super) refused: Refused,
    /// Of cargo.
    pub(super) output: Option<String>,
}

/// As the admin port writes it, too.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) help: String,
}

impl Refused {
    pub(super) fn new(code: &str, message: String, help: &str) -> Self {
        Self {
            code: code.to_owned(),
            message,
            help: help.to_owned(),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.code, rejection.message, &rejection.help)
    }
}

impl Trouble {
    pub(super) fn of(step: &'static str, refused: Refused) -> Self {
        Self {
            step,
            refused,
            output: None,
        }
    }
}
