//! A message as it lies in the engine: one buffer that holds the engine's topic, then the envelope, then the payload. Pure.
//!
//! rumqttd overwrites a message's QoS by the subscription's, has no message number and knows one topic only; so the publisher's QoS, the
//! publisher, the number, the expiry, the properties and (where it was cut) the true topic travel in front of the payload. One
//! right-sized buffer also un-pins the connection's read buffer from the engine's log (upstream issue 1001).
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
/// Flags, publisher and number.
const FIXED: usize = 1 + 8 + 8;

/// Engine topic and engine payload of a message.
pub(super) fn seal(message: &Message, number: u64) -> (Bytes, Bytes) {
    let mut buffer = Vec::with_capacity(sealed_size(message));
    let cut = topic::push_engine_topic(&message.topic, &mut buffer);
    let topic_end = buffer.len();
    push_header(message, number, cut, &mut buffer);
    buffer.extend_from_slice(&message.payload);
    let mut sealed = Bytes::from(buffer);
    let topic = sealed.split_to(topic_end);
    (topic, sealed)
}

/// What a sealed message takes, at most.
pub(super) fn sealed_size(message: &Message) -> usize {
    topic::PREFIX_LENGTH
        + 2 * message.topic.len()
        + FIXED
        + 8
        + 2
        + 4
        + message.properties.len()
        + message.payload.len()
}

/// `None` only for what no `seal` has written.
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
            let (engine_topic, sealed) = seal(&message, number);
            prop_assert!(engine_topic.len() + sealed.len() <= sealed_size(&message));
            prop_assert_eq!(open(engine_topic, sealed), Some(message));
        }

        #[test]
        fn never_panics_on_foreign_bytes(topic in prop::collection::vec(any::<u8>(), 0..6), sealed in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = open(topic.into(), sealed.into());
        }
    }
}
