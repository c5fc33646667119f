//! The packets that cross the wire, decoded: what clients send and what the broker answers. Plain data; the codec is beside it.
//!
//! Bounds: strings and payloads are slices of the packet they came in, so a kept `Publish` pins at most one read buffer (see
//! [`decode`](super::decode)); lists are bounded by the packet's size. Nothing here fails.

use bytes::Bytes;
use bytestring::ByteString;

pub use crate::contract::Qos;
pub use crate::decision::Level;

/// A packet from a client.
#[derive(Clone, Debug, PartialEq)]
pub enum FromClient {
    /// The first packet of a connection, and only that.
    Connect(Box<Connect>),
    /// A message.
    Publish(Publish),
    /// A QoS 1 delivery was taken.
    PubAck(Ack),
    /// A QoS 2 delivery was received.
    PubRec(Ack),
    /// The client releases its QoS 2 message.
    PubRel(Ack),
    /// A QoS 2 delivery is complete.
    PubComp(Ack),
    /// Asks for subscriptions.
    Subscribe(Subscribe),
    /// Ends subscriptions.
    Unsubscribe(Unsubscribe),
    /// Keep alive.
    PingReq,
    /// The client leaves.
    Disconnect(Disconnect),
    /// MQTT 5 extended authentication: its properties are checked, then dropped, for no exchange is offered.
    Auth {
        /// 0x18 or 0x19.
        code: u8,
    },
}

/// CONNECT. Its strings are a copy of their own and pin no read buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// The level that the connection speaks from here on.
    pub level: Level,
    /// Clean session (3.1.1) or clean start (5).
    pub clean_start: bool,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    /// May be empty: whether it may be, with or without `clean_start`, is the session's to say (MQTT-3.1.3-8).
    pub client_id: ByteString,
    /// What to publish if the client is lost.
    pub will: Option<Will>,
    /// The user name.
    pub username: Option<ByteString>,
    /// The password; at level 4 only with a user name.
    pub password: Option<Bytes>,
    /// MQTT 5 only; absent = 0. For level 4 the session maps clean session to 0 or `u32::MAX`.
    pub session_expiry: Option<u32>,
    /// 65 535 where absent. Never 0 (protocol error).
    pub receive_maximum: u16,
    /// The largest packet that the client takes. Never 0 (protocol error).
    pub maximum_packet_size: Option<u32>,
    /// How many topic aliases the client takes; 0 where absent.
    pub topic_alias_maximum: u16,
    /// False where absent.
    pub request_response_information: bool,
    /// True where absent.
    pub request_problem_information: bool,
    /// Name of an extended authentication.
    pub authentication_method: Option<ByteString>,
    /// Only with a method.
    pub authentication_data: Option<Bytes>,
    /// In order; names may repeat.
    pub user_properties: Vec<(ByteString, ByteString)>,
}

impl Connect {
    /// A clean CONNECT that leaves out whatever may be left out.
    pub fn new(level: Level, client_id: impl Into<ByteString>) -> Self {
        Self {
            level,
            clean_start: true,
            keep_alive: 0,
            client_id: client_id.into(),
            will: None,
            username: None,
            password: None,
            session_expiry: None,
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication_method: None,
            authentication_data: None,
            user_properties: Vec::new(),
        }
    }
}

/// The will of a CONNECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Will {
    /// Not empty, without wildcards or NUL.
    pub topic: ByteString,
    /// The message.
    pub payload: Bytes,
    /// The message's QoS.
    pub qos: Qos,
    /// The message's retain flag.
    pub retain: bool,
    /// Seconds between the loss of the client and the will; 0 where absent.
    pub delay: u32,
    /// Message expiry interval, seconds.
    pub expiry: Option<u32>,
    /// See [`Publish::properties`].
    pub properties: Bytes,
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq)]
pub struct Publish {
    /// The sender has sent it before; never with QoS 0.
    pub dup: bool,
    /// The message's QoS.
    pub qos: Qos,
    /// The message's retain flag.
    pub retain: bool,
    /// Valid UTF-8 without wildcards or NUL. Empty only in MQTT 5 with `alias`.
    pub topic: ByteString,
    /// 0 for QoS 0, otherwise never 0.
    pub packet_id: u16,
    /// MQTT 5 topic alias. Never 0; the session checks it against the maximum that it announced (0x94).
    pub alias: Option<u16>,
    /// Message expiry interval, seconds.
    pub expiry: Option<u32>,
    /// The properties that a server forwards unaltered, validated, in wire form, in order, without the length: payload format
    /// indicator, response topic, correlation data, user properties, content type.
    pub properties: Bytes,
    /// The message.
    pub payload: Bytes,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Never 0.
    pub packet_id: u16,
    /// 0 at level 4; otherwise one of the packet's own reason codes.
    pub code: u8,
}

/// SUBSCRIBE.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// Never 0.
    pub packet_id: u16,
    /// Never 0.
    pub subscription_id: Option<u32>,
    /// At least one.
    pub filters: Vec<Filter>,
}

/// One topic filter of a SUBSCRIBE. `filter` is UTF-8 without NUL; whether it is a valid filter the session asks of `grant::filter`, so that
/// one bad filter is refused by its own SUBACK code where the specification lets us.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// May be empty or malformed.
    pub filter: ByteString,
    /// The highest QoS that is asked for.
    pub qos: Qos,
    /// MQTT 5: not my own messages. Never on `$share/`.
    pub no_local: bool,
    /// MQTT 5: keep the retain flag of live messages.
    pub retain_as_published: bool,
    /// 0, 1 or 2.
    pub retain_handling: u8,
}

/// UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribe {
    /// Never 0.
    pub packet_id: u16,
    /// At least one; may be malformed.
    pub filters: Vec<ByteString>,
}

/// DISCONNECT from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// 0 at level 4. 4: publish the will.
    pub code: u8,
    /// Replaces the CONNECT's; the session refuses a change from 0 (section 3.14.2.2.2).
    pub session_expiry: Option<u32>,
}

/// CONNACK. `code` is in the level's own numbering. Properties only for V5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnAck {
    /// State of an earlier connection was found.
    pub session_present: bool,
    /// 0 accepts.
    pub code: u8,
    /// Where it differs from what the client asked for.
    pub session_expiry: Option<u32>,
    /// How many unacknowledged QoS 1 and 2 messages the server takes.
    pub receive_maximum: Option<u16>,
    /// 0 or 1; absent = 2.
    pub maximum_qos: Option<u8>,
    /// Absent = true.
    pub retain_available: Option<bool>,
    /// The largest packet that the server takes.
    pub maximum_packet_size: Option<u32>,
    /// For a client that sent an empty id.
    pub assigned_client_id: Option<ByteString>,
    /// How many topic aliases the server takes.
    pub topic_alias_maximum: Option<u16>,
    /// A sentence for people; cut at 65 535 bytes.
    pub reason: Option<String>,
    /// Absent = true.
    pub wildcard_available: Option<bool>,
    /// Absent = true.
    pub subscription_ids_available: Option<bool>,
    /// Absent = true.
    pub shared_available: Option<bool>,
    /// Replaces the client's keep alive.
    pub server_keep_alive: Option<u16>,
}

/// A PUBLISH towards a client; borrowed, so that a delivery is written into the connection's buffer without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// It has been sent before.
    pub dup: bool,
    /// The QoS of this delivery.
    pub qos: Qos,
    /// The retain flag.
    pub retain: bool,
    /// Cut at 65 535 bytes.
    pub topic: &'a str,
    /// Left out for QoS 0.
    pub packet_id: u16,
    /// What is left of the message expiry interval, seconds; left out for level 4.
    pub expiry: Option<u32>,
    /// See [`Publish::properties`]; left out for level 4.
    pub properties: &'a [u8],
    /// Of every subscription that matched; left out for level 4.
    pub subscription_ids: &'a [u32],
    /// The message.
    pub payload: &'a [u8],
}
