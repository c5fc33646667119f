//! How a client reads what a server sends: the same header, reader and properties as the broker's side.

use super::super::header::{self, Header, Kind, Sender};
use super::super::malformed::{Clause, Malformed};
use super::super::packet::{ConnAck, Level};
use super::super::properties::{Place, Properties, Value, id};
use super::super::reader::Reader;
use super::super::{acks, publish, take_body};
use super::{Answer, Codes, FromServer, Received};
use bytes::BytesMut;

/// Takes one whole packet from the front of `input`; `None` while it is not complete. See [`decode`](super::super::decode).
pub fn decode(
    input: &mut BytesMut,
    level: Level,
    max_packet: u32,
) -> Result<Option<FromServer>, Malformed> {
    let Some(header) = header::parse(input, Sender::Server, Some(level), max_packet)? else {
        return Ok(None);
    };
    if input.len() < header.packet() {
        return Ok(None);
    }
    let reader = Reader::new(take_body(input, &header), level);
    packet(&header, reader).map(Some)
}

fn packet(header: &Header, reader: Reader) -> Result<FromServer, Malformed> {
    let kind = header.kind;
    Ok(match kind {
        Kind::ConnAck => FromServer::ConnAck(Box::new(connack(reader)?)),
        Kind::Publish => {
            let (publish, subscription_ids) = publish::decode(header, Sender::Server, reader)?;
            FromServer::Publish(Received {
                publish,
                subscription_ids,
            })
        }
        Kind::PubAck => FromServer::PubAck(answer(kind, reader)?),
        Kind::PubRec => FromServer::PubRec(answer(kind, reader)?),
        Kind::PubRel => FromServer::PubRel(answer(kind, reader)?),
        Kind::PubComp => FromServer::PubComp(answer(kind, reader)?),
        Kind::SubAck | Kind::UnsubAck => codes(kind, reader)?,
        Kind::PingResp => {
            reader.end()?;
            FromServer::PingResp
        }
        Kind::Disconnect => {
            let reasoned = acks::disconnect(Sender::Server, reader)?;
            FromServer::Disconnect {
                code: reasoned.code,
                reason: reasoned.reason,
            }
        }
        Kind::Auth => FromServer::Auth {
            code: acks::auth(Sender::Server, reader)?,
        },
        Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::PingReq => {
            return Err(header::wrong_side(kind, reader.level()));
        }
    })
}

fn answer(kind: Kind, reader: Reader) -> Result<Answer, Malformed> {
    let (ack, reason) = acks::ack(kind, reader)?;
    Ok(Answer { ack, reason })
}

fn codes(kind: Kind, mut reader: Reader) -> Result<FromServer, Malformed> {
    let packet_id = reader.packet_id()?;
    let mut reason = None;
    if reader.level() == Level::V5 {
        let mut properties = Properties::of(&mut reader, Place::ACK)?;
        while let Some((_, value)) = properties.next()? {
            if let Value::Text(text) = value {
                reason = Some(text);
            }
        }
    }
    let codes = Codes {
        packet_id,
        codes: reader.rest().to_vec(),
        reason,
    };
    Ok(match kind {
        Kind::SubAck => FromServer::SubAck(codes),
        _ => FromServer::UnsubAck(codes),
    })
}

/// A server that refuses another level may answer in the form of 3.1.1, so a body of two bytes is read at any level.
fn connack(mut reader: Reader) -> Result<ConnAck, Malformed> {
    let flags = reader.byte()?;
    if flags > 1 {
        let clause = Clause::both("MQTT-3.2.2-1");
        let detail = format!("reserved ConnAck flags `{flags:#04x}`");
        return Err(Malformed::packet(reader.level(), clause, detail));
    }
    let mut connack = ConnAck {
        session_present: flags == 1,
        code: reader.byte()?,
        ..ConnAck::default()
    };
    if reader.level() == Level::V5 && !reader.is_empty() {
        let mut properties = Properties::of(&mut reader, Place::CONNACK)?;
        while let Some((id, value)) = properties.next()? {
            match value {
                Value::Number(number) => set_number(&mut connack, id, number),
                Value::Text(text) if id == id::ASSIGNED_CLIENT_ID => {
                    connack.assigned_client_id = Some(text);
                }
                Value::Text(text) if id == id::REASON => connack.reason = Some(text.to_string()),
                _ => {}
            }
        }
    }
    reader.end()?;
    Ok(connack)
}

fn set_number(connack: &mut ConnAck, id: u8, number: u32) {
    let (flag, short) = (Some(number == 1), u16::try_from(number).ok());
    match id {
        id::SESSION_EXPIRY => connack.session_expiry = Some(number),
        id::RECEIVE_MAXIMUM => connack.receive_maximum = short,
        id::MAXIMUM_QOS => connack.maximum_qos = u8::try_from(number).ok(),
        id::RETAIN_AVAILABLE => connack.retain_available = flag,
        id::MAXIMUM_PACKET_SIZE => connack.maximum_packet_size = Some(number),
        id::TOPIC_ALIAS_MAXIMUM => connack.topic_alias_maximum = short,
        id::WILDCARD_AVAILABLE => connack.wildcard_available = flag,
        id::SUBSCRIPTION_IDS_AVAILABLE => connack.subscription_ids_available = flag,
        id::SHARED_AVAILABLE => connack.shared_available = flag,
        id::SERVER_KEEP_ALIVE => connack.server_keep_alive = short,
        _ => {}
    }
}
