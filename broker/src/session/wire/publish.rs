//! PUBLISH, from either side. Topic and payload are slices of the packet.

use super::header::{Header, Sender};
use super::malformed::{Clause, Malformed, VIOLATION};
use super::message::{Carried, has_wildcard, wildcard_detail};
use super::packet::{Level, Publish, Qos};
use super::properties::Place;
use super::reader::{Reader, qos};
use bytestring::ByteString;

/// The packet, and the subscription ids that a server adds.
pub(super) fn decode(
    header: &Header,
    sender: Sender,
    mut reader: Reader,
) -> Result<(Publish, Vec<u32>), Malformed> {
    let level = reader.level();
    let topic = read_topic(&mut reader)?;
    // QoS 3 has been refused with the header.
    let qos = qos(header.flags >> 1).unwrap_or(Qos::ExactlyOnce);
    let packet_id = if qos == Qos::AtMostOnce {
        0
    } else {
        reader.packet_id()?
    };
    let carried = match level {
        Level::V3 | Level::V4 => Carried::default(),
        Level::V5 => Carried::read(&mut reader, Place::PUBLISH)?,
    };
    check_named(&topic, &carried, level)?;
    check_subscription_ids(&carried, sender)?;
    let publish = Publish {
        dup: header.flags & 0x08 != 0,
        qos,
        retain: header.flags & 0x01 != 0,
        topic,
        packet_id,
        alias: carried.alias,
        expiry: carried.expiry,
        properties: carried.forwarded,
        payload: reader.rest(),
    };
    Ok((publish, carried.subscription_ids))
}

fn read_topic(reader: &mut Reader) -> Result<ByteString, Malformed> {
    let topic = reader.text()?;
    if has_wildcard(&topic) {
        let clause = Clause::both("MQTT-3.3.2-2");
        return Err(Malformed::topic(
            reader.level(),
            clause,
            wildcard_detail(&topic),
        ));
    }
    Ok(topic)
}

/// An empty topic stands for an alias, and for nothing else.
fn check_named(topic: &ByteString, carried: &Carried, level: Level) -> Result<(), Malformed> {
    if !topic.is_empty() || carried.alias.is_some() {
        return Ok(());
    }
    Err(match level {
        Level::V3 | Level::V4 => {
            let clause = Clause::both("MQTT-4.7.3-1");
            Malformed::topic(level, clause, "empty topic name")
        }
        Level::V5 => {
            let detail = "empty topic name without an alias";
            Malformed::protocol(level, VIOLATION, detail)
        }
    })
}

fn check_subscription_ids(carried: &Carried, sender: Sender) -> Result<(), Malformed> {
    if sender == Sender::Server || carried.subscription_ids.is_empty() {
        return Ok(());
    }
    let clause = Clause::both("MQTT-3.3.4-6");
    let detail = "Publish of a client with a subscription id";
    Err(Malformed::protocol(Level::V5, clause, detail))
}
