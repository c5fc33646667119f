//! What filters and rules say of the topic that the link brought last, for the next message of that topic: publications of one
//! topic come in rows. Pure.
//!
//! One topic, compared as a whole; asked anew after any change of the subscriptions or the grant, whose numbers it carries. Bounded by
//! one topic; a session without a link never holds one.

use super::subscriptions::Match;
use crate::grant::Decision;

/// The topic of the last message of the link and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    known: Option<Box<Known>>,
}

/// All that an answer depends on besides the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    /// Which state of the subscriptions ([`super::subscriptions::Subscriptions::state`]).
    pub(super) subscriptions: u64,
    /// Which grant ([`crate::grant::Grant::number`]).
    pub(super) grant: u64,
    /// Whether the session published the message itself.
    pub(super) local: bool,
}

/// A topic that some filter wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) matched: Match,
    /// More than one filter is in the engine, so copies may come.
    pub(super) copied: bool,
    /// What `receive` says, and whether that was remembered then; `None`: one of the client's own inboxes brings it.
    pub(super) decision: Option<(Decision, bool)>,
}

#[derive(Debug)]
struct Known {
    topic: String,
    basis: Basis,
    wanted: Option<Wanted>,
}

impl Verdict {
    /// What is known of the topic, or what `decide` says of it now; and which of the two. `None`: no filter wants it.
    #[inline]
    pub(super) fn on(
        &mut self,
        topic: &str,
        basis: Basis,
        decide: impl FnOnce() -> Option<Wanted>,
    ) -> Option<(&Wanted, bool)> {
        let is_this = |known: &Known| known.basis == basis && known.topic == topic;
        let is_known = self.known.as_deref().is_some_and(is_this);
        if !is_known {
            self.known = Some(Box::new(Known {
                topic: topic.to_owned(),
                basis,
                wanted: decide(),
            }));
        }
        let wanted = self.known.as_ref()?.wanted.as_ref()?;
        Some((wanted, is_known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Qos;

    fn wanted(id: u32) -> Wanted {
        Wanted {
            matched: Match {
                qos: Qos::AtMostOnce,
                ids: vec![id],
            },
            copied: false,
            decision: None,
        }
    }

    #[test]
    fn is_asked_again_for_another_topic_and_after_every_change() {
        let basis = Basis {
            subscriptions: 1,
            grant: 1,
            local: false,
        };
        let questions = [
            ("a", basis, true),
            ("a", basis, false),
            ("b", basis, true),
            ("a", basis, true),
            ("a", Basis { grant: 2, ..basis }, true),
            (
                "a",
                Basis {
                    subscriptions: 2,
                    ..basis
                },
                true,
            ),
            (
                "a",
                Basis {
                    local: true,
                    ..basis
                },
                true,
            ),
            (
                "a",
                Basis {
                    local: true,
                    ..basis
                },
                false,
            ),
        ];
        let mut verdict = Verdict::default();
        let mut last = None;
        for ((topic, basis, is_new), id) in questions.into_iter().zip(0..) {
            let answer = verdict.on(topic, basis, || Some(wanted(id)));
            let answer = answer.map(|(wanted, is_known)| (wanted.clone(), !is_known));
            if is_new {
                last = Some(wanted(id));
            }
            let expected = last.clone().map(|last| (last, is_new));
            assert_eq!(answer, expected, "question {id}");
        }
    }
}
