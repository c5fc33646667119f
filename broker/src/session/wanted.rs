//! Whether a message is for this client: what its filters, its inboxes and its rules say of it.
//!
//! A link brings supersets (engine topics are canonical) and one copy per overlapping filter, so every message is matched against the
//! session's own filters and against `receive`, whatever brought it. What belongs to one of the client's own inboxes is left to the
//! inbox. Nothing here waits; a rule that wants the message inspected is named to the caller, [`super::deliver`].

use super::qos::{OFFERED, lower};
use super::session::Session;
use super::subscriptions::Match;
use super::verdict::{Basis, Verdict, Wanted};
use crate::contract::Qos;
use crate::decision::Action;
use crate::engine::Message;
use crate::grant::Decision;

impl Session {
    /// What the client's filters and rules say of a message of the link; `None`: it is not for this client, or not by this way, or
    /// not twice.
    pub(super) fn wants_linked<'v>(
        &mut self,
        message: &Message,
        verdict: &'v mut Verdict,
    ) -> Option<(&'v Match, Decision)> {
        let basis = Basis {
            subscriptions: self.subscriptions.state(),
            grant: self.rules.grant.number(),
            local: message.publisher == self.number,
        };
        let decide = || self.decide_linked(&message.topic, basis.local);
        let wanted = verdict.on(&message.topic, basis, decide)?;
        if wanted.copied && !self.copies.is_first(message.number) {
            return None;
        }
        Some((&wanted.matched, wanted.decision?))
    }

    fn decide_linked(&mut self, topic: &str, local: bool) -> Option<Wanted> {
        let matched = self.subscriptions.matching(topic, local)?;
        let card = &self.seat.mailbox.card;
        Some(Wanted {
            matched,
            copied: self.subscriptions.linked() > 1,
            decision: self.rules.arrives(topic, &card.product, &card.node),
        })
    }

    /// An inbox's topic comes without a subscription where the grant says so, and at the subscribed QoS where there is one.
    pub(super) fn wants_inboxed(&self, message: &Message, max_qos: Qos) -> Option<Match> {
        let local = message.publisher == self.number;
        let subscribed = self.subscriptions.matching(&message.topic, local);
        let unasked = || {
            let unsolicited = self.rules.grant.unsolicited;
            unsolicited.then(|| Match {
                qos: Qos::AtMostOnce,
                ids: Vec::new(),
            })
        };
        let mut wanted = subscribed.or_else(unasked)?;
        wanted.qos = lower(wanted.qos, max_qos);
        Some(wanted)
    }

    /// The QoS of a delivery that may be, and the rule that wants it inspected.
    pub(super) fn passes(
        &mut self,
        message: &Message,
        matched: &Match,
        decision: Decision,
    ) -> Option<(Qos, Option<u16>)> {
        if self.rules.denies_all {
            self.tally.shut += 1;
            return None;
        }
        let most = lower(lower(message.qos, matched.qos), OFFERED);
        self.shown(Action::Receive, &message.topic, most, decision);
        let (max_qos, inspect) = match decision {
            Decision::Allow { max_qos, .. } => (max_qos, None),
            Decision::Inspect { max_qos, rule, .. } => (max_qos, Some(rule)),
            Decision::Deny { rule } => {
                self.deny_receive(message, rule);
                return None;
            }
        };
        Some((lower(most, max_qos), inspect))
    }

    /// Most denied deliveries are the echo of the client's own uplink under a broad filter: counted, and logged only when asked for.
    fn deny_receive(&mut self, message: &Message, rule: Option<u16>) {
        self.tally.denied += 1;
        if tracing::enabled!(target: "decision", tracing::Level::DEBUG) {
            let refusal = self
                .rules
                .refusal("the rules do not allow to receive this topic", rule);
            let record = self.record(Action::Receive);
            crate::decision::Record {
                topic: &message.topic,
                ..record
            }
            .refused(&refusal)
            .emit();
        }
    }
}
