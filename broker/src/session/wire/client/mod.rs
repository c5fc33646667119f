//! The other side of the wire: what a client sends and how it reads a server. For tests, the load tool and the conformance harness.
//!
//! The encoder writes what it is told and checks nothing, so that a harness can say wrong things too; the decoder is as strict as the
//! broker's own. Bounds and failures are those of [`super`].

mod decode;
mod encode;

use super::packet::{Ack, ConnAck, Publish};
use bytestring::ByteString;

pub use decode::decode;
pub use encode::{connect, disconnect, encode, pingreq, puback, publish, subscribe, unsubscribe};

/// A packet from a server.
#[derive(Clone, Debug, PartialEq)]
pub enum FromServer {
    /// The answer to CONNECT.
    ConnAck(Box<ConnAck>),
    /// A message.
    Publish(Received),
    /// The server has taken a QoS 1 message, or refuses it.
    PubAck(Answer),
    /// The server has received a QoS 2 message, or refuses it.
    PubRec(Answer),
    /// The server releases its QoS 2 message.
    PubRel(Answer),
    /// A QoS 2 message is complete.
    PubComp(Answer),
    /// The answer to SUBSCRIBE.
    SubAck(Codes),
    /// The answer to UNSUBSCRIBE.
    UnsubAck(Codes),
    /// The answer to PINGREQ.
    PingResp,
    /// MQTT 5: the server ends the connection.
    Disconnect {
        /// Why.
        code: u8,
        /// Why, for people.
        reason: Option<ByteString>,
    },
    /// MQTT 5 extended authentication.
    Auth {
        /// 0x00 or 0x18.
        code: u8,
    },
}

/// A PUBLISH of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The message.
    pub publish: Publish,
    /// Of the subscriptions that it matched.
    pub subscription_ids: Vec<u32>,
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Packet id and code.
    pub ack: Ack,
    /// Why, for people.
    pub reason: Option<ByteString>,
}

/// SUBACK or UNSUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// That of the request.
    pub packet_id: u16,
    /// One per filter; none in an UNSUBACK of level 4.
    pub codes: Vec<u8>,
    /// Why, for people.
    pub reason: Option<ByteString>,
}
