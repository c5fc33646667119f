//! Messages towards the client: which of them it gets, and at which QoS.
//!
//! A link brings supersets (engine topics are canonical) and one copy per overlapping filter, so every message is matched against the
//! session's own filters and against `receive`, whatever brought it. What belongs to one of the client's own inboxes is left to the
//! inbox. A message that cannot be inspected is not delivered. One that finds no room: see [`super::outbound`].

use super::inboxes::Inboxed;
use super::inspect::{Answer, Inspected};
use super::outbound::Offered;
use super::qos::{OFFERED, lower};
use super::queue::Queued;
use super::session::Session;
use super::subscriptions::Match;
use super::{clock, wire};
use crate::contract::{Actions, Qos};
use crate::decision::Action;
use crate::engine::Message;
use crate::grant::Decision;
use bytes::BytesMut;

/// A message that is not for this client: nothing waits more, nothing was dropped for want of room.
const NOTHING: Offered = Offered::Waits(0);

impl Session {
    /// Judges one message of the link and queues it.
    pub(super) async fn accept_linked(&mut self, message: Message) -> Offered {
        match self.wants_linked(&message) {
            Some(wanted) => self.accept(message, wanted).await,
            None => NOTHING,
        }
    }

    /// Judges one message of an inbox and queues it.
    pub(super) async fn accept_inboxed(&mut self, inboxed: Inboxed) -> Offered {
        let Inboxed { message, inbox } = inboxed;
        let Some(wanted) = self.wants_inboxed(&message, inbox.max_qos) else {
            self.broker.metrics.dropped("not_subscribed", 1);
            return NOTHING;
        };
        self.accept(message, wanted).await
    }

    /// Writes as much as the window, the client and the output buffer take.
    pub(super) fn fill(&mut self, output: &mut BytesMut, most: usize) {
        let now = clock::now();
        let mut expired = 0;
        let mut too_large = 0;
        while output.len() < most {
            let Some(sending) = self.outbound.next(now, &mut expired) else {
                break;
            };
            let message = sending.message;
            let (packet_id, qos) = (sending.packet_id, message.qos);
            let delivery = wire::Delivery {
                dup: sending.dup,
                qos,
                retain: false,
                topic: &message.topic,
                packet_id,
                expiry: message.expiry_left(now),
                properties: &message.properties,
                subscription_ids: &message.ids,
                payload: &message.payload,
            };
            if wire::delivery_size(self.terms.level, &delivery) > self.terms.packet_max {
                // As if it had been delivered (MQTT-3.1.2-25).
                too_large += 1;
                self.outbound.acknowledge(packet_id);
                continue;
            }
            wire::publish(self.terms.level, &delivery, output);
            let [unreliable, reliable] = &self.broker.metrics.deliveries;
            if qos == Qos::AtMostOnce {
                unreliable.inc()
            } else {
                reliable.inc()
            };
        }
        self.broker.metrics.dropped("expired", expired);
        self.broker
            .metrics
            .dropped("over_packet_maximum", too_large);
    }

    /// What the client's filters say of a message of the link; `None`: it is not for this client, or not by this way, or not twice.
    pub(super) fn wants_linked(&mut self, message: &Message) -> Option<Match> {
        let local = message.publisher == self.number;
        let wanted = self.subscriptions.matching(&message.topic, local)?;
        if self.subscriptions.linked() > 1 && !self.copies.is_first(message.number) {
            return None;
        }
        let card = &self.seat.mailbox.card;
        let other_way = self
            .rules
            .is_own_inbox(&message.topic, &card.product, &card.node);
        (!other_way).then_some(wanted)
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

    async fn accept(&mut self, message: Message, wanted: Match) -> Offered {
        match self.judge_delivery(message, wanted).await {
            Some(queued) => self.outbound.offer(queued),
            None => NOTHING,
        }
    }

    /// The rules' last word on one message.
    pub(super) async fn judge_delivery(
        &mut self,
        message: Message,
        wanted: Match,
    ) -> Option<Queued> {
        let (max_qos, inspect) = match self.rules.cache.receive(&self.rules.grant, &message.topic) {
            Decision::Allow { max_qos, .. } => (max_qos, None),
            Decision::Inspect { max_qos, rule, .. } => (max_qos, Some(rule)),
            Decision::Deny { rule } => {
                self.deny_receive(&message, rule);
                return None;
            }
        };
        let mut queued = Queued {
            qos: lower(lower(lower(message.qos, wanted.qos), max_qos), OFFERED),
            topic: message.topic,
            payload: message.payload,
            expires: message.expires,
            properties: message.properties,
            ids: wanted.ids,
            greeting: false,
        };
        if let Some(rule) = inspect
            && !self.inspect_delivery(&mut queued, rule).await
        {
            return None;
        }
        Some(queued)
    }

    /// Most denied deliveries are the echo of the client's own uplink under a broad filter: counted, and logged only when asked for.
    fn deny_receive(&self, message: &Message, rule: Option<u16>) {
        self.broker.metrics.denied(Action::Receive.name());
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

    async fn inspect_delivery(&mut self, queued: &mut Queued, rule: u16) -> bool {
        let inspected = Inspected {
            action: Actions::RECEIVE,
            topic: &queued.topic,
            qos: queued.qos,
            retain: false,
            payload: &queued.payload,
            rule,
        };
        match self.inspect(inspected).await {
            Answer::Allow(payload) => queued.payload = payload,
            Answer::Deny(refusal) => {
                self.denied(Action::Receive, &queued.topic, queued.qos, &refusal);
                return false;
            }
            Answer::Fault(fault) => {
                self.record(Action::Receive).fault(&fault).emit();
                self.broker.metrics.dropped("fault", 1);
                return false;
            }
        }
        true
    }
}
