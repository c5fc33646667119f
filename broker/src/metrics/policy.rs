//! What is counted under one policy: the same metrics for each, told apart by the label `policy`.
//!
//! Counters of the packet loop are resolved once, at the start; the others by a look-up. Clones count together.

use super::labels::{
    ActionLabel, CallLabel, ConnectLabel, DecisionLabel, PolicyCause, PolicyLabel, QosLabel,
    StateLabel,
};
use super::{Accesses, Metrics};
use crate::decision::{Action, Source, Verdict};
use prometheus_client::metrics::{
    counter::Counter, family::Family, gauge::Gauge, histogram::Histogram,
};
use std::sync::Arc;

/// The metrics of one policy, and those that all share.
#[derive(Clone)]
pub struct PolicyMetrics {
    /// What is not told apart by policy.
    pub shared: Metrics,
    /// PUBLISH packets that were accepted from clients, by QoS.
    pub publishes: [Counter; 2],
    /// PUBLISH packets that were written to clients, by QoS.
    pub deliveries: [Counter; 2],
    /// Decisions of the packet loop.
    pub accesses: Accesses,
    /// Messages that passed although the policy found something wrong with them.
    pub remarks: Counter,
    /// PUBACKs for a packet id that is not in flight.
    pub unknown_acks: Counter,
    /// Decisions that a shadow was compared in.
    pub shadow_compared: Counter,
    /// Decisions of a shadow that were others than the active generation's.
    pub shadow_disagreements: Counter,
    /// Decisions that a shadow was not compared in.
    pub shadow_skipped: Counter,
    /// Messages kept for clients that are away.
    pub kept: Gauge,
    /// Changes that the registry's feed told; every policy follows it.
    pub registry_changes: Counter,
    policy: Arc<str>,
}

/// Of a policy that nobody asks for its metrics.
impl Default for PolicyMetrics {
    fn default() -> Self {
        Metrics::default().of_policy("")
    }
}

impl PolicyMetrics {
    pub(super) fn new(shared: &Metrics, policy: &str) -> Self {
        let policy: Arc<str> = policy.into();
        let label = PolicyLabel {
            policy: Arc::clone(&policy),
        };
        let counter = |family: &Family<PolicyLabel, Counter>| family.get_or_create(&label).clone();
        let per_qos = |family: &Family<QosLabel, Counter>| {
            [0, 1].map(|qos| {
                let policy = Arc::clone(&policy);
                family.get_or_create(&QosLabel { qos, policy }).clone()
            })
        };
        let families = &shared.families;
        Self {
            publishes: per_qos(&families.publishes),
            deliveries: per_qos(&families.deliveries),
            accesses: Accesses::of(&policy, &families.decisions),
            remarks: counter(&families.remarks),
            unknown_acks: counter(&families.unknown_acks),
            shadow_compared: counter(&families.shadow_compared),
            shadow_disagreements: counter(&families.shadow_disagreements),
            shadow_skipped: counter(&families.shadow_skipped),
            kept: families.kept.get_or_create(&label).clone(),
            registry_changes: counter(&families.registry_changes),
            shared: shared.clone(),
            policy,
        }
    }

    /// Counts one answered CONNECT; `result`: accepted, refused or fault.
    pub fn connected(&self, result: &'static str, reason: &'static str) {
        let policy = Arc::clone(&self.policy);
        let label = ConnectLabel {
            result,
            reason,
            policy,
        };
        self.shared.families.connects.get_or_create(&label).inc();
    }

    /// Counts one connection that ended.
    pub fn ended(&self, cause: &'static str) {
        self.count(&self.shared.families.ended, cause, 1);
    }

    /// Counts `number` dropped messages.
    pub fn dropped(&self, cause: &'static str, number: u64) {
        self.count(&self.shared.families.drops, cause, number);
    }

    /// Counts one will.
    pub fn will(&self, result: &'static str) {
        self.count(&self.shared.families.wills, result, 1);
    }

    /// Counts one live session that was judged again.
    pub fn judged(&self, result: &'static str) {
        self.count(&self.shared.families.judged, result, 1);
    }

    /// Counts one call that the policy or its host failed.
    pub fn faulted(&self, kind: &'static str) {
        self.count(&self.shared.families.faults, kind, 1);
    }

    /// Counts `number` denials.
    pub fn denied(&self, action: Action, number: u64) {
        if number > 0 {
            let label = ActionLabel {
                action: action.name(),
                policy: Arc::clone(&self.policy),
            };
            let denials = self.shared.families.denials.get_or_create(&label);
            denials.inc_by(number);
        }
    }

    /// Counts one decision that is not on a hot path.
    pub fn decided(&self, action: Action, verdict: Verdict, source: Source) {
        let label = DecisionLabel::new(&self.policy, action, verdict, source);
        self.shared.families.decisions.get_or_create(&label).inc();
    }

    /// Counts one policy candidate that came to this state.
    pub fn candidate(&self, state: &'static str) {
        let policy = Arc::clone(&self.policy);
        let label = StateLabel { state, policy };
        self.shared.families.swaps.get_or_create(&label).inc();
    }

    /// The histogram of one call of the policy, resolved once.
    pub fn call_seconds(&self, call: &'static str) -> Histogram {
        let policy = Arc::clone(&self.policy);
        let label = CallLabel { call, policy };
        let calls = &self.shared.families.call_seconds;
        calls.get_or_create(&label).clone()
    }

    fn count(&self, family: &Family<PolicyCause, Counter>, cause: &'static str, number: u64) {
        if number > 0 {
            let policy = Arc::clone(&self.policy);
            let label = PolicyCause { cause, policy };
            family.get_or_create(&label).inc_by(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_told_apart_and_clones_count_together() {
        let all = Metrics::default();
        let (one, other) = (all.of_policy("one"), all.of_policy("other"));
        one.clone().publishes[1].inc_by(3);
        one.publishes[1].inc();
        other.publishes[1].inc();
        one.dropped("expired", 2);
        one.dropped("expired", 0);
        other.dropped("queue_full", 0);
        one.denied(Action::Publish, 1);
        other.connected("refused", "credentials");
        other.faulted("trap");
        one.decided(Action::Judge, Verdict::Deny, Source::Host);
        one.call_seconds("identify").observe(0.1);
        let text = all.encode();
        for line in [
            r#"publishes_total{qos="1",policy="one"} 4"#,
            r#"publishes_total{qos="1",policy="other"} 1"#,
            r#"drops_total{cause="expired",policy="one"} 2"#,
            r#"denials_total{action="publish",policy="one"} 1"#,
            r#"connects_total{result="refused",reason="credentials",policy="other"} 1"#,
            r#"policy_faults_total{cause="trap",policy="other"} 1"#,
            r#"decisions_total{action="judge",verdict="deny",source="host",policy="one"} 1"#,
            r#"policy_call_seconds_count{call="identify",policy="one"} 1"#,
            r#"remarks_total{policy="other"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("queue_full"), "{text}");
    }
}
