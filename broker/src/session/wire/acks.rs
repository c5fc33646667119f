//! The packets of a packet id or a reason code: PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH, PINGREQ.
//!
//! MQTT 5 lets a sender leave out trailing fields: an ack of two or three bytes, a DISCONNECT or AUTH of none or one.

use super::header::{Kind, Sender};
use super::malformed::{Clause, Malformed};
use super::packet::{Ack, Disconnect, Level};
use super::properties::{Place, Properties, Value, id};
use super::reader::Reader;
use bytestring::ByteString;

/// A code, and the sentence that may explain it.
pub(super) struct Reasoned {
    pub(super) code: u8,
    pub(super) reason: Option<ByteString>,
    pub(super) session_expiry: Option<u32>,
}

pub(super) fn ack(kind: Kind, mut reader: Reader) -> Result<(Ack, Option<ByteString>), Malformed> {
    let packet_id = reader.packet_id()?;
    let reasoned = reasoned(&mut reader, Place::ACK)?;
    check_code(kind, Sender::Client, reasoned.code, reader.level())?;
    let ack = Ack {
        packet_id,
        code: reasoned.code,
    };
    Ok((ack, reasoned.reason))
}

pub(super) fn disconnect(sender: Sender, mut reader: Reader) -> Result<Reasoned, Malformed> {
    let reasoned = reasoned(&mut reader, Place::DISCONNECT)?;
    check_code(Kind::Disconnect, sender, reasoned.code, reader.level())?;
    if sender == Sender::Server && reasoned.session_expiry.is_some() {
        let detail = "session expiry in the Disconnect of a server";
        return Err(Malformed::protocol(
            Level::V5,
            Clause::both("MQTT-3.14.2-2"),
            detail,
        ));
    }
    Ok(reasoned)
}

pub(super) fn auth(sender: Sender, mut reader: Reader) -> Result<u8, Malformed> {
    let reasoned = reasoned(&mut reader, Place::AUTH)?;
    check_code(Kind::Auth, sender, reasoned.code, reader.level())?;
    Ok(reasoned.code)
}

impl From<Reasoned> for Disconnect {
    fn from(reasoned: Reasoned) -> Self {
        Self {
            code: reasoned.code,
            session_expiry: reasoned.session_expiry,
        }
    }
}

/// Reads to the end of the packet. Level 4 has neither code nor properties.
fn reasoned(reader: &mut Reader, place: Place) -> Result<Reasoned, Malformed> {
    let mut reasoned = Reasoned {
        code: 0,
        reason: None,
        session_expiry: None,
    };
    if reader.level() == Level::V5 && !reader.is_empty() {
        reasoned.code = reader.byte()?;
    }
    if reader.level() == Level::V5 && !reader.is_empty() {
        let mut properties = Properties::of(reader, place)?;
        while let Some((id, value)) = properties.next()? {
            match (id, value) {
                (id::REASON, Value::Text(reason)) => reasoned.reason = Some(reason),
                (id::SESSION_EXPIRY, Value::Number(expiry)) => {
                    reasoned.session_expiry = Some(expiry);
                }
                _ => {}
            }
        }
    }
    reader.end()?;
    Ok(reasoned)
}

/// Each packet has its own list of codes.
fn check_code(kind: Kind, sender: Sender, code: u8, level: Level) -> Result<(), Malformed> {
    let (known, id) = match kind {
        Kind::PubAck => (is_publish_code(code), "MQTT-3.4.2-1"),
        Kind::PubRec => (is_publish_code(code), "MQTT-3.5.2-1"),
        Kind::PubRel => (matches!(code, 0x00 | 0x92), "MQTT-3.6.2-1"),
        Kind::PubComp => (matches!(code, 0x00 | 0x92), "MQTT-3.7.2-1"),
        Kind::Auth => (is_auth_code(sender, code), "MQTT-3.15.2-1"),
        _ => (is_disconnect_code(sender, code), "MQTT-3.14.2-1"),
    };
    if known {
        return Ok(());
    }
    let detail = format!("{kind:?} with the reason code `{code:#04x}`");
    Err(Malformed::protocol(level, Clause::both(id), detail))
}

fn is_publish_code(code: u8) -> bool {
    matches!(
        code,
        0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99
    )
}

fn is_auth_code(sender: Sender, code: u8) -> bool {
    match sender {
        Sender::Client => matches!(code, 0x18 | 0x19),
        Sender::Server => matches!(code, 0x00 | 0x18),
    }
}

fn is_disconnect_code(sender: Sender, code: u8) -> bool {
    match code {
        0x00 | 0x80..=0x83 | 0x90 | 0x93..=0x99 => true,
        0x04 => sender == Sender::Client,
        0x87 | 0x89 | 0x8b | 0x8d..=0x8f | 0x9a..=0xa2 => sender == Sender::Server,
        _ => false,
    }
}
