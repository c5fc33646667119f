//! Whether a message is for this client: what its filters, its inboxes and its rules say of it.
//!
//! A link brings supersets (engine topics are canonical) and one copy per overlapping filter, so every message is matched against the
//! session's own filters and against `receive`, whatever brought it. What belongs to one of the client's own inboxes is left to the
//! inbox. Nothing here waits; a rule that wants the message inspected is named to the caller, [`super::deliver`].

use super::candidate::DENIES_ALL;
use super::decided::{Access, Decided};
use super::qos::{OFFERED, lower};
use super::session::Session;
use super::subscriptions::Match;
use super::verdict::{Basis, Verdict, Wanted};
use crate::contract::Qos;
use crate::decision::{Action, Source};
use crate::engine::Message;
use crate::grant::Decision;

impl Session {
    /// What the client's filters and rules say of a message of the link, and whether that was remembered; `None`: it is not for this
    /// client, or not by this way, or not twice.
    pub(super) fn wants_linked<'v>(
        &mut self,
        message: &Message,
        verdict: &'v mut Verdict,
    ) -> Option<(&'v Match, (Decision, bool))> {
        let basis = Basis {
            subscriptions: self.subscriptions.state(),
            grant: self.rules.grant.number(),
            local: message.publisher == self.number,
        };
        let decide = || self.decide_linked(&message.topic, basis.local);
        let (wanted, is_known) = verdict.on(&message.topic, basis, decide)?;
        if wanted.copied && !self.copies.is_first(message.number) {
            return None;
        }
        let (decision, cached) = wanted.decision?;
        Some((&wanted.matched, (decision, cached || is_known)))
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

    /// An inbox's topic comes without a subscription where the grant says so, and at the subscribed QoS where there is one. A subscription
    /// with no local that covers it is the client's word that it does not want to hear itself (MQTT-3.8.3-3).
    pub(super) fn wants_inboxed(&self, message: &Message, max_qos: Qos) -> Option<Match> {
        let local = message.publisher == self.number;
        let subscribed = self.subscriptions.matching(&message.topic, local);
        let unasked = || {
            let silenced = local && self.subscriptions.silences(&message.topic);
            let unsolicited = self.rules.grant.is_unsolicited(&message.topic) && !silenced;
            unsolicited.then(|| Match {
                qos: Qos::AtMostOnce,
                ids: Vec::new(),
            })
        };
        let mut wanted = subscribed.or_else(unasked)?;
        wanted.qos = lower(wanted.qos, max_qos);
        Some(wanted)
    }

    /// The QoS of a delivery that may be, and the rule that wants it inspected. Most denied deliveries are the echo of the client's own
    /// uplink under a broad filter.
    #[inline]
    pub(super) fn passes(
        &mut self,
        message: &Message,
        matched: &Match,
        (decision, cached): (Decision, bool),
    ) -> Option<(Qos, Option<u16>)> {
        let qos = lower(lower(message.qos, matched.qos), OFFERED);
        let receive = |qos| Access {
            action: Action::Receive,
            topic: &message.topic,
            qos,
        };
        if self.rules.denies_all {
            self.tally.shut += 1;
            self.decided(receive(qos), Decided::fault(DENIES_ALL, Source::Host));
            return None;
        }
        self.shown(receive(qos), decision);
        match decision {
            Decision::Allow { max_qos, rule, .. } => {
                let qos = lower(qos, max_qos);
                self.decided(receive(qos), Decided::allowed(rule, cached));
                Some((qos, None))
            }
            Decision::Inspect { max_qos, rule, .. } => Some((lower(qos, max_qos), Some(rule))),
            Decision::Deny { rule } => {
                let detail = "the rules do not allow to receive this topic";
                self.decided(receive(qos), Decided::denied(rule, cached, detail));
                None
            }
        }
    }
}
