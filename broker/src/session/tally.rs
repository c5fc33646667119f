//! What a session has decided, delivered and dropped in one turn of its task, added to the shared counters at once: one addition that threads
//! share costs as much as writing a small message. What a session that is dropped in the middle has not added is not counted.

use crate::contract::Qos;
use crate::decision::{self, Action};
use crate::metrics::{AccessCounts, PolicyMetrics};

/// Counts of one turn.
#[derive(Debug, Default)]
pub(super) struct Tally {
    unreliable: u64,
    reliable: u64,
    /// Decisions of the rules in the packet loop.
    pub(super) decided: AccessCounts,
    /// The client has had its lines in the decision log: for the rest of the turn they are only counted.
    pub(super) is_muted: bool,
    pub(super) unlogged: u64,
    pub(super) expired: u64,
    pub(super) too_large: u64,
    pub(super) queue_full: u64,
    /// An operator has shut everything.
    pub(super) shut: u64,
}

impl Tally {
    /// One PUBLISH was written.
    pub(super) fn written(&mut self, qos: Qos) {
        if qos == Qos::AtMostOnce {
            self.unreliable += 1;
        } else {
            self.reliable += 1;
        }
    }

    /// Adds all to the shared counters and starts anew.
    pub(super) fn settle(&mut self, metrics: &PolicyMetrics, decisions: &decision::Log) {
        let turn = std::mem::take(self);
        let [unreliable, reliable] = &metrics.deliveries;
        for (counter, count) in [(unreliable, turn.unreliable), (reliable, turn.reliable)] {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        metrics.dropped("expired", turn.expired);
        metrics.dropped("over_packet_maximum", turn.too_large);
        metrics.dropped("queue_full", turn.queue_full);
        metrics.dropped("deny_all", turn.shut);
        metrics.accesses.add(&turn.decided);
        for (action, is_receive) in [(Action::Publish, false), (Action::Receive, true)] {
            metrics.denied(action, turn.decided.denied(is_receive));
        }
        if turn.unlogged > 0 {
            decisions.lost(turn.unlogged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Source, Verdict};
    use crate::metrics::{AccessKind, Metrics};
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn is_added_once() {
        let all = Metrics::default();
        let metrics = all.of_policy("p");
        let drops = &all.decision_log_drops;
        let decisions = decision::Log::start(&decision::Settings::default(), drops).unwrap();
        let mut tally = Tally::default();
        tally.written(Qos::AtMostOnce);
        tally.written(Qos::AtLeastOnce);
        tally.written(Qos::AtLeastOnce);
        tally.queue_full += 3;
        let echo = AccessKind::of(Action::Receive, Verdict::Deny, Source::Cache).unwrap();
        for _ in 0..4 {
            tally.decided.count(echo);
        }
        tally.is_muted = true;
        tally.unlogged += 2;
        tally.settle(&metrics, &decisions);
        tally.settle(&metrics, &decisions);
        assert!(!tally.is_muted);
        assert_eq!(drops.rate.get(), 2);
        assert_eq!(metrics.deliveries.each_ref().map(Counter::get), [1, 2]);
        let text = all.encode();
        assert!(text.contains("drops_total{cause=\"queue_full\",policy=\"p\"} 3"));
        assert!(text.contains("denials_total{action=\"receive\",policy=\"p\"} 4"));
        let decided =
            "decisions_total{action=\"receive\",verdict=\"deny\",source=\"cache\",policy=\"p\"} 4";
        assert!(text.contains(decided), "{text}");
        assert!(!text.contains("expired"));
    }
}
