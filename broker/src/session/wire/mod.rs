//! MQTT 3.1, 3.1.1 and 5 on the wire: strict decoding of what clients send, encoding of what we answer. Pure: bytes in, packets out.
//!
//! Why our own: rumqttd's decoder checks neither fixed-header flags nor packet ids, topics or UTF-8 rules, panics on server packets
//! (facts: P8) and hides a PUBLISH's QoS and packet id.
//!
//! Bounds: `max_packet`, checked against the fixed header before a byte of the body is waited for. Nothing panics on any input; whatever
//! breaks the specification is a [`Malformed`] with its clause and reason code, after which the connection has to end.
//!
//! Reading order: `packet`, `header`, `reader`, `properties`, then one file per packet; `encode` for our side, `client` for the other.

mod acks;
pub mod client;
mod connect;
mod encode;
mod header;
mod malformed;
mod message;
mod packet;
mod properties;
mod publish;
mod reader;
mod subscribe;
#[cfg(test)]
mod tests;
mod writer;

use bytes::{Buf, Bytes, BytesMut};
use header::{Header, Kind, Sender};
use reader::Reader;

pub use connect::answer_level;
pub use encode::{
    codes_size, connack, connack_size, delivery_size, disconnect, pingresp, puback, pubcomp,
    publish, pubrec, pubrel, suback, unsuback,
};
pub use malformed::Malformed;
pub use packet::{
    Ack, ConnAck, Connect, Delivery, Disconnect, Filter, FromClient, Level, Publish, Qos,
    Subscribe, Unsubscribe, Will,
};

/// Takes one whole packet from the front of `input`, which keeps what is left over.
///
/// `level` is `None` until CONNECT has been decoded: then anything but CONNECT is an error; after it, another CONNECT is one.
/// Returns `None` while the packet is not complete; a fixed header that announces more than `max_packet` bytes is refused at once.
///
/// Nothing is copied but a CONNECT: topic, payload and filters are slices that keep the whole read buffer alive, so whoever keeps one
/// longer than it takes to handle the packet must copy it (upstream's log pinned 8 KiB per 234-byte message). A CONNECT lives as long
/// as its session, and is copied here for that reason. A refused CONNECT stays in `input`, for [`answer_level`].
pub fn decode(
    input: &mut BytesMut,
    level: Option<Level>,
    max_packet: u32,
) -> Result<Option<FromClient>, Malformed> {
    let Some(header) = header::parse(input, Sender::Client, level, max_packet)? else {
        return Ok(None);
    };
    let Some(body) = input.get(header.length..header.packet()) else {
        return Ok(None);
    };
    // The header lets nothing but CONNECT pass without a level.
    let Some(level) = level else {
        let connect = connect::decode(&header, Bytes::copy_from_slice(body))?;
        input.advance(header.packet());
        return Ok(Some(connect));
    };
    let reader = Reader::new(take_body(input, &header), level);
    packet(&header, reader).map(Some)
}

/// The body of a packet that is there as a whole.
fn take_body(input: &mut BytesMut, header: &Header) -> Bytes {
    let mut packet = input.split_to(header.packet());
    packet.advance(header.length);
    packet.freeze()
}

fn packet(header: &Header, reader: Reader) -> Result<FromClient, Malformed> {
    let kind = header.kind;
    Ok(match kind {
        Kind::Publish => FromClient::Publish(publish::decode(header, Sender::Client, reader)?.0),
        Kind::PubAck => FromClient::PubAck(acks::ack(kind, reader)?.0),
        Kind::PubRec => FromClient::PubRec(acks::ack(kind, reader)?.0),
        Kind::PubRel => FromClient::PubRel(acks::ack(kind, reader)?.0),
        Kind::PubComp => FromClient::PubComp(acks::ack(kind, reader)?.0),
        Kind::Subscribe => FromClient::Subscribe(subscribe::subscribe(reader)?),
        Kind::Unsubscribe => FromClient::Unsubscribe(subscribe::unsubscribe(reader)?),
        Kind::Disconnect => {
            FromClient::Disconnect(acks::disconnect(Sender::Client, reader)?.into())
        }
        Kind::Auth => FromClient::Auth {
            code: acks::auth(Sender::Client, reader)?,
        },
        Kind::PingReq => {
            reader.end()?;
            FromClient::PingReq
        }
        Kind::Connect | Kind::ConnAck | Kind::SubAck | Kind::UnsubAck | Kind::PingResp => {
            return Err(header::wrong_side(kind, reader.level()));
        }
    })
}
