//! Every metric's name and help, and the counters that the rooms count in.
//!
//! Bounds: label values come from fixed sets in the code and the configuration, never from a client, so no series can be made from outside.
//! Counters are one atomic addition; those of the packet loop are resolved once and need no look-up. Nothing here fails but the encoder, into
//! nothing.

mod accesses;
mod families;
mod labels;
mod policy;

pub use accesses::{AccessCounts, AccessKind, Accesses};
pub use policy::PolicyMetrics;

use crate::decision::Drops;
use families::{Families, Names};
use labels::{Cause, PolicyLabel};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::{
    counter::Counter, family::Family, gauge::Gauge, histogram::Histogram,
};
use prometheus_client::registry::Registry;
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
    /// Seconds from a complete CONNECT to its CONNACK.
    pub connect_seconds: Histogram,
    /// Lines that the decision log could not keep.
    pub decision_log_drops: Drops,
    /// Seconds from a candidate's bytes to its being in force.
    pub swap_seconds: Histogram,
    /// Seconds from a change to the last live session that was judged again for it.
    pub sweep_seconds: Histogram,
    /// Seconds that one live session took to be judged again.
    pub judge_seconds: Histogram,
    handshakes: Family<Cause, Counter>,
    families: Families,
    registry: Arc<Registry>,
}

/// What a policy is like at this moment.
#[derive(Clone, Copy, Debug)]
pub struct PolicyGauges {
    /// Of the generation in force.
    pub revision: u64,
    /// Parked ones included.
    pub sessions: usize,
    /// Events waiting in its engine.
    pub engine_depth: usize,
}

impl Default for Metrics {
    // A list, as that of the families.
    #[rustfmt::skip]
    fn default() -> Self {
        let mut names = Names(Registry::with_prefix("iotda_broker"));
        Self {
            connections: names.add("connections", "Sockets open on any listener"),
            sessions: names.add("sessions", "Sessions with a connection"),
            parked: names.add("parked_sessions", "Persistent sessions whose client is away"),
            connect_seconds: names.quick("connect_seconds", "Seconds from a complete CONNECT to its CONNACK"),
            handshakes: names.add("handshakes", "TLS handshakes by result"),
            decision_log_drops: names.decision_log_drops(),
            swap_seconds: names.slow("policy_swap_seconds", "Seconds from a policy candidate's bytes to its being in force"),
            sweep_seconds: names.slow("policy_sweep_seconds", "Seconds from a change of the rules to the last live session judged again"),
            judge_seconds: names.quick("judge_seconds", "Seconds that one live session took to be judged again"),
            families: Families::register(&mut names),
            registry: Arc::new(names.0),
        }
    }
}

impl Metrics {
    /// What is counted under one policy, by its name in the configuration.
    pub fn of_policy(&self, name: &str) -> PolicyMetrics {
        PolicyMetrics::new(self, name)
    }

    /// The Prometheus text of all metrics. What cannot be formatted is left out: a scrape must not end anything.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::warn!("the metrics cannot be written as text");
        }
        text
    }

    /// Counts one TLS handshake.
    pub fn handshake(&self, result: &'static str) {
        let cause = Cause { cause: result };
        self.handshakes.get_or_create(&cause).inc();
    }

    /// What is read at a scrape.
    pub fn policy(&self, name: &str, now: PolicyGauges) {
        let label = PolicyLabel {
            policy: name.into(),
        };
        let families = &self.families;
        for (family, number) in [
            (&families.revisions, now.revision),
            (&families.sessions, now.sessions as u64),
            (&families.engine_depth, now.engine_depth as u64),
        ] {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            family.get_or_create(&label).set(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_names_help_and_an_end() {
        let metrics = Metrics::default();
        metrics.clone().sessions.inc();
        metrics.handshake("ok");
        metrics.decision_log_drops.rate.inc_by(2);
        let now = PolicyGauges {
            revision: 3,
            sessions: 7,
            engine_depth: 0,
        };
        metrics.policy("fleet", now);
        let text = metrics.encode();
        for line in [
            "iotda_broker_sessions 1",
            "iotda_broker_handshakes_total{cause=\"ok\"} 1",
            "iotda_broker_decision_log_drops_total{cause=\"rate\"} 2",
            "iotda_broker_policy_revision{policy=\"fleet\"} 3",
            "iotda_broker_policy_sessions{policy=\"fleet\"} 7",
            "# HELP iotda_broker_sessions Sessions with a connection.",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
