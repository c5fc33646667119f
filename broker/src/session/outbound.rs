//! QoS towards one client: the queue, the window of unacknowledged QoS 1 messages, packet ids and redelivery. Pure: no clock, no socket.
//!
//! Bounds: messages and bytes of the queue; the window is the client's receive maximum, at most the operator's (100). Over the bound a QoS 0 message is
//! dropped, and a QoS 1 message first displaces waiting QoS 0 messages; if none is left, the caller is told that the reader cannot keep
//! up. Acknowledgements may come in any order; one for an id that is not in flight is told and ignored.
//! A message of an inbox that keeps has a slip, which is told when it was acknowledged or is over ([`super::slip`]).

mod packet_ids;

use super::queue::{FEW, Queue, Queued, Room, is_expired};
use crate::contract::{Qos, UtcMs};
use packet_ids::PacketIds;
use std::collections::VecDeque;

/// What became of a message that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It waits, and so many QoS 0 messages were dropped for it.
    Waits(usize),
    /// A QoS 0 message beyond the bound: dropped.
    Dropped,
    /// A QoS 1 message beyond the bound: the reader cannot keep up.
    Full,
}

/// A message to write now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending<'a> {
    /// It may have been sent before.
    pub(crate) dup: bool,
    /// 0 for QoS 0.
    pub(crate) packet_id: u16,
    /// What to send.
    pub(crate) message: &'a Queued,
}

#[derive(Debug)]
struct Flying {
    packet_id: u16,
    /// Sent on this connection; otherwise it waits to be sent again with DUP.
    sent: bool,
    message: Queued,
}

/// All that is on its way to one client. Survives its connections where the session does.
#[derive(Debug)]
pub(crate) struct Outbound {
    queue: Queue,
    flying: VecDeque<Flying>,
    window: u16,
    ids: PacketIds,
    resending: bool,
    /// The QoS 0 message that is being written.
    current: Option<Queued>,
}

impl Outbound {
    /// Nothing on its way; `window` is how many QoS 1 messages may be in flight.
    pub(crate) fn new(window: u16, room: Room) -> Self {
        Self {
            queue: Queue::new(room),
            flying: VecDeque::new(),
            window,
            ids: PacketIds::default(),
            resending: false,
            current: None,
        }
    }

    /// The client is back: all in flight goes out again, in order, with DUP and the ids it had (MQTT-4.4.0-1).
    pub(crate) fn resume(&mut self, window: u16) {
        self.window = window;
        for flying in &mut self.flying {
            flying.sent = false;
        }
        self.resending = !self.flying.is_empty();
    }

    /// Puts a message behind all others.
    pub(crate) fn offer(&mut self, message: Queued) -> Offered {
        self.queue.offer(message)
    }

    /// Puts messages before all others that wait, in their order: what the policy wants said first.
    pub(crate) fn greet(&mut self, messages: impl DoubleEndedIterator<Item = Queued>) {
        for message in messages.rev() {
            self.queue.put_first(message);
        }
    }

    /// Whether a message of this QoS may be sent past the queue: nothing waits before it, and the window is open.
    pub(crate) fn is_clear_for(&self, qos: Qos) -> bool {
        !self.has_waiting() && (qos == Qos::AtMostOnce || self.has_window())
    }

    /// The packet id of a QoS 1 message that is written past the queue; see [`Self::is_clear_for`].
    pub(crate) fn next_id(&mut self) -> u16 {
        self.ids.next(&self.flying.iter().map(|one| one.packet_id))
    }

    /// That message is written.
    pub(crate) fn flies(&mut self, packet_id: u16, message: Queued) {
        self.flying.push_back(Flying {
            packet_id,
            sent: true,
            message,
        });
    }

    /// Whether anything waits to be written.
    pub(crate) fn has_waiting(&self) -> bool {
        self.resending || !self.queue.is_empty()
    }

    /// The next message to write, if the window is open. Expired ones are dropped and counted in `expired`.
    pub(crate) fn next(&mut self, now: UtcMs, expired: &mut u64) -> Option<Sending<'_>> {
        if self.resending {
            return self.resend();
        }
        while is_expired(self.queue.first()?.expires, now) {
            if let Some(over) = self.queue.take_first() {
                over.hand_on();
            }
            *expired += 1;
        }
        if self.queue.first()?.qos == Qos::AtMostOnce {
            self.current = self.queue.take_first();
            return self.current.as_ref().map(unacknowledged);
        }
        self.fly()
    }

    /// The client acknowledged; false where nothing of that id is in flight.
    pub(crate) fn acknowledge(&mut self, packet_id: u16) -> bool {
        // Nearly always the oldest: clients acknowledge in order (MQTT-4.6.0-2).
        let found = self
            .flying
            .iter()
            .position(|one| one.packet_id == packet_id && one.sent);
        match found {
            Some(0) => land(self.flying.pop_front()),
            Some(index) => land(self.flying.remove(index)),
            None => {}
        }
        if self.flying.capacity() <= FEW {
            self.land();
        }
        found.is_some()
    }

    /// Whether a QoS 1 message of this id has been sent on this connection and waits for its PUBACK.
    pub(crate) fn is_flying(&self, packet_id: u16) -> bool {
        let mut flying = self.flying.iter();
        flying.any(|one| one.packet_id == packet_id && one.sent)
    }

    /// Gives back the memory of what is empty.
    pub(crate) fn release(&mut self) {
        self.land();
        self.queue.release();
    }

    fn land(&mut self) {
        if self.flying.is_empty() {
            self.flying = VecDeque::new();
        }
    }

    /// Drops everything that `may` forbids, also what is in flight; returns how many.
    pub(crate) fn retain(&mut self, mut may: impl FnMut(&Queued) -> bool) -> usize {
        let before = self.flying.len();
        self.flying.retain(|one| may(&one.message));
        self.resending = self.flying.iter().any(|one| !one.sent);
        before - self.flying.len() + self.queue.retain(may)
    }

    /// The first message from this place on that `wanted` says something of: those in flight first, then those that wait.
    pub(crate) fn find_from<T>(
        &self,
        place: usize,
        mut wanted: impl FnMut(&Queued) -> Option<T>,
    ) -> Option<(usize, Queued, T)> {
        let all = self.flying.iter().map(|one| &one.message);
        let all = all.chain(self.queue.iter()).enumerate().skip(place);
        all.into_iter().find_map(|(at, message)| {
            let wanted = wanted(message)?;
            Some((at, message.clone(), wanted))
        })
    }

    /// Another message in this place, or none.
    pub(crate) fn set(&mut self, place: usize, message: Option<Queued>) {
        let waiting = place.checked_sub(self.flying.len());
        match (waiting, message) {
            (Some(place), message) => self.queue.set(place, message),
            (None, Some(message)) => {
                if let Some(flying) = self.flying.get_mut(place) {
                    flying.message = message;
                }
            }
            (None, None) => {
                self.flying.remove(place);
                self.resending = self.flying.iter().any(|one| !one.sent);
            }
        }
    }

    /// Leaves what waits and is of an inbox that keeps to the store, in its order. What is in flight is there, too, but stays: its packet
    /// ids are the session's (MQTT-4.4.0-1).
    pub(crate) fn secure(&mut self) {
        for flying in &self.flying {
            flying.message.secure();
        }
        // First all of them: what is dropped below is dropped in any order.
        for waiting in self.queue.iter() {
            waiting.secure();
        }
        self.queue.retain(|waiting| waiting.slip.is_none());
    }

    /// The session ends: what inboxes keep is left to the store, in its order; the rest is dropped.
    pub(crate) fn give_up(&mut self) {
        self.secure();
        self.flying = VecDeque::new();
        self.resending = false;
        self.current = None;
        self.queue.retain(|_| false);
        self.queue.release();
    }

    /// Drops the QoS 0 messages that wait: they are not kept for a client that is away.
    pub(crate) fn forget_unreliable(&mut self) -> usize {
        self.current = None;
        self.queue.retain(|message| message.qos != Qos::AtMostOnce)
    }

    /// Whether the queue is so short that more should be fetched.
    pub(crate) fn wants_more(&self) -> bool {
        self.queue.is_short()
    }

    /// Messages that wait or are in flight.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.flying.len()
    }

    /// The window holds for what is sent again, too: the client may take fewer than it did on its last connection (MQTT-3.3.4-9).
    fn resend(&mut self) -> Option<Sending<'_>> {
        let left = self.flying.iter().filter(|one| !one.sent).count();
        if self.flying.len() - left >= usize::from(self.window) {
            return None;
        }
        self.resending = left > 1;
        let again = self.flying.iter_mut().find(|one| !one.sent)?;
        again.sent = true;
        Some(Sending {
            dup: true,
            packet_id: again.packet_id,
            message: &again.message,
        })
    }

    fn fly(&mut self) -> Option<Sending<'_>> {
        if !self.has_window() {
            return None;
        }
        let message = self.queue.take_first()?;
        let packet_id = self.next_id();
        self.flies(packet_id, message);
        self.flying.back().map(|one| Sending {
            dup: false,
            packet_id,
            message: &one.message,
        })
    }

    fn has_window(&self) -> bool {
        self.flying.len() < usize::from(self.window)
    }
}

fn land(flying: Option<Flying>) {
    if let Some(flying) = flying {
        flying.message.hand_on();
    }
}

fn unacknowledged(message: &Queued) -> Sending<'_> {
    Sending {
        dup: false,
        packet_id: 0,
        message,
    }
}

#[cfg(test)]
mod tests;
