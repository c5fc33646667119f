//! The decisions of one session, so that a repeated topic costs one look-up. Pure.
//!
//! A direct-mapped table that starts at 8 entries when the first topic is asked for and doubles, up to 64, when two topics want the same
//! place; so an idle session holds no memory and a device that publishes to one topic holds some 300 bytes. Topics over 256 bytes are not kept: at
//! most 16 KiB a session. A hit compares the whole key; the hash only finds the place, so a collision that a client makes up costs it its own
//! hits and nothing else. Another grant empties the table by itself: no old decision outlives the rules that made it.

use super::{Decision, Grant};
use crate::contract::Qos;

const PLACES_MIN: usize = 8;
const PLACES_MAX: usize = 64;
const TOPIC_MAX: usize = 256;

/// Decisions of one session under one grant. Bounded; dropped with the grant.
#[derive(Debug, Default)]
pub struct DecisionCache {
    /// The number of the grant that made the decisions.
    grant: u64,
    places: Box<[Option<Entry>]>,
}

#[derive(Clone, Debug)]
struct Entry {
    action: Action,
    /// `None`: one of the client's own inboxes brings it.
    decision: Option<Decision>,
    topic: Box<str>,
}

/// What is asked of a topic; `inspect` rules are part of the answer, not of the question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Publish(Qos),
    Receive,
    Arrive,
}

impl DecisionCache {
    /// Holds no memory until the first question.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`Grant::publish`], remembered; and whether it was.
    #[inline]
    pub fn publish(&mut self, grant: &Grant, topic: &str, qos: Qos) -> (Decision, bool) {
        let decide = || Some(grant.publish(topic, qos));
        let (decided, cached) = self.decide(grant.number, Action::Publish(qos), topic, decide);
        (decided.unwrap_or(Decision::Deny { rule: None }), cached)
    }

    /// [`Grant::receive`], remembered; and whether it was.
    #[inline]
    pub fn receive(&mut self, grant: &Grant, topic: &str) -> (Decision, bool) {
        let decide = || Some(grant.receive(topic));
        let (decided, cached) = self.decide(grant.number, Action::Receive, topic, decide);
        (decided.unwrap_or(Decision::Deny { rule: None }), cached)
    }

    /// [`Grant::receive`] for a message that no inbox has brought, remembered, and whether it was; `None` where `by_inbox` says that one
    /// does. What that says may not change under one grant.
    #[inline]
    pub fn arrives(
        &mut self,
        grant: &Grant,
        topic: &str,
        by_inbox: impl FnOnce() -> bool,
    ) -> Option<(Decision, bool)> {
        let decide = || (!by_inbox()).then(|| grant.receive(topic));
        let (decided, cached) = self.decide(grant.number, Action::Arrive, topic, decide);
        decided.map(|decision| (decision, cached))
    }

    /// Forgets everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.places.len()
    }

    fn decide(
        &mut self,
        grant: u64,
        action: Action,
        topic: &str,
        decide: impl FnOnce() -> Option<Decision>,
    ) -> (Option<Decision>, bool) {
        if topic.len() > TOPIC_MAX {
            return (decide(), false);
        }
        if self.grant != grant {
            self.clear();
            self.grant = grant;
        }
        let hash = hash(action, topic);
        match self.place(hash) {
            Some(Some(entry)) if entry.is_for(action, topic) => (entry.decision, true),
            _ => (self.remember(hash, action, topic, decide()), false),
        }
    }

    fn place(&mut self, hash: usize) -> Option<&mut Option<Entry>> {
        let mask = self.places.len().wrapping_sub(1);
        self.places.get_mut(hash & mask)
    }

    fn remember(
        &mut self,
        hash: usize,
        action: Action,
        topic: &str,
        decision: Option<Decision>,
    ) -> Option<Decision> {
        let taken = !matches!(self.place(hash), Some(None));
        if taken && self.places.len() < PLACES_MAX {
            self.grow();
        }
        if let Some(place) = self.place(hash) {
            let topic = topic.into();
            *place = Some(Entry {
                action,
                decision,
                topic,
            });
        }
        decision
    }

    fn grow(&mut self) {
        let places = (self.places.len() * 2).max(PLACES_MIN);
        let entries = std::mem::replace(&mut self.places, vec![None; places].into());
        for entry in entries.into_iter().flatten() {
            if let Some(place) = self.place(hash(entry.action, &entry.topic)) {
                *place = Some(entry);
            }
        }
    }
}

impl Entry {
    fn is_for(&self, action: Action, topic: &str) -> bool {
        self.action == action && *self.topic == *topic
    }
}

/// Eight bytes at a time: about 5 ns for a topic of 50 bytes. Not keyed, see the module's header.
fn hash(action: Action, topic: &str) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let seed = match action {
        Action::Publish(qos) => 1 + qos as u64,
        Action::Receive => 0,
        Action::Arrive => 4,
    };
    let (words, tail) = topic.as_bytes().as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    let hash = words
        .iter()
        .fold(seed, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = tail
        .iter()
        .fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    // The high bits depend on every byte.
    usize::from(hash.to_be_bytes()[0])
}
