//! Messages towards the client, from the link and the inboxes into the output.
//!
//! [`super::wanted`] says which of them it gets. A message before which nothing waits is written at once; the others go through the
//! queue. Only what must be inspected needs waiting, and a message that cannot be inspected is not delivered. One that finds no room:
//! see [`super::outbound`].

use super::connection::OUTPUT_HIGH;
use super::decided::Access;
use super::inboxes::Inboxed;
use super::inspect::{Answer, Inspected};
use super::outbound::Offered;
use super::queue::{Queued, expiry_left, is_expired};
use super::reached::micros;
use super::session::Session;
use super::slip::Slip;
use super::subscriptions::Match;
use super::{clock, wire};
use crate::contract::{Actions, Qos, UtcMs};
use crate::decision::Action;
use crate::engine::Message;
use crate::grant::Decision;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Instant;

/// What became of a message.
pub(super) enum Accepted {
    /// It was written, or it is in the queue, or it is not for this client.
    Done(Offered),
    /// This rule wants it inspected first.
    Inspect(Queued, u16),
}

/// Nothing more waits, and nothing was dropped for want of room.
const NOTHING: Accepted = Accepted::Done(Offered::Waits(0));

impl Session {
    /// Judges one message of the link; writes or queues it.
    #[inline]
    pub(super) fn accept_linked(&mut self, message: &Message, output: &mut BytesMut) -> Accepted {
        let mut verdict = std::mem::take(&mut self.verdict);
        let accepted = match self.wants_linked(message, &mut verdict) {
            Some((matched, decision)) => self.accept(message, matched, decision, None, output),
            None => NOTHING,
        };
        self.verdict = verdict;
        accepted
    }

    /// Judges one message of an inbox; writes or queues it.
    pub(super) fn accept_inboxed(&mut self, inboxed: &Inboxed, output: &mut BytesMut) -> Accepted {
        let Inboxed { message, inbox, .. } = inboxed;
        let Some(matched) = self.wants_inboxed(message, inbox.max_qos) else {
            // What was lent stays kept.
            let lost = u64::from(inboxed.slip.is_none());
            self.broker.metrics.dropped("not_subscribed", lost);
            return NOTHING;
        };
        let decision = self.rules.receive(&message.topic);
        self.accept(message, &matched, decision, Some(inboxed), output)
    }

    fn accept(
        &mut self,
        message: &Message,
        matched: &Match,
        decision: (Decision, bool),
        inboxed: Option<&Inboxed>,
        output: &mut BytesMut,
    ) -> Accepted {
        let Some((qos, inspect)) = self.passes(message, matched, decision) else {
            // While everything is refused, nobody has said that it may not be.
            if !self.rules.denies_all {
                hand_on(inboxed);
            }
            return NOTHING;
        };
        let is_clear = output.len() < OUTPUT_HIGH && self.outbound.is_clear_for(qos);
        if inspect.is_none() && is_clear {
            self.write_at_once(message, qos, matched, inboxed, output);
            return NOTHING;
        }
        let queued = Queued {
            slip: self.slip(inboxed),
            ..queued(message, qos, matched)
        };
        match inspect {
            Some(rule) => Accepted::Inspect(queued, rule),
            None => Accepted::Done(self.outbound.offer(queued)),
        }
    }

    /// For a message that its inbox keeps, should it not be handed on.
    fn slip(&self, inboxed: Option<&Inboxed>) -> Option<Arc<Slip>> {
        let inboxed = inboxed.filter(|one| one.inbox.keep_messages > 0)?;
        let fresh = || {
            let mailbox = &self.seat.mailbox;
            Slip::fresh(&self.broker.away, mailbox, inboxed.clone())
        };
        Some(inboxed.slip.clone().unwrap_or_else(fresh))
    }

    /// Past the queue, in which nothing waits.
    fn write_at_once(
        &mut self,
        message: &Message,
        qos: Qos,
        matched: &Match,
        inboxed: Option<&Inboxed>,
        output: &mut BytesMut,
    ) {
        let now = message.expires.map_or(0, |_| clock::now());
        if is_expired(message.expires, now) {
            self.tally.expired += 1;
            return hand_on(inboxed);
        }
        let mut delivery = wire::Delivery {
            dup: false,
            qos,
            retain: false,
            topic: &message.topic,
            packet_id: 0,
            expiry: expiry_left(message.expires, now),
            properties: &message.properties,
            subscription_ids: &matched.ids,
            payload: &message.payload,
        };
        if self.terms.is_too_large(&delivery) {
            self.tally.too_large += 1;
            return hand_on(inboxed);
        }
        if qos == Qos::AtMostOnce {
            hand_on(inboxed);
        } else {
            delivery.packet_id = self.outbound.next_id();
            let flying = Queued {
                slip: self.slip(inboxed),
                ..queued(message, qos, matched)
            };
            self.outbound.flies(delivery.packet_id, flying);
        }
        wire::publish(self.terms.level, &delivery, output);
        self.tally.written(qos);
    }

    /// Writes as much of the queue as the window, the client and the output buffer take.
    pub(super) fn fill(&mut self, output: &mut BytesMut) {
        // What waits is held back while everything is refused.
        if self.rules.denies_all || !self.outbound.has_waiting() {
            return;
        }
        let now = clock::now();
        while output.len() < OUTPUT_HIGH {
            let Some(sending) = self.outbound.next(now, &mut self.tally.expired) else {
                break;
            };
            let delivery = delivery(sending.message, sending.packet_id, sending.dup, now);
            if self.terms.is_too_large(&delivery) {
                // As if it had been delivered (MQTT-3.1.2-25).
                self.tally.too_large += 1;
                sending.message.hand_on();
                let packet_id = sending.packet_id;
                self.outbound.acknowledge(packet_id);
                continue;
            }
            wire::publish(self.terms.level, &delivery, output);
            self.tally.written(delivery.qos);
            if delivery.qos == Qos::AtMostOnce {
                sending.message.hand_on();
            }
        }
    }

    /// A message of the link for a session whose client is away.
    pub(super) async fn judge_linked(&mut self, message: Message) -> Option<Queued> {
        let mut verdict = std::mem::take(&mut self.verdict);
        let judged = match self.wants_linked(&message, &mut verdict) {
            Some((matched, decision)) => self.judge_delivery(message, matched, decision).await,
            None => None,
        };
        self.verdict = verdict;
        judged
    }

    /// A message of an inbox for a session whose client is away.
    pub(super) async fn judge_inboxed(
        &mut self,
        message: Message,
        matched: &Match,
    ) -> Option<Queued> {
        let decision = self.rules.receive(&message.topic);
        self.judge_delivery(message, matched, decision).await
    }

    async fn judge_delivery(
        &mut self,
        message: Message,
        matched: &Match,
        decision: (Decision, bool),
    ) -> Option<Queued> {
        let (qos, inspect) = self.passes(&message, matched, decision)?;
        let message = queued(&message, qos, matched);
        match inspect {
            None => Some(message),
            Some(rule) => self.inspected_delivery(message, rule).await,
        }
    }

    /// The message that passes the inspection, perhaps with another payload.
    pub(super) async fn inspected_delivery(
        &mut self,
        mut queued: Queued,
        rule: u16,
    ) -> Option<Queued> {
        let started = Instant::now();
        let inspected = Inspected {
            action: Actions::RECEIVE,
            topic: &queued.topic,
            qos: queued.qos,
            retain: false,
            payload: &queued.payload,
            rule,
        };
        let answer = self.inspect(inspected).await;
        let access = Access {
            action: Action::Receive,
            topic: &queued.topic,
            qos: queued.qos,
        };
        let took = micros(started);
        self.decided(access, answer.decided(rule).took(took));
        match answer {
            Answer::Allow(payload, _) => {
                queued.payload = payload;
                Some(queued)
            }
            Answer::Deny(_) => {
                queued.hand_on();
                None
            }
            Answer::Fault(_) => {
                self.broker.metrics.dropped("fault", 1);
                None
            }
        }
    }
}

/// The store need not keep it any more.
fn hand_on(inboxed: Option<&Inboxed>) {
    if let Some(slip) = inboxed.and_then(|one| one.slip.as_ref()) {
        slip.hand_on();
    }
}

fn queued(message: &Message, qos: Qos, matched: &Match) -> Queued {
    Queued {
        qos,
        topic: message.topic.clone(),
        payload: message.payload.clone(),
        expires: message.expires,
        properties: message.properties.clone(),
        ids: matched.ids.clone(),
        greeting: false,
        slip: None,
    }
}

fn delivery(message: &Queued, packet_id: u16, dup: bool, now: UtcMs) -> wire::Delivery<'_> {
    wire::Delivery {
        dup,
        qos: message.qos,
        retain: false,
        topic: &message.topic,
        packet_id,
        expiry: expiry_left(message.expires, now),
        properties: &message.properties,
        subscription_ids: &message.ids,
        payload: &message.payload,
    }
}
