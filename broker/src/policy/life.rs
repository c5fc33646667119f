//! The life of one candidate: its states, when it came to each, how long that took, and how it ended. Pure.
//!
//! ```text
//!   received ─> verified ─> compiled ─> configured ─> tested ─┬────────────> active ─> settled
//!      │           │            │            │           │    └─> shadow ──┬──^ │         │
//!      └───────────┴────────────┴────────────┴───────────┴──── or canary ──┘    └────┬────┘
//!                             └──> rejected                                     rolled-back
//! ```

use super::rejection::Rejection;
use crate::contract::UtcMs;
use serde::{Deserialize, Serialize};

/// Where a candidate is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its bytes are here.
    Received,
    /// Size, digest pin and signature are in order.
    Verified,
    /// It is machine code, imports nothing, and speaks the contract.
    Compiled,
    /// It took its documents.
    Configured,
    /// All cases passed under production limits.
    Tested,
    /// It is asked beside the active generation.
    Shadow,
    /// It answers for some clients.
    Canary,
    /// It answers for all clients, on probation.
    Active,
    /// It was active, and is so no more; or its probation is over.
    Settled,
    /// It never became active.
    Rejected,
    /// It was active, and the generation before it is back.
    RolledBack,
}

/// Where a candidate came from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The start of the broker.
    Start,
    /// A changed file, or SIGHUP.
    File,
    /// The admin API.
    Upload,
    /// A rollback: it was active before.
    Rollback,
}

/// A state, when it was reached, and how long the way to it took.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The state.
    pub state: State,
    /// Unix milliseconds.
    pub at: UtcMs,
    /// Microseconds since the step before it; 0 for the first.
    pub micros: u64,
}

/// Why it was rejected or rolled back, as it is told and kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Stable, for programs: one of [`super::rejection`]'s.
    pub code: String,
    /// The cause.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// One candidate from its bytes to its end.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Life {
    /// Counts candidates, over restarts too.
    pub number: u64,
    /// Where it came from.
    pub origin: Origin,
    /// What it is made of.
    #[serde(flatten)]
    pub made: Made,
    /// The revision that it has, or had; none where it was not configured.
    pub revision: Option<u64>,
    /// In their order.
    pub steps: Vec<Step>,
    /// Why it was rejected or rolled back.
    pub reason: Option<Told>,
    /// Calls that it answered, as of its last step.
    pub calls: u64,
    /// Calls that it failed, as of its last step.
    pub faults: u64,
}

/// Digests of what a generation is made of: SHA-256, lower-case hex.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Of the component's bytes.
    pub component: String,
    /// Over names and texts of the documents.
    pub documents: String,
    /// Over names and texts of the cases.
    pub cases: String,
}

impl Made {
    /// Whether both make the same generation: other cases prove the same rules.
    pub(super) fn is_same_generation(&self, other: &Self) -> bool {
        self.component == other.component && self.documents == other.documents
    }
}

impl State {
    /// As it stands in logs, metrics and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Compiled => "compiled",
            Self::Configured => "configured",
            Self::Tested => "tested",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Active => "active",
            Self::Settled => "settled",
            Self::Rejected => "rejected",
            Self::RolledBack => "rolled-back",
        }
    }
}

impl Origin {
    /// As it stands in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Upload => "upload",
            Self::Rollback => "rollback",
        }
    }
}

impl From<&Rejection> for Told {
    fn from(rejection: &Rejection) -> Self {
        Self {
            code: rejection.code.to_owned(),
            message: rejection.message.clone(),
            help: rejection.help.clone(),
        }
    }
}

impl Life {
    /// A candidate whose bytes have just come.
    pub(super) fn new(number: u64, origin: Origin, made: Made, at: UtcMs) -> Self {
        let state = State::Received;
        Self {
            number,
            origin,
            made,
            revision: None,
            steps: vec![Step {
                state,
                at,
                micros: 0,
            }],
            reason: None,
            calls: 0,
            faults: 0,
        }
    }

    /// Where it is now.
    pub fn state(&self) -> State {
        self.steps.last().map_or(State::Received, |step| step.state)
    }

    /// Microseconds of all steps up to the first in which it answered anybody.
    pub fn micros_to_active(&self) -> u64 {
        let before = self
            .steps
            .iter()
            .take_while(|step| !matches!(step.state, State::Settled | State::RolledBack));
        before.map(|step| step.micros).sum()
    }

    /// Whether a rollback may come back to it: it was in force, and nothing was found against it.
    pub fn was_good(&self) -> bool {
        let was_active = self.steps.iter().any(|step| step.state == State::Active);
        was_active && self.state() != State::RolledBack
    }
}
