//! A message as it lies in the engine: one buffer that holds the engine's topic, then the envelope, then the payload. Pure.
//!
//! rumqttd overwrites a message's QoS by the subscription's, has no message number and knows one topic only; so the publisher's QoS, the
//! publisher, the number, the expiry, the properties and (where it was cut) the true topic travel in front of the payload. A
//! right-sized buffer also un-pins the connection's read buffer from the engine's log (upstream issue 1001). Messages of one topic that
//! came in a row share a buffer of at most 4 KiB: two allocations for 50 small messages instead of a hundred.
//!
//! Layout: `flags u8, publisher u64, number u64, [expires u64], [topic u16 + bytes], [properties u32 + bytes], payload`.

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use super::{Message, topic};
use crate::contract::Qos;

const QOS: u8 = 0b0000_0011;
const HAS_EXPIRY: u8 = 0b0000_0100;
const HAS_TOPIC: u8 = 0b0000_1000;
const HAS_PROPERTIES: u8 = 0b0001_0000;
/// Bytes of the messages that share one buffer.
pub(super) const ROW: usize = 4096;
/// Flags, publisher and number.
const FIXED: usize = 1 + 8 + 8;

/// Engine topic and engine payload of each message of `batch`, numbered from `first`, in their order.
pub(super) fn seal(batch: &[Message], first: u64) -> Vec<(Bytes, Bytes)> {
    let mut sealed = Vec::with_capacity(batch.len());
    let (mut rest, mut number) = (batch, first);
    while let Some(head) = rest.first() {
        let (row, others) = rest.split_at(row_length(head, rest));
        seal_row(&head.topic, row, number, &mut sealed);
        number = number.wrapping_add(row.len() as u64);
        rest = others;
    }
    sealed
}

/// How many messages from the first on share a buffer: those of its topic, which lie in the same logs and so leave them together, up to
/// [`ROW`] bytes, which is what one of them can pin at most where it is kept longer than the others.
fn row_length(head: &Message, batch: &[Message]) -> usize {
    let mut bytes = 0;
    let shares = |message: &&Message| {
        bytes += sealed_size(message);
        message.topic == head.topic && bytes <= ROW
    };
    batch.iter().take_while(shares).count().max(1)
}

fn seal_row(topic: &str, row: &[Message], first: u64, sealed: &mut Vec<(Bytes, Bytes)>) {
    let room: usize = row.iter().map(sealed_size).sum();
    let mut buffer = Vec::with_capacity(topic::PREFIX_LENGTH + topic.len() + room);
    let cut = topic::push_engine_topic(topic, &mut buffer);
    let topic_end = buffer.len();
    for (message, number) in row.iter().zip(first..) {
        push_header(message, number, cut, &mut buffer);
        buffer.extend_from_slice(&message.payload);
    }
    let mut buffer = Bytes::from(buffer);
    let engine_topic = buffer.split_to(topic_end);
    for message in row {
        let length = header_size(message, cut) + message.payload.len();
        let payload = buffer.split_to(length.min(buffer.len()));
        sealed.push((engine_topic.clone(), payload));
    }
}

/// Exactly what [`push_header`] writes.
fn header_size(message: &Message, with_topic: bool) -> usize {
    let topic = u16::try_from(message.topic.len()).map_or(0, |length| 2 + usize::from(length));
    let properties = message.properties.len();
    let has_properties = properties > 0 && u32::try_from(properties).is_ok();
    FIXED
        + if message.expires.is_some() { 8 } else { 0 }
        + if with_topic { topic } else { 0 }
        + if has_properties { 4 + properties } else { 0 }
}

/// What a sealed message takes without its engine topic, at most; exactly, where that cannot differ from its own.
fn sealed_size(message: &Message) -> usize {
    header_size(message, message.topic.contains('=')) + message.payload.len()
}

/// `None` only for what no `seal` has written.
#[inline]
pub(super) fn open(mut engine_topic: Bytes, mut sealed: Bytes) -> Option<Message> {
    let flags = sealed.try_get_u8().ok()?;
    let publisher = sealed.try_get_u64().ok()?;
    let number = sealed.try_get_u64().ok()?;
    let expires = (flags & HAS_EXPIRY != 0)
        .then(|| sealed.try_get_u64())
        .transpose()
        .ok()?;
    let topic = if flags & HAS_TOPIC == 0 {
        engine_topic.try_advance(topic::PREFIX_LENGTH)?;
        engine_topic
    } else {
        let length = sealed.try_get_u16().ok()?;
        take(&mut sealed, usize::from(length))?
    };
    let properties = if flags & HAS_PROPERTIES == 0 {
        Bytes::new()
    } else {
        let length = sealed.try_get_u32().ok()?;
        take(&mut sealed, usize::try_from(length).ok()?)?
    };
    let topic = ByteString::try_from(topic).ok()?;
    Some(Message {
        topic,
        payload: sealed,
        qos: qos(flags),
        publisher,
        expires,
        properties,
        number,
    })
}

fn push_header(message: &Message, number: u64, with_topic: bool, out: &mut Vec<u8>) {
    let mut flags = qos_bits(message.qos);
    if message.expires.is_some() {
        flags |= HAS_EXPIRY;
    }
    // A topic of more than 65 535 bytes cannot come from a PUBLISH; it would travel by its engine name.
    let topic = u16::try_from(message.topic.len())
        .ok()
        .filter(|_| with_topic);
    if topic.is_some() {
        flags |= HAS_TOPIC;
    }
    let properties = u32::try_from(message.properties.len())
        .ok()
        .filter(|length| *length > 0);
    if properties.is_some() {
        flags |= HAS_PROPERTIES;
    }
    out.push(flags);
    out.extend_from_slice(&message.publisher.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    if let Some(expires) = message.expires {
        out.extend_from_slice(&expires.to_be_bytes());
    }
    if let Some(length) = topic {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(message.topic.as_bytes());
    }
    if let Some(length) = properties {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&message.properties);
    }
}

fn qos_bits(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
        Qos::ExactlyOnce => 2,
    }
}

fn qos(flags: u8) -> Qos {
    match flags & QOS {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    }
}

fn take(from: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= from.len()).then(|| from.split_to(length))
}

/// `Bytes::advance` that cannot panic.
trait TryAdvance {
    fn try_advance(&mut self, count: usize) -> Option<()>;
}

impl TryAdvance for Bytes {
    fn try_advance(&mut self, count: usize) -> Option<()> {
        (count <= self.len()).then(|| self.advance(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn opens_what_it_sealed(
            topic in "[$]?[a-z=/é]{1,20}", payload in prop::collection::vec(any::<u8>(), 0..50), qos_number in 0u8..3,
            publisher in any::<u64>(), expires in prop::option::of(any::<u64>()), properties in prop::collection::vec(any::<u8>(), 0..30),
            number in any::<u64>(),
        ) {
            let message = Message {
                topic: topic.into(), payload: payload.into(), qos: qos(qos_number), publisher, expires, properties: properties.into(), number,
            };
            let mut other = message.clone();
            other.topic = "other".into();
            let few = [message.clone(), message.clone(), other, message.clone()];
            let batch: Vec<_> = few.into_iter().chain(std::iter::repeat_n(message, 100)).collect();
            let first = number.min(u64::MAX - 200);
            let opened: Vec<_> = seal(&batch, first).into_iter().map(|(topic, payload)| open(topic, payload)).collect();
            let numbered = batch.into_iter().zip(first..).map(|(message, number)| Some(Message { number, ..message }));
            prop_assert_eq!(opened, numbered.collect::<Vec<_>>());
        }

        #[test]
        fn sizes_are_exact(message in "[$]?[a-z=/]{1,20}", payload in 0_usize..6_000, properties in 0_usize..30, expires in prop::option::of(any::<u64>())) {
            let message = Message {
                topic: message.into(), payload: vec![0; payload].into(), qos: Qos::AtMostOnce, publisher: 1, expires,
                properties: vec![0; properties].into(), number: 0,
            };
            let (_, sealed) = seal(std::slice::from_ref(&message), 0).remove(0);
            prop_assert!(sealed.len() <= sealed_size(&message));
            prop_assert!(message.topic.contains('=') || sealed.len() == sealed_size(&message));
        }

        #[test]
        fn a_detached_message_is_the_same_in_a_buffer_of_its_own(payload in prop::collection::vec(any::<u8>(), 0..6_000)) {
            let message = Message {
                topic: "t/é".into(), payload: payload.into(), qos: Qos::AtLeastOnce, publisher: 1, expires: Some(2),
                properties: vec![1, 2].into(), number: 3,
            };
            let detached = message.clone().detached();
            let shares = detached.payload.as_ptr() == message.payload.as_ptr();
            prop_assert!(!shares || message.payload.is_empty() || message.payload.len() >= ROW);
            prop_assert_eq!(detached, message);
        }

        #[test]
        fn never_panics_on_foreign_bytes(topic in prop::collection::vec(any::<u8>(), 0..6), sealed in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = open(topic.into(), sealed.into());
        }
    }
}
