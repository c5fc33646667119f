//! Every metric's name and help, and the counters that the rooms count in.
//!
//! Bounds: label values come from fixed sets in the code, never from a client, so no series can be made from outside. Counters are one
//! atomic addition; those of the packet loop are resolved once and need no look-up. Nothing here fails but the encoder, into nothing.

mod accesses;
mod labels;

pub use accesses::{AccessCounts, AccessKind, Accesses};
pub use labels::{
    ActionLabel, CallLabel, Cause, ConnectLabel, DecisionLabel, PolicyLabel, QosLabel, StateLabel,
};

use crate::decision::{Action, Drops, Source, Verdict};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::{
    counter::Counter, family::Family, gauge::Gauge, histogram::Histogram,
};
use prometheus_client::registry::{Metric, Registry};
use std::sync::Arc;

/// All metrics of one broker. Clone is cheap; clones count together.
#[derive(Clone)]
pub struct Metrics {
    /// Sockets that are open on any listener.
    pub connections: Gauge,
    /// Sessions with a connection.
    pub sessions: Gauge,
    /// Persistent sessions whose client is away.
    pub parked: Gauge,
    /// CONNECTs by result (accepted, refused, fault) and reason.
    pub connects: Family<ConnectLabel, Counter>,
    /// Seconds from a complete CONNECT to its CONNACK.
    pub connect_seconds: Histogram,
    /// Sessions that ended, by cause.
    pub ended: Family<Cause, Counter>,
    /// TLS handshakes by result.
    pub handshakes: Family<Cause, Counter>,
    /// PUBLISH packets that were accepted from clients, by QoS.
    pub publishes: [Counter; 2],
    /// PUBLISH packets that were written to clients, by QoS.
    pub deliveries: [Counter; 2],
    /// Decisions by action, verdict and source.
    pub decisions: Family<DecisionLabel, Counter>,
    /// Of these, the counters of the packet loop, resolved.
    pub accesses: Accesses,
    /// Lines that the decision log could not keep.
    pub decision_log_drops: Drops,
    /// Denials by action.
    pub denials: Family<ActionLabel, Counter>,
    /// Messages that passed although the policy found something wrong with them.
    pub remarks: Counter,
    /// Messages that were not delivered or not taken, by cause.
    pub drops: Family<Cause, Counter>,
    /// PUBACKs for a packet id that is not in flight.
    pub unknown_acks: Counter,
    /// Wills by what became of them.
    pub wills: Family<Cause, Counter>,
    /// Policy candidates by the states that they came to.
    pub swaps: Family<StateLabel, Counter>,
    /// Seconds from a candidate's bytes to its being in force.
    pub swap_seconds: Histogram,
    /// Seconds from a change to the last live session that was judged again for it.
    pub sweep_seconds: Histogram,
    /// Seconds that one live session took to be judged again.
    pub judge_seconds: Histogram,
    /// Seconds of the calls of the policy, with the wait for a turn.
    pub call_seconds: Family<CallLabel, Histogram, fn() -> Histogram>,
    /// Calls that the policy or its host failed, by kind.
    pub faults: Family<Cause, Counter>,
    /// Decisions that a shadow was compared in.
    pub shadow_compared: Counter,
    /// Decisions of a shadow that were others than the active generation's.
    pub shadow_disagreements: Counter,
    /// Decisions that a shadow was not compared in.
    pub shadow_skipped: Counter,
    /// Live sessions judged again, by result.
    pub judged: Family<Cause, Counter>,
    /// Messages kept for clients that are away.
    pub kept: Gauge,
    /// Changes that the registry's feed told.
    pub registry_changes: Counter,
    /// Events waiting in the engines.
    pub engine_depth: Gauge,
    /// The revision in force, by policy.
    revisions: Family<PolicyLabel, Gauge>,
    /// Sessions, parked ones included, by policy.
    judged_by: Family<PolicyLabel, Gauge>,
    registry: Arc<Registry>,
}

/// From half a millisecond to the second after which the vendor's Python SDK gives up.
const CONNECT_BUCKETS: [f64; 8] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1.0];

/// From the usual call to the default deadline and the wait for a turn.
const CALL_BUCKETS: [f64; 8] = [0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.002, 0.01, 0.1, 1.0];
/// From a changed document to a component that a busy machine compiles.
const SWAP_BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

impl Default for Metrics {
    // A list: names and help of all metrics in one place.
    #[allow(clippy::too_many_lines)]
    fn default() -> Self {
        let mut names = Registry::with_prefix("iotda_broker");
        let publishes = per_qos(
            &mut names,
            "publishes",
            "PUBLISH packets accepted from clients",
        );
        let deliveries = per_qos(
            &mut names,
            "deliveries",
            "PUBLISH packets written to clients",
        );
        let decisions = add(
            &mut names,
            "decisions",
            "Decisions by action, verdict and source (rule, cache, inspect, policy, host)",
        );
        Self {
            connections: add(&mut names, "connections", "Sockets open on any listener"),
            sessions: add(&mut names, "sessions", "Sessions with a connection"),
            parked: add(
                &mut names,
                "parked_sessions",
                "Persistent sessions whose client is away",
            ),
            connects: add(
                &mut names,
                "connects",
                "CONNECT packets by result and reason",
            ),
            connect_seconds: histogram(
                &mut names,
                "connect_seconds",
                "Seconds from a complete CONNECT to its CONNACK",
                &CONNECT_BUCKETS,
            ),
            ended: add(&mut names, "sessions_ended", "Ended connections by cause"),
            handshakes: add(&mut names, "handshakes", "TLS handshakes by result"),
            publishes,
            deliveries,
            accesses: Accesses::of(&decisions),
            decisions,
            decision_log_drops: decision_log_drops(&mut names),
            denials: add(
                &mut names,
                "denials",
                "Denied packets, filters and deliveries by action",
            ),
            remarks: add(
                &mut names,
                "remarks",
                "Messages that passed although the policy found something wrong with them",
            ),
            drops: add(
                &mut names,
                "drops",
                "Messages not taken or not delivered, by cause",
            ),
            unknown_acks: add(
                &mut names,
                "unknown_acks",
                "PUBACKs for a packet id that is not in flight",
            ),
            wills: add(&mut names, "wills", "Will messages by what became of them"),
            swaps: add(
                &mut names,
                "policy_swaps",
                "Policy candidates by the states that they came to",
            ),
            swap_seconds: histogram(
                &mut names,
                "policy_swap_seconds",
                "Seconds from a policy candidate's bytes to its being in force",
                &SWAP_BUCKETS,
            ),
            sweep_seconds: histogram(
                &mut names,
                "policy_sweep_seconds",
                "Seconds from a change of the rules to the last live session judged again",
                &SWAP_BUCKETS,
            ),
            judge_seconds: histogram(
                &mut names,
                "judge_seconds",
                "Seconds that one live session took to be judged again",
                &CONNECT_BUCKETS,
            ),
            call_seconds: call_seconds(&mut names),
            faults: add(
                &mut names,
                "policy_faults",
                "Calls that the policy or its host failed, by kind",
            ),
            shadow_compared: add(
                &mut names,
                "shadow_compared",
                "Decisions that a shadow was compared in",
            ),
            shadow_disagreements: add(
                &mut names,
                "shadow_disagreements",
                "Decisions of a shadow that were others than the active generation's",
            ),
            shadow_skipped: add(
                &mut names,
                "shadow_skipped",
                "Decisions that a shadow was not compared in",
            ),
            judged: add(
                &mut names,
                "judged_sessions",
                "Live sessions judged again, by result",
            ),
            kept: add(
                &mut names,
                "kept_messages",
                "Inbox messages kept for clients that are away",
            ),
            registry_changes: add(
                &mut names,
                "registry_changes",
                "Changes told by the registry's feed",
            ),
            engine_depth: add(&mut names, "engine_depth", "Events waiting in the engines"),
            revisions: add(
                &mut names,
                "policy_revision",
                "The revision of the generation in force, by policy",
            ),
            judged_by: add(
                &mut names,
                "policy_sessions",
                "Sessions under a policy, parked ones included",
            ),
            registry: Arc::new(names),
        }
    }
}

impl Metrics {
    /// The Prometheus text of all metrics. What cannot be formatted is left out: a scrape must not end anything.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::warn!("the metrics cannot be written as text");
        }
        text
    }

    /// Counts one cause that is not on a hot path.
    pub fn count(family: &Family<Cause, Counter>, cause: &'static str) {
        family.get_or_create(&Cause { cause }).inc();
    }

    /// Counts `number` dropped messages.
    pub fn dropped(&self, cause: &'static str, number: u64) {
        if number > 0 {
            self.drops.get_or_create(&Cause { cause }).inc_by(number);
        }
    }

    /// Counts one denial.
    pub fn denied(&self, action: &'static str) {
        self.denials.get_or_create(&ActionLabel { action }).inc();
    }

    /// What is in force under a policy, and how many live under it.
    pub fn policy(&self, name: &str, revision: u64, sessions: usize) {
        let label = PolicyLabel {
            policy: name.to_owned(),
        };
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.revisions.get_or_create(&label).set(gauge(revision));
        self.judged_by
            .get_or_create(&label)
            .set(gauge(sessions as u64));
    }

    /// The histogram of one call of the policy, resolved once.
    pub fn call_seconds(&self, call: CallLabel) -> Histogram {
        self.call_seconds.get_or_create(&call).clone()
    }

    /// Counts one decision that is not on a hot path.
    pub fn decided(&self, action: Action, verdict: Verdict, source: Source) {
        let label = DecisionLabel::new(action, verdict, source);
        self.decisions.get_or_create(&label).inc();
    }

    /// Counts one answered CONNECT.
    pub fn connected(&self, result: &'static str, reason: &'static str) {
        self.connects
            .get_or_create(&ConnectLabel { result, reason })
            .inc();
    }
}

fn add<M: Metric + Clone + Default>(names: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    names.register(name, help, metric.clone());
    metric
}

fn per_qos(names: &mut Registry, name: &str, help: &str) -> [Counter; 2] {
    let family: Family<QosLabel, Counter> = add(names, name, help);
    [0, 1].map(|qos| family.get_or_create(&QosLabel { qos }).clone())
}

fn decision_log_drops(names: &mut Registry) -> Drops {
    let help = "Lines that the decision log could not keep: over the rate, or out of memory before the file had them";
    let family: Family<Cause, Counter> = add(names, "decision_log_drops", help);
    let [rate, file] = ["rate", "file"].map(|cause| family.get_or_create(&Cause { cause }).clone());
    Drops { rate, file }
}

fn histogram(names: &mut Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let histogram = Histogram::new(buckets.iter().copied());
    names.register(name, help, histogram.clone());
    histogram
}

fn call_seconds(names: &mut Registry) -> Family<CallLabel, Histogram, fn() -> Histogram> {
    let family: Family<CallLabel, Histogram, fn() -> Histogram> =
        Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS));
    let help = "Seconds of the calls of the policy, with the wait for a turn";
    names.register("policy_call_seconds", help, family.clone());
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_show_in_the_text() {
        let metrics = Metrics::default();
        let other = metrics.clone();
        other.publishes[1].inc_by(3);
        other.dropped("expired", 2);
        other.dropped("expired", 0);
        other.denied("publish");
        other.connected("refused", "credentials");
        other.sessions.inc();
        other.decided(Action::Judge, Verdict::Deny, Source::Host);
        other.decision_log_drops.rate.inc_by(2);
        let text = metrics.encode();
        for line in [
            "iotda_broker_publishes_total{qos=\"1\"} 3",
            "iotda_broker_drops_total{cause=\"expired\"} 2",
            "iotda_broker_denials_total{action=\"publish\"} 1",
            "iotda_broker_connects_total{result=\"refused\",reason=\"credentials\"} 1",
            "iotda_broker_sessions 1",
            "iotda_broker_decisions_total{action=\"judge\",verdict=\"deny\",source=\"host\"} 1",
            "iotda_broker_decision_log_drops_total{cause=\"rate\"} 2",
            "# HELP iotda_broker_drops Messages not taken or not delivered, by cause.",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
