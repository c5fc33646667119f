//! What a session has delivered and dropped in one turn of its task, added to the shared counters at once: one addition that threads
//! share costs as much as writing a small message. What a session that is dropped in the middle has not added is not counted.

use crate::contract::Qos;
use crate::decision::Action;
use crate::metrics::{ActionLabel, Metrics};

/// Counts of one turn.
#[derive(Debug, Default)]
pub(super) struct Tally {
    unreliable: u64,
    reliable: u64,
    pub(super) denied: u64,
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
    pub(super) fn settle(&mut self, metrics: &Metrics) {
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
        if turn.denied > 0 {
            let action = Action::Receive.name();
            let denials = metrics.denials.get_or_create(&ActionLabel { action });
            denials.inc_by(turn.denied);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn is_added_once() {
        let metrics = Metrics::default();
        let mut tally = Tally::default();
        tally.written(Qos::AtMostOnce);
        tally.written(Qos::AtLeastOnce);
        tally.written(Qos::AtLeastOnce);
        tally.queue_full += 3;
        tally.denied += 4;
        tally.settle(&metrics);
        tally.settle(&metrics);
        assert_eq!(metrics.deliveries.each_ref().map(Counter::get), [1, 2]);
        let text = metrics.encode();
        assert!(text.contains("drops_total{cause=\"queue_full\"} 3"));
        assert!(text.contains("denials_total{action=\"receive\"} 4"));
        assert!(!text.contains("expired"));
    }
}
