//! Messages that wait for one client, bounded in number and bytes. Pure.
//!
//! QoS 0 goes first when it gets tight: the newest is dropped where no room is left, and waiting ones make room for QoS 1.

use super::outbound::Offered;
use super::slip::Slip;
use crate::contract::{Qos, UtcMs};
use bytes::Bytes;
use bytestring::ByteString;
use std::collections::VecDeque;
use std::sync::Arc;

/// A message as it will be written, but for the packet id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queued {
    pub(crate) topic: ByteString,
    pub(crate) payload: Bytes,
    /// The effective QoS, 0 or 1.
    pub(crate) qos: Qos,
    /// Unix milliseconds after which it is not sent.
    pub(crate) expires: Option<UtcMs>,
    /// MQTT 5 properties in wire form.
    pub(crate) properties: Bytes,
    /// The identifiers of the subscriptions that want it.
    pub(crate) ids: Vec<u32>,
    /// A greeting: not checked against the rules (contract: `greetings`).
    pub(crate) greeting: bool,
    /// Of a message of an inbox that keeps.
    pub(crate) slip: Option<Arc<Slip>>,
}

impl Queued {
    /// It is delivered, or shall never be: nobody keeps it any more.
    pub(crate) fn hand_on(&self) {
        if let Some(slip) = &self.slip {
            slip.hand_on();
        }
    }

    /// Puts it into the store, if its inbox keeps; true where it is there.
    pub(crate) fn secure(&self) -> bool {
        if let Some(slip) = &self.slip {
            slip.secure();
        }
        self.slip.is_some()
    }

    fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.len()
    }
}

/// Whether the life of a message that ends at `expires` is over.
pub(crate) fn is_expired(expires: Option<UtcMs>, now: UtcMs) -> bool {
    expires.is_some_and(|expires| expires <= now)
}

/// What is left of such a life, in whole seconds and at least one.
pub(crate) fn expiry_left(expires: Option<UtcMs>, now: UtcMs) -> Option<u32> {
    let left = expires?.saturating_sub(now).div_ceil(1_000).max(1);
    Some(u32::try_from(left).unwrap_or(u32::MAX))
}

/// An empty ring of so many is given back at once, a larger one when the session looks at its clock: its client is busy, and making the
/// ring anew for every window costs more than the messages.
pub(super) const FEW: usize = 4;

/// How much may wait for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Queued>,
    bytes: usize,
    room: Room,
}

impl Queue {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            room,
        }
    }

    /// Adds it at the end, within the bounds.
    pub(crate) fn offer(&mut self, message: Queued) -> Offered {
        let mut displaced = 0;
        if !self.has_room() {
            if message.qos == Qos::AtMostOnce {
                return Offered::Dropped;
            }
            displaced = self.retain(|waiting| waiting.qos != Qos::AtMostOnce);
            if !self.has_room() {
                return Offered::Full;
            }
        }
        self.bytes += message.bytes();
        self.waiting.push_back(message);
        Offered::Waits(displaced)
    }

    /// Adds it at the front, past the bounds: the host's own few.
    pub(crate) fn put_first(&mut self, message: Queued) {
        self.bytes += message.bytes();
        self.waiting.push_front(message);
    }

    pub(crate) fn first(&self) -> Option<&Queued> {
        self.waiting.front()
    }

    pub(crate) fn take_first(&mut self) -> Option<Queued> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.bytes();
        if self.waiting.capacity() <= FEW {
            self.release();
        }
        Some(first)
    }

    /// In the order in which they wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.waiting.iter()
    }

    /// Another message in this place, or none.
    pub(crate) fn set(&mut self, place: usize, message: Option<Queued>) {
        let Some(waiting) = self.waiting.get_mut(place) else {
            return;
        };
        self.bytes -= waiting.bytes();
        match message {
            Some(message) => {
                self.bytes += message.bytes();
                *waiting = message;
            }
            None => drop(self.waiting.remove(place)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives the memory back, where nothing waits.
    pub(crate) fn release(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// Keeps those that `keep` says; returns how many were dropped.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Queued) -> bool) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(keep);
        self.bytes = self.waiting.iter().map(Queued::bytes).sum();
        before - self.waiting.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// At most half full: whatever comes next finds room.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.len() <= self.room.messages / 2 && self.bytes <= self.room.bytes / 2
    }

    /// The last message may go over the bytes, so that a large one always finds its way.
    fn has_room(&self) -> bool {
        self.waiting.is_empty()
            || (self.waiting.len() < self.room.messages && self.bytes < self.room.bytes)
    }
}
