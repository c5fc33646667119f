//! What one read of the socket brought: messages that passed, in one batch for the engine, and the PUBACKs that follow once it has them,
//! in the order of their packets (MQTT-4.6.0-2).
//!
//! Bounded by one read and one packet. If the engine is gone nothing is acknowledged, and the connection ends.

use super::end::End;
use super::session::Session;
use super::wire::{self, Publish};
use crate::contract::Qos;
use crate::engine::Message;
use bytes::BytesMut;
use prometheus_client::metrics::counter::Counter;
use std::time::Instant;

/// The least that a PUBLISH takes beside its topic, payload and properties, and so the least that one takes at all.
const HEADER: usize = 4;

/// What one read brought: messages for the engine, and the answers that follow once it has them.
pub(super) struct Intake {
    /// When it was read.
    pub(super) now: Instant,
    pub(super) messages: Vec<Message>,
    answers: Vec<Answered>,
}

/// The PUBACK of one packet.
struct Answered {
    packet_id: u16,
    code: u8,
    reason: Option<String>,
}

impl Session {
    /// Hands the batch over, then answers.
    pub(super) async fn hand_over(
        &mut self,
        mut intake: Intake,
        output: &mut BytesMut,
    ) -> Result<(), End> {
        if !intake.messages.is_empty() {
            count(&self.broker.metrics.publishes, &intake.messages);
            let handed = self.publisher.publish(&mut intake.messages).await;
            handed.map_err(|_| End::EngineDown)?;
        }
        for answer in intake.answers {
            let reason = self.terms.reason(answer.reason.as_deref(), 0);
            wire::puback(
                self.terms.level,
                answer.packet_id,
                answer.code,
                reason,
                output,
            );
        }
        Ok(())
    }
}

impl Intake {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now,
            messages: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Before the first message: room for all that follow in `left` bytes, if they are as long as this one.
    pub(super) fn make_room(&mut self, packet: &Publish, left: usize) {
        if self.messages.capacity() == 0 {
            let size = packet.topic.len() + packet.payload.len() + packet.properties.len();
            let count = 1 + left / size.max(HEADER);
            self.messages.reserve(count);
            if packet.qos != Qos::AtMostOnce {
                self.answers.reserve(count);
            }
        }
    }

    pub(super) fn answer(&mut self, packet: &Publish, code: u8, reason: Option<String>) {
        if packet.qos != Qos::AtMostOnce {
            self.answers.push(Answered {
                packet_id: packet.packet_id,
                code,
                reason,
            });
        }
    }
}

fn count(counters: &[Counter; 2], messages: &[Message]) {
    let reliable = messages
        .iter()
        .filter(|one| one.qos != Qos::AtMostOnce)
        .count() as u64;
    let [unreliable_counter, reliable_counter] = counters;
    let unreliable = messages.len() as u64 - reliable;
    for (counter, count) in [
        (unreliable_counter, unreliable),
        (reliable_counter, reliable),
    ] {
        if count > 0 {
            counter.inc_by(count);
        }
    }
}
