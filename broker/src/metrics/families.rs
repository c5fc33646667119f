//! Every metric's name and help: one list.

use super::labels::{
    ActionLabel, CallLabel, Cause, ConnectLabel, DecisionLabel, PolicyCause, PolicyLabel, QosLabel,
    StateLabel,
};
use crate::decision::Drops;
use prometheus_client::metrics::{
    counter::Counter, family::Family, gauge::Gauge, histogram::Histogram,
};
use prometheus_client::registry::{Metric, Registry};

/// From half a millisecond to the second after which the vendor's Python SDK gives up.
const CONNECT_BUCKETS: [f64; 8] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1.0];
/// From the usual call to the default deadline and the wait for a turn.
const CALL_BUCKETS: [f64; 8] = [0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.002, 0.01, 0.1, 1.0];
/// From a changed document to a component that a busy machine compiles.
const SWAP_BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

pub(super) type Calls = Family<CallLabel, Histogram, fn() -> Histogram>;

/// What is told apart by policy.
#[derive(Clone)]
pub(super) struct Families {
    pub(super) connects: Family<ConnectLabel, Counter>,
    pub(super) ended: Family<PolicyCause, Counter>,
    pub(super) publishes: Family<QosLabel, Counter>,
    pub(super) deliveries: Family<QosLabel, Counter>,
    pub(super) decisions: Family<DecisionLabel, Counter>,
    pub(super) denials: Family<ActionLabel, Counter>,
    pub(super) remarks: Family<PolicyLabel, Counter>,
    pub(super) drops: Family<PolicyCause, Counter>,
    pub(super) unknown_acks: Family<PolicyLabel, Counter>,
    pub(super) wills: Family<PolicyCause, Counter>,
    pub(super) swaps: Family<StateLabel, Counter>,
    pub(super) call_seconds: Calls,
    pub(super) faults: Family<PolicyCause, Counter>,
    pub(super) shadow_compared: Family<PolicyLabel, Counter>,
    pub(super) shadow_disagreements: Family<PolicyLabel, Counter>,
    pub(super) shadow_skipped: Family<PolicyLabel, Counter>,
    pub(super) judged: Family<PolicyCause, Counter>,
    pub(super) kept: Family<PolicyLabel, Gauge>,
    pub(super) registry_changes: Family<PolicyLabel, Counter>,
    pub(super) engine_depth: Family<PolicyLabel, Gauge>,
    pub(super) revisions: Family<PolicyLabel, Gauge>,
    pub(super) sessions: Family<PolicyLabel, Gauge>,
}

impl Families {
    // A list: names and help in one place.
    #[rustfmt::skip]
    pub(super) fn register(names: &mut Names) -> Self {
        Self {
            connects: names.add("connects", "CONNECT packets by result and reason"),
            ended: names.add("sessions_ended", "Ended connections by cause"),
            publishes: names.add("publishes", "PUBLISH packets accepted from clients"),
            deliveries: names.add("deliveries", "PUBLISH packets written to clients"),
            decisions: names.add("decisions", "Decisions by action, verdict and source (rule, cache, inspect, policy, host)"),
            denials: names.add("denials", "Denied packets, filters and deliveries by action"),
            remarks: names.add("remarks", "Messages that passed although the policy found something wrong with them"),
            drops: names.add("drops", "Messages not taken or not delivered, by cause"),
            unknown_acks: names.add("unknown_acks", "PUBACKs for a packet id that is not in flight"),
            wills: names.add("wills", "Will messages by what became of them"),
            swaps: names.add("policy_swaps", "Policy candidates by the states that they came to"),
            call_seconds: names.calls("policy_call_seconds", "Seconds of the calls of the policy, with the wait for a turn"),
            faults: names.add("policy_faults", "Calls that the policy or its host failed, by kind"),
            shadow_compared: names.add("shadow_compared", "Decisions that a shadow was compared in"),
            shadow_disagreements: names.add("shadow_disagreements", "Decisions of a shadow that were others than the active generation's"),
            shadow_skipped: names.add("shadow_skipped", "Decisions that a shadow was not compared in"),
            judged: names.add("judged_sessions", "Live sessions judged again, by result"),
            kept: names.add("kept_messages", "Inbox messages kept for clients that are away"),
            registry_changes: names.add("registry_changes", "Changes told by the registry's feed"),
            engine_depth: names.add("engine_depth", "Events waiting in the engine"),
            revisions: names.add("policy_revision", "The revision of the generation in force, by policy"),
            sessions: names.add("policy_sessions", "Sessions under a policy, parked ones included"),
        }
    }
}

/// The names that are taken.
pub(super) struct Names(pub(super) Registry);

impl Names {
    pub(super) fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    /// Of an answer to a client.
    pub(super) fn quick(&mut self, name: &str, help: &str) -> Histogram {
        self.histogram(name, help, &CONNECT_BUCKETS)
    }

    /// Of a change for all clients.
    pub(super) fn slow(&mut self, name: &str, help: &str) -> Histogram {
        self.histogram(name, help, &SWAP_BUCKETS)
    }

    pub(super) fn decision_log_drops(&mut self) -> Drops {
        let help = "Lines that the decision log could not keep: over the rate, or out of memory before the file had them";
        let family: Family<Cause, Counter> = self.add("decision_log_drops", help);
        let [rate, file] =
            ["rate", "file"].map(|cause| family.get_or_create(&Cause { cause }).clone());
        Drops { rate, file }
    }

    fn calls(&mut self, name: &str, help: &str) -> Calls {
        let family = Calls::new_with_constructor(|| Histogram::new(CALL_BUCKETS));
        self.0.register(name, help, family.clone());
        family
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let histogram = Histogram::new(buckets.iter().copied());
        self.0.register(name, help, histogram.clone());
        histogram
    }
}
