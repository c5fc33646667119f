//! The decisions of the packet loop: their counters, resolved once, and the numbers that one session adds in one turn.

use super::labels::DecisionLabel;
use crate::decision::{Action, Source, Verdict};
use prometheus_client::metrics::{counter::Counter, family::Family};
use std::sync::Arc;

/// Kinds of native decisions on a PUBLISH or a delivery.
const KINDS: usize = 8;

/// One kind: publish or receive, allowed or denied, by a rule or remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessKind {
    /// Towards the client.
    pub receive: bool,
    /// By a rule, or by none.
    pub denied: bool,
    /// Remembered.
    pub cached: bool,
}

impl AccessKind {
    /// `None`: it is not one of the packet loop's.
    #[inline]
    pub fn of(action: Action, verdict: Verdict, source: Source) -> Option<Self> {
        Some(Self {
            receive: match action {
                Action::Publish => false,
                Action::Receive => true,
                _ => return None,
            },
            denied: match verdict {
                Verdict::Allow => false,
                Verdict::Deny => true,
                Verdict::Fault => return None,
            },
            cached: match source {
                Source::Rule => false,
                Source::Cache => true,
                _ => return None,
            },
        })
    }

    #[inline]
    fn place(self) -> usize {
        usize::from(self.receive) << 2 | usize::from(self.denied) << 1 | usize::from(self.cached)
    }

    fn all() -> [Self; KINDS] {
        std::array::from_fn(|place| Self {
            receive: place & 4 != 0,
            denied: place & 2 != 0,
            cached: place & 1 != 0,
        })
    }

    fn label(self, policy: &Arc<str>) -> DecisionLabel {
        let action = if self.receive {
            Action::Receive
        } else {
            Action::Publish
        };
        let verdict = if self.denied {
            Verdict::Deny
        } else {
            Verdict::Allow
        };
        DecisionLabel::new(policy, action, verdict, Source::of_rules(self.cached))
    }
}

/// The shared counters of all kinds.
#[derive(Clone, Debug)]
pub struct Accesses([Counter; KINDS]);

impl Accesses {
    pub(super) fn of(policy: &Arc<str>, decisions: &Family<DecisionLabel, Counter>) -> Self {
        let counter = |kind: AccessKind| decisions.get_or_create(&kind.label(policy)).clone();
        Self(AccessKind::all().map(counter))
    }

    /// Adds what one session decided in one turn.
    pub fn add(&self, turn: &AccessCounts) {
        for (counter, count) in self.0.iter().zip(turn.0) {
            if count > 0 {
                counter.inc_by(count.into());
            }
        }
    }
}

/// What one session decided in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessCounts([u32; KINDS]);

impl AccessCounts {
    /// Counts one.
    #[inline]
    pub fn count(&mut self, kind: AccessKind) {
        if let Some(count) = self.0.get_mut(kind.place()) {
            *count += 1;
        }
    }

    /// Denials of one direction.
    pub fn denied(&self, receive: bool) -> u64 {
        let kinds = AccessKind::all().into_iter().zip(self.0);
        let denied = kinds.filter(|(kind, _)| kind.denied && kind.receive == receive);
        denied.map(|(_, count)| u64::from(count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn each_kind_has_its_own_counter() {
        let all = Metrics::default();
        let metrics = all.of_policy("p");
        let mut turn = AccessCounts::default();
        for (kind, times) in AccessKind::all().into_iter().zip(1..) {
            for _ in 0..times {
                turn.count(kind);
            }
        }
        metrics.accesses.add(&turn);
        let text = all.encode();
        for (labels, count) in [
            (r#"action="publish",verdict="allow",source="rule""#, 1),
            (r#"action="publish",verdict="allow",source="cache""#, 2),
            (r#"action="publish",verdict="deny",source="rule""#, 3),
            (r#"action="receive",verdict="allow",source="cache""#, 6),
            (r#"action="receive",verdict="deny",source="cache""#, 8),
        ] {
            let line = format!("decisions_total{{{labels},policy=\"p\"}} {count}\n");
            assert!(text.contains(&line), "{line} is missing in\n{text}");
        }
        assert_eq!((turn.denied(false), turn.denied(true)), (3 + 4, 7 + 8));
    }

    #[test]
    fn what_is_no_native_decision_of_the_packet_loop_is_none() {
        let of = AccessKind::of;
        for (action, verdict, source) in [
            (Action::Subscribe, Verdict::Allow, Source::Rule),
            (Action::Publish, Verdict::Fault, Source::Rule),
            (Action::Receive, Verdict::Allow, Source::Inspect),
            (Action::Publish, Verdict::Deny, Source::Host),
        ] {
            assert_eq!(of(action, verdict, source), None);
        }
        for kind in AccessKind::all() {
            let action = if kind.receive {
                Action::Receive
            } else {
                Action::Publish
            };
            let verdict = if kind.denied {
                Verdict::Deny
            } else {
                Verdict::Allow
            };
            assert_eq!(
                of(action, verdict, Source::of_rules(kind.cached)),
                Some(kind)
            );
        }
    }
}
