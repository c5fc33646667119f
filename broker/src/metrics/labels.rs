//! The label sets of the metrics. Every value is from the code or the configuration, so the number of series is fixed.

use crate::decision::{Action, Source, Verdict};
use prometheus_client::encoding::EncodeLabelSet;
use std::sync::Arc;

/// Why something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Cause {
    /// A fixed word.
    pub(super) cause: &'static str,
}

/// Why something happened to the clients of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PolicyCause {
    /// A fixed word.
    pub(super) cause: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// What was denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ActionLabel {
    /// `publish`, `subscribe`, `receive` or `will`.
    pub(super) action: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// How a CONNECT was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ConnectLabel {
    /// `accepted`, `refused` or `fault`.
    pub(super) result: &'static str,
    /// The name of the cause, [`crate::decision::Cause::name`].
    pub(super) reason: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// A policy, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PolicyLabel {
    /// As in `[policies.NAME]`.
    pub(super) policy: Arc<str>,
}

/// The QoS of a PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct QosLabel {
    /// 0 or 1.
    pub(super) qos: u8,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// Where a policy candidate came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StateLabel {
    /// The name of the state, `crate::policy::State::name`.
    pub(super) state: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// A call of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabel {
    /// `identify`, `authenticate`, `authorize` or `inspect`.
    pub(super) call: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DecisionLabel {
    /// [`crate::decision::Action::name`].
    pub(super) action: &'static str,
    /// [`crate::decision::Verdict::name`].
    pub(super) verdict: &'static str,
    /// [`crate::decision::Source::name`].
    pub(super) source: &'static str,
    /// The policy's name.
    pub(super) policy: Arc<str>,
}

impl DecisionLabel {
    pub(super) fn new(policy: &Arc<str>, action: Action, verdict: Verdict, source: Source) -> Self {
        Self {
            policy: Arc::clone(policy),
            action: action.name(),
            verdict: verdict.name(),
            source: source.name(),
        }
    }
}
