//! MQTT 3.1.1 and 5 on the wire: strict decoding of what clients send, encoding of what we answer. Pure: bytes in, packets out.
//!
//! Why our own: rumqttd's decoder checks neither fixed-header flags nor packet ids, topics or UTF-8 rules, panics on server packets
//! (facts: P8) and hides a PUBLISH's QoS and packet id.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

pub use crate::contract::Qos;

/// Protocol level of a connection. Level 3 (`MQIsdp`) is decoded as far as its CONNECT, so that it can be refused by CONNACK 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    V4,
    V5,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FromClient {
    Connect(Box<Connect>),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    PingReq,
    Disconnect(Disconnect),
    Auth { code: u8 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    pub level: Level,
    pub clean_start: bool,
    pub keep_alive: u16,
    pub client_id: ByteString,
    pub will: Option<Will>,
    pub username: Option<ByteString>,
    pub password: Option<Bytes>,
    /// MQTT 5 only; absent = 0. For level 4 the session maps clean session to 0 or `u32::MAX`.
    pub session_expiry: Option<u32>,
    /// 65 535 where absent. Never 0 (protocol error).
    pub receive_maximum: u16,
    pub maximum_packet_size: Option<u32>,
    pub topic_alias_maximum: u16,
    pub request_response_information: bool,
    /// True where absent.
    pub request_problem_information: bool,
    pub authentication_method: Option<ByteString>,
    pub authentication_data: Option<Bytes>,
    pub user_properties: Vec<(ByteString, ByteString)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Will {
    pub topic: ByteString,
    pub payload: Bytes,
    pub qos: Qos,
    pub retain: bool,
    pub delay: u32,
    pub expiry: Option<u32>,
    /// See [`Publish::properties`].
    pub properties: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Publish {
    pub dup: bool,
    pub qos: Qos,
    pub retain: bool,
    /// Valid UTF-8 without wildcards or NUL. Empty only in MQTT 5 with `alias`.
    pub topic: ByteString,
    /// 0 for QoS 0, otherwise never 0.
    pub packet_id: u16,
    pub alias: Option<u16>,
    /// Message expiry interval, seconds.
    pub expiry: Option<u32>,
    /// The properties that a server forwards unaltered, validated, in wire form, in order, without the length: payload format
    /// indicator, response topic, correlation data, user properties, content type.
    pub properties: Bytes,
    pub payload: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Ack {
    pub packet_id: u16,
    pub code: u8,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    pub packet_id: u16,
    pub subscription_id: Option<u32>,
    /// At least one.
    pub filters: Vec<Filter>,
}

/// One topic filter of a SUBSCRIBE. `filter` is UTF-8 without NUL; whether it is a valid filter the session asks of `grant::filter`, so that
/// one bad filter is refused by its own SUBACK code where the specification lets us.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub filter: ByteString,
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0, 1 or 2.
    pub retain_handling: u8,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribe {
    pub packet_id: u16,
    pub filters: Vec<ByteString>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Disconnect {
    pub code: u8,
    pub session_expiry: Option<u32>,
}

/// A packet that breaks the specification.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail} [{clause}]")]
pub struct Malformed {
    /// MQTT 5 reason code for CONNACK or DISCONNECT: 0x81 malformed, 0x82 protocol error, 0x84 unsupported version, 0x95 too large, 0x90 topic name invalid …
    pub code: u8,
    /// The clause that it breaks, such as `MQTT-3.3.2-2`.
    pub clause: &'static str,
    pub detail: String,
}

/// Takes one whole packet from the front of `input`, which keeps what is left over.
///
/// `level` is `None` until CONNECT has been decoded: then anything but CONNECT is an error; after it, another CONNECT is one.
/// Returns `None` while the packet is not complete; a fixed header that announces more than `max_packet` bytes is refused at once.
pub fn decode(
    input: &mut BytesMut,
    level: Option<Level>,
    max_packet: u32,
) -> Result<Option<FromClient>, Malformed> {
    let _ = (input, level, max_packet);
    unimplemented!()
}

/// The level in whose form a refused CONNECT at the front of `input` is answered; `None` where it does not say that it is MQTT: then the
/// connection is closed without an answer. Levels below 4 are answered in the form of 4, those above 5 in the form of 5. (A refused
/// CONNECT stays in `input`.)
pub fn answer_level(input: &[u8]) -> Option<Level> {
    let _ = input;
    unimplemented!()
}

/// CONNACK. `code` is in the level's own numbering. Properties only for V5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnAck {
    pub session_present: bool,
    pub code: u8,
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<u16>,
    pub maximum_qos: Option<u8>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<u32>,
    pub assigned_client_id: Option<ByteString>,
    pub topic_alias_maximum: Option<u16>,
    pub reason: Option<String>,
    pub wildcard_available: Option<bool>,
    pub subscription_ids_available: Option<bool>,
    pub shared_available: Option<bool>,
    pub server_keep_alive: Option<u16>,
}

/// A PUBLISH towards a client; borrowed, so that a delivery is written into the connection's buffer without an allocation.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    pub dup: bool,
    pub qos: Qos,
    pub retain: bool,
    pub topic: &'a str,
    pub packet_id: u16,
    pub expiry: Option<u32>,
    /// See [`Publish::properties`]; left out for level 4.
    pub properties: &'a [u8],
    pub subscription_ids: &'a [u32],
    pub payload: &'a [u8],
}

/// What a delivery takes on the wire, for the client's maximum packet size.
pub fn delivery_size(level: Level, delivery: &Delivery<'_>) -> usize {
    let _ = (level, delivery);
    unimplemented!()
}
pub fn connack(level: Level, packet: &ConnAck, out: &mut BytesMut) {
    let _ = (level, packet, out);
    unimplemented!()
}
pub fn publish(level: Level, delivery: &Delivery<'_>, out: &mut BytesMut) {
    let _ = (level, delivery, out);
    unimplemented!()
}
/// PUBACK; level 4 has no code. `reason` is for V5 and a client that wants problem information.
pub fn puback(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    let _ = (level, packet_id, code, reason, out);
    unimplemented!()
}
pub fn pubrec(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    let _ = (level, packet_id, code, reason, out);
    unimplemented!()
}
pub fn pubcomp(level: Level, packet_id: u16, code: u8, reason: Option<&str>, out: &mut BytesMut) {
    let _ = (level, packet_id, code, reason, out);
    unimplemented!()
}
/// Codes in the level's own numbering (level 4: 0, 1, 2, 0x80).
pub fn suback(
    level: Level,
    packet_id: u16,
    codes: &[u8],
    reason: Option<&str>,
    out: &mut BytesMut,
) {
    let _ = (level, packet_id, codes, reason, out);
    unimplemented!()
}
pub fn unsuback(level: Level, packet_id: u16, codes: &[u8], out: &mut BytesMut) {
    let _ = (level, packet_id, codes, out);
    unimplemented!()
}
pub fn pingresp(out: &mut BytesMut) {
    let _ = out;
    unimplemented!()
}
/// DISCONNECT from the server: V5 only; the caller just closes a level 4 connection.
pub fn disconnect(code: u8, reason: Option<&str>, out: &mut BytesMut) {
    let _ = (code, reason, out);
    unimplemented!()
}
