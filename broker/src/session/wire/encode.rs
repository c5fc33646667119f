//! What the broker sends. Every function appends one whole packet to `out`.
//!
//! Bounds: the caller keeps to the client's maximum packet size, with [`delivery_size`] for a PUBLISH; a reason string is for it to
//! leave out. No packet may exceed 268 435 455 bytes after the fixed header, which every maximum packet size of ours is far below.
//! Nothing here fails: see `writer` for what is cut.

use super::packet::{ConnAck, Delivery, Level, Qos};
use super::properties::id;
use super::writer::{
    PropertyWriter, cut, frame, publish_byte, put_text, put_variable, variable_size,
};
use bytes::{BufMut, BytesMut};

/// What a delivery takes on the wire, for the client's maximum packet size.
pub fn delivery_size(level: Level, delivery: &Delivery<'_>) -> usize {
    let remaining = remaining(level, delivery);
    1 + variable_size(remaining) + remaining
}

#[inline]
fn remaining(level: Level, delivery: &Delivery<'_>) -> usize {
    let packet_id = if delivery.qos == Qos::AtMostOnce {
        0
    } else {
        2
    };
    let properties = match level {
        Level::V3 | Level::V4 => 0,
        Level::V5 => {
            let size = properties_size(delivery);
            variable_size(size) + size
        }
    };
    2 + cut(delivery.topic).len() + packet_id + properties + delivery.payload.len()
}

fn properties_size(delivery: &Delivery<'_>) -> usize {
    let expiry = delivery.expiry.map_or(0, |_| 5);
    let ids = delivery.subscription_ids.iter();
    let ids: usize = ids.map(|id| 1 + variable_size(number(*id))).sum();
    expiry + ids + delivery.properties.len()
}

fn number(id: u32) -> usize {
    id.try_into().unwrap_or(usize::MAX)
}

/// CONNACK. A refusal never says that a session is present (MQTT-3.2.2-6), and 3.1 cannot say it: its first byte is not used.
pub fn connack(level: Level, packet: &ConnAck, out: &mut BytesMut) {
    let present = u8::from(packet.session_present && packet.code == 0 && level != Level::V3);
    let mut body = BytesMut::new();
    body.put_slice(&[present, packet.code]);
    if level == Level::V5 {
        connack_properties(packet).finish(&mut body);
    }
    frame(0x20, &body, out);
}

/// What a CONNACK takes on the wire, for the client's maximum packet size.
pub fn connack_size(level: Level, packet: &ConnAck) -> usize {
    let mut out = BytesMut::new();
    connack(level, packet, &mut out);
    out.len()
}

fn connack_properties(packet: &ConnAck) -> PropertyWriter {
    let mut properties = PropertyWriter::default();
    properties.u32(id::SESSION_EXPIRY, packet.session_expiry);
    properties.u16(id::RECEIVE_MAXIMUM, packet.receive_maximum);
    properties.byte(id::MAXIMUM_QOS, packet.maximum_qos);
    properties.flag(id::RETAIN_AVAILABLE, packet.retain_available);
    properties.u32(id::MAXIMUM_PACKET_SIZE, packet.maximum_packet_size);
    properties.text(id::ASSIGNED_CLIENT_ID, packet.assigned_client_id.as_deref());
    properties.u16(id::TOPIC_ALIAS_MAXIMUM, packet.topic_alias_maximum);
    properties.text(id::REASON, packet.reason.as_deref());
    properties.flag(id::WILDCARD_AVAILABLE, packet.wildcard_available);
    properties.flag(
        id::SUBSCRIPTION_IDS_AVAILABLE,
        packet.subscription_ids_available,
    );
    properties.flag(id::SHARED_AVAILABLE, packet.shared_available);
    properties.u16(id::SERVER_KEEP_ALIVE, packet.server_keep_alive);
    properties
}

/// PUBLISH towards a client, straight into `out`.
#[inline]
pub fn publish(level: Level, delivery: &Delivery<'_>, out: &mut BytesMut) {
    let remaining = remaining(level, delivery);
    out.reserve(5 + remaining);
    out.put_u8(publish_byte(delivery.dup, delivery.qos, delivery.retain));
    put_variable(remaining, out);
    put_text(delivery.topic, out);
    if delivery.qos != Qos::AtMostOnce {
        out.put_u16(delivery.packet_id);
    }
    if level == Level::V5 {
        put_delivery_properties(delivery, out);
    }
    out.put_slice(delivery.payload);
}

fn put_delivery_properties(delivery: &Delivery<'_>, out: &mut BytesMut) {
    put_variable(properties_size(delivery), out);
    if let Some(expiry) = delivery.expiry {
        out.put_u8(id::MESSAGE_EXPIRY);
        out.put_u32(expiry);
    }
    for subscription in delivery.subscription_ids {
        out.put_u8(id::SUBSCRIPTION_ID);
        put_variable(number(*subscription), out);
    }
    out.put_slice(delivery.properties);
}

/// PUBACK; level 4 has no code. `reason` is for V5 and a client that wants problem information.
pub fn puback(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    ack(0x40, level, packet_id, code, reason, out);
}

/// PUBREC; see [`puback`].
pub fn pubrec(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    ack(0x50, level, packet_id, code, reason, out);
}

/// PUBREL; see [`puback`].
pub fn pubrel(level: Level, packet_id: u16, code: u8, out: &mut BytesMut) {
    ack(0x62, level, packet_id, code, None, out);
}

/// PUBCOMP; see [`puback`].
pub fn pubcomp(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    ack(0x70, level, packet_id, code, reason, out);
}

/// The shortest form that says it all: two bytes, three with a code, more with a reason.
pub(super) fn ack(
    first: u8,
    level: Level,
    packet_id: u16,
    code: u8,
    reason: Option<&str>,
    out: &mut BytesMut,
) {
    let [high, low] = packet_id.to_be_bytes();
    match (level, code, reason) {
        (Level::V3 | Level::V4, ..) | (Level::V5, 0, None) => out.put_slice(&[first, 2, high, low]),
        (Level::V5, code, None) => out.put_slice(&[first, 3, high, low, code]),
        (Level::V5, code, reason) => {
            let mut body = BytesMut::new();
            body.put_slice(&[high, low, code]);
            put_reason(reason, &mut body);
            frame(first, &body, out);
        }
    }
}

/// A set of properties with at most a reason string in it.
fn put_reason(reason: Option<&str>, out: &mut BytesMut) {
    let mut properties = PropertyWriter::default();
    properties.text(id::REASON, reason);
    properties.finish(out);
}

/// What a SUBACK or UNSUBACK of MQTT 5 with so many codes takes on the wire at least: without a property.
pub fn codes_size(codes: usize) -> usize {
    let remaining = 2 + 1 + codes;
    1 + variable_size(remaining) + remaining
}

/// Codes in the level's own numbering (level 4: 0, 1, 2, 0x80).
pub fn suback(
    level: Level,
    packet_id: u16,
    codes: &[u8],
    reason: Option<&str>,
    out: &mut BytesMut,
) {
    let mut body = BytesMut::new();
    body.put_u16(packet_id);
    if level == Level::V5 {
        put_reason(reason, &mut body);
    }
    body.put_slice(codes);
    frame(0x90, &body, out);
}

/// UNSUBACK; level 4 has no codes.
pub fn unsuback(level: Level, packet_id: u16, codes: &[u8], out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u16(packet_id);
    if level == Level::V5 {
        put_reason(None, &mut body);
        body.put_slice(codes);
    }
    frame(0xb0, &body, out);
}

/// PINGRESP.
pub fn pingresp(out: &mut BytesMut) {
    out.put_slice(&[0xd0, 0]);
}

/// DISCONNECT from the server: V5 only; the caller just closes a level 4 connection.
pub fn disconnect(code: u8, reason: Option<&str>, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    if code != 0 || reason.is_some() {
        body.put_u8(code);
    }
    if reason.is_some() {
        put_reason(reason, &mut body);
    }
    frame(0xe0, &body, out);
}
