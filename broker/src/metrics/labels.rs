//! The label sets of the metrics. Every value is from the code or the configuration, so the number of series is fixed.

use crate::decision::{Action, Source, Verdict};
use prometheus_client::encoding::EncodeLabelSet;

/// Why something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Cause {
    /// A fixed word.
    pub cause: &'static str,
}

/// What was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabel {
    /// `publish`, `subscribe`, `receive` or `will`.
    pub action: &'static str,
}

/// How a CONNECT was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConnectLabel {
    /// `accepted`, `refused` or `fault`.
    pub result: &'static str,
    /// The name of the cause, [`crate::decision::Cause::name`].
    pub reason: &'static str,
}

/// A policy, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PolicyLabel {
    /// As in `[policies.NAME]`.
    pub policy: String,
}

/// The QoS of a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QosLabel {
    /// 0 or 1.
    pub qos: u8,
}

/// Where a policy candidate came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StateLabel {
    /// The name of the state, [`crate::policy::State::name`].
    pub state: &'static str,
}

/// A call of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabel {
    /// `identify`, `authenticate`, `authorize` or `inspect`.
    pub call: &'static str,
}

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabel {
    /// [`crate::decision::Action::name`].
    pub action: &'static str,
    /// [`crate::decision::Verdict::name`].
    pub verdict: &'static str,
    /// [`crate::decision::Source::name`].
    pub source: &'static str,
}

impl DecisionLabel {
    pub(super) fn new(action: Action, verdict: Verdict, source: Source) -> Self {
        Self {
            action: action.name(),
            verdict: verdict.name(),
            source: source.name(),
        }
    }
}
