//! CONNECT: the level is negotiated here, so it is read before anything that depends on it.
//!
//! Bounds: the packet limit that the caller passes for a connection that has proved nothing yet. A level that is not offered is refused
//! with 0x84 before the rest is looked at, so that any future layout gets a clear answer.

use super::header::Header;
use super::malformed::{Clause, Malformed, VIOLATION};
use super::message::{Carried, check_topic};
use super::packet::{Connect, FromClient, Level, Qos, Will};
use super::properties::{Place, Properties, Value, id};
use super::reader::{Reader, qos};
use bytes::Bytes;
use bytestring::ByteString;

pub(super) fn decode(header: &Header, body: Bytes) -> Result<FromClient, Malformed> {
    let mut reader = Reader::new(body, Level::V4);
    let level = protocol(&mut reader)?;
    reader.set_level(level);
    header.check_minimal(level)?;
    let flags = Flags::read(&mut reader)?;
    let mut connect = Connect {
        level,
        clean_start: flags.clean_start,
        keep_alive: reader.u16()?,
        client_id: ByteString::new(),
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
    };
    if level == Level::V5 {
        read_properties(&mut connect, &mut reader)?;
    }
    read_payload(&mut connect, &flags, &mut reader)?;
    reader.end()?;
    Ok(FromClient::Connect(Box::new(connect)))
}

/// The level in whose form a refused CONNECT at the front of `input` is answered; `None` where it does not say that it is MQTT: then the
/// connection is closed without an answer. Levels below 5 are answered in the form of 4, those above 5 in the form of 5. The highest bit
/// is a bridge's mark, which is not offered: told so in its own form, a Mosquitto bridge tries again without it.
pub fn answer_level(input: &[u8]) -> Option<Level> {
    let lengths = input.get(1..)?;
    let (_, width, _) = super::header::variable_length(lengths, Level::V4).ok()??;
    let name = lengths.get(width..)?;
    let level = name
        .strip_prefix(b"\x00\x04MQTT")
        .or_else(|| name.strip_prefix(b"\x00\x06MQIsdp"))?
        .first()?;
    Some(if *level & 0x7f < 5 {
        Level::V4
    } else {
        Level::V5
    })
}

fn protocol(reader: &mut Reader) -> Result<Level, Malformed> {
    let name = reader.binary()?;
    if name != "MQTT" && name != "MQIsdp" {
        let shown = name.get(..name.len().min(16)).unwrap_or_default();
        let detail = format!("protocol name `{}` instead of MQTT", shown.escape_ascii());
        return Err(unsupported(Clause::both("MQTT-3.1.2-1"), detail));
    }
    match (name == "MQTT", reader.byte()?) {
        (false, 3) => Ok(Level::V3),
        (true, 4) => Ok(Level::V4),
        (true, 5) => Ok(Level::V5),
        (_, level) => {
            let name = name.escape_ascii();
            let detail = format!(
                "protocol `{name}` with level `{level}`: offered are MQIsdp with 3, MQTT with 4 (3.1.1) and 5"
            );
            Err(unsupported(Clause::both("MQTT-3.1.2-2"), detail))
        }
    }
}

fn unsupported(clause: Clause, detail: String) -> Malformed {
    Malformed::coded(0x84, Level::V4, clause, detail)
}

struct Flags {
    clean_start: bool,
    will: Option<(Qos, bool)>,
    username: bool,
    password: bool,
}

impl Flags {
    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let (byte, level) = (reader.byte()?, reader.level());
        // «Not used» in 3.1.
        if byte & 0x01 != 0 && level != Level::V3 {
            let clause = Clause::both("MQTT-3.1.2-3");
            return Err(Malformed::packet(
                level,
                clause,
                "reserved connect flag is set",
            ));
        }
        let flags = Self {
            clean_start: byte & 0x02 != 0,
            will: will_flags(byte, level)?,
            username: byte & 0x80 != 0,
            password: byte & 0x40 != 0,
        };
        if level != Level::V5 && flags.password && !flags.username {
            let clause = Clause::both("MQTT-3.1.2-22");
            return Err(Malformed::packet(
                level,
                clause,
                "password without a user name",
            ));
        }
        Ok(flags)
    }
}

fn will_flags(byte: u8, level: Level) -> Result<Option<(Qos, bool)>, Malformed> {
    let (will, retain) = (byte & 0x04 != 0, byte & 0x20 != 0);
    match (will, qos(byte >> 3), retain) {
        (true, Some(qos), retain) => Ok(Some((qos, retain))),
        (true, None, _) => {
            let clause = Clause::new("MQTT-3.1.2-14", "MQTT-3.1.2-12");
            Err(Malformed::packet(level, clause, "will with QoS `3`"))
        }
        (false, Some(Qos::AtMostOnce), false) => Ok(None),
        (false, Some(Qos::AtMostOnce), true) => {
            let clause = Clause::new("MQTT-3.1.2-15", "MQTT-3.1.2-13");
            Err(Malformed::packet(
                level,
                clause,
                "will retain flag without a will",
            ))
        }
        (false, ..) => {
            let clause = Clause::new("MQTT-3.1.2-13", "MQTT-3.1.2-11");
            Err(Malformed::packet(level, clause, "will QoS without a will"))
        }
    }
}

fn read_properties(connect: &mut Connect, reader: &mut Reader) -> Result<(), Malformed> {
    let mut properties = Properties::of(reader, Place::CONNECT)?;
    while let Some((id, value)) = properties.next()? {
        match value {
            Value::Number(number) => set_number(connect, id, number),
            Value::Text(method) => connect.authentication_method = Some(method),
            Value::Binary(data) => connect.authentication_data = Some(data),
            Value::Pair(name, value) => connect.user_properties.push((name, value)),
        }
    }
    if connect.authentication_data.is_some() && connect.authentication_method.is_none() {
        let detail = "authentication data without a method";
        return Err(Malformed::protocol(Level::V5, VIOLATION, detail));
    }
    Ok(())
}

fn set_number(connect: &mut Connect, id: u8, number: u32) {
    let short = u16::try_from(number).unwrap_or(u16::MAX);
    match id {
        id::SESSION_EXPIRY => connect.session_expiry = Some(number),
        id::RECEIVE_MAXIMUM => connect.receive_maximum = short,
        id::MAXIMUM_PACKET_SIZE => connect.maximum_packet_size = Some(number),
        id::TOPIC_ALIAS_MAXIMUM => connect.topic_alias_maximum = short,
        id::REQUEST_RESPONSE => connect.request_response_information = number == 1,
        id::REQUEST_PROBLEM => connect.request_problem_information = number == 1,
        _ => {}
    }
}

/// Client id, will, user name and password, in this order (MQTT-3.1.3-1).
fn read_payload(
    connect: &mut Connect,
    flags: &Flags,
    reader: &mut Reader,
) -> Result<(), Malformed> {
    connect.client_id = reader.text()?;
    if let Some((qos, retain)) = flags.will {
        connect.will = Some(read_will(qos, retain, reader)?);
    }
    if flags.username && !is_left_out(reader) {
        connect.username = Some(reader.text()?);
    }
    if flags.password && !is_left_out(reader) {
        connect.password = Some(reader.binary()?);
    }
    Ok(())
}

/// In 3.1 the packet's length takes precedence over the flags: user name and password may be announced and missing.
fn is_left_out(reader: &Reader) -> bool {
    reader.level() == Level::V3 && reader.is_empty()
}

fn read_will(qos: Qos, retain: bool, reader: &mut Reader) -> Result<Will, Malformed> {
    let carried = match reader.level() {
        Level::V3 | Level::V4 => Carried::default(),
        Level::V5 => Carried::read(reader, Place::WILL)?,
    };
    let topic = reader.text()?;
    check_topic(&topic, reader.level())?;
    Ok(Will {
        topic,
        payload: reader.binary()?,
        qos,
        retain,
        delay: carried.delay,
        expiry: carried.expiry,
        properties: carried.forwarded,
    })
}
