//! MQTT 5 properties: which packet may carry which, once, in which form and range (section 2.2.2.2).
//!
//! Bounds: by the packet. One pass, nothing is kept but the values that a packet asks for. An identifier that the packet may not carry
//! is malformed (0x81); a second one, or a value out of range, is a protocol error (0x82, a topic alias 0x94).

use super::malformed::{Clause, Malformed, VIOLATION};
use super::packet::Level;
use super::reader::Reader;
use bytes::Bytes;
use bytestring::ByteString;

/// Identifiers, in their order.
pub(super) mod id {
    pub(in super::super) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(in super::super) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(in super::super) const CONTENT_TYPE: u8 = 0x03;
    pub(in super::super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(in super::super) const CORRELATION_DATA: u8 = 0x09;
    pub(in super::super) const SUBSCRIPTION_ID: u8 = 0x0b;
    pub(in super::super) const SESSION_EXPIRY: u8 = 0x11;
    pub(in super::super) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(in super::super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(in super::super) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(in super::super) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(in super::super) const REQUEST_PROBLEM: u8 = 0x17;
    pub(in super::super) const WILL_DELAY: u8 = 0x18;
    pub(in super::super) const REQUEST_RESPONSE: u8 = 0x19;
    pub(in super::super) const RESPONSE_INFORMATION: u8 = 0x1a;
    pub(in super::super) const SERVER_REFERENCE: u8 = 0x1c;
    pub(in super::super) const REASON: u8 = 0x1f;
    pub(in super::super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(in super::super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(in super::super) const TOPIC_ALIAS: u8 = 0x23;
    pub(in super::super) const MAXIMUM_QOS: u8 = 0x24;
    pub(in super::super) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(in super::super) const USER: u8 = 0x26;
    pub(in super::super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(in super::super) const WILDCARD_AVAILABLE: u8 = 0x28;
    pub(in super::super) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub(in super::super) const SHARED_AVAILABLE: u8 = 0x2a;
}

/// Where a set of properties stands, as a bit.
#[derive(Clone, Copy)]
pub(super) struct Place(u16);

impl Place {
    pub(super) const CONNECT: Self = Self(1);
    pub(super) const CONNACK: Self = Self(1 << 1);
    pub(super) const PUBLISH: Self = Self(1 << 2);
    pub(super) const WILL: Self = Self(1 << 3);
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    pub(super) const ACK: Self = Self(1 << 4);
    pub(super) const SUBSCRIBE: Self = Self(1 << 5);
    pub(super) const UNSUBSCRIBE: Self = Self(1 << 6);
    pub(super) const DISCONNECT: Self = Self(1 << 7);
    pub(super) const AUTH: Self = Self(1 << 8);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

const MESSAGE: Place = Place::PUBLISH.or(Place::WILL);
const CONNECTION: Place = Place::CONNECT.or(Place::CONNACK);
const REASONED: Place = Place::CONNACK
    .or(Place::ACK)
    .or(Place::DISCONNECT)
    .or(Place::AUTH);
const ANYWHERE: Place = Place(u16::MAX);

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    /// One byte, 0 or 1.
    Flag,
    U16,
    U32,
    Variable,
    Text,
    Binary,
    Pair,
}

/// A property's form, and where it may stand.
fn definition(id: u8) -> Option<(Form, Place)> {
    Some(match id {
        id::PAYLOAD_FORMAT => (Form::Flag, MESSAGE),
        id::MESSAGE_EXPIRY => (Form::U32, MESSAGE),
        id::CONTENT_TYPE | id::RESPONSE_TOPIC => (Form::Text, MESSAGE),
        id::CORRELATION_DATA => (Form::Binary, MESSAGE),
        id::SUBSCRIPTION_ID => (Form::Variable, Place::PUBLISH.or(Place::SUBSCRIBE)),
        id::SESSION_EXPIRY => (Form::U32, CONNECTION.or(Place::DISCONNECT)),
        id::ASSIGNED_CLIENT_ID | id::RESPONSE_INFORMATION => (Form::Text, Place::CONNACK),
        id::SERVER_KEEP_ALIVE => (Form::U16, Place::CONNACK),
        id::AUTHENTICATION_METHOD => (Form::Text, CONNECTION.or(Place::AUTH)),
        id::AUTHENTICATION_DATA => (Form::Binary, CONNECTION.or(Place::AUTH)),
        id::REQUEST_PROBLEM | id::REQUEST_RESPONSE => (Form::Flag, Place::CONNECT),
        id::WILL_DELAY => (Form::U32, Place::WILL),
        id::SERVER_REFERENCE => (Form::Text, Place::CONNACK.or(Place::DISCONNECT)),
        id::REASON => (Form::Text, REASONED),
        id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM => (Form::U16, CONNECTION),
        id::TOPIC_ALIAS => (Form::U16, Place::PUBLISH),
        id::MAXIMUM_PACKET_SIZE => (Form::U32, CONNECTION),
        id::USER => (Form::Pair, ANYWHERE),
        id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_AVAILABLE
        | id::SUBSCRIPTION_IDS_AVAILABLE
        | id::SHARED_AVAILABLE => (Form::Flag, Place::CONNACK),
        _ => return None,
    })
}

/// A property's value. Numbers of every width are one kind: the form has checked their range.
pub(super) enum Value {
    Number(u32),
    Text(ByteString),
    Binary(Bytes),
    Pair(ByteString, ByteString),
}

/// The properties of one packet, read one by one.
pub(super) struct Properties {
    reader: Reader,
    place: Place,
    /// One bit per identifier; the highest is 0x2a.
    seen: u64,
}

impl Properties {
    /// Reads the length and takes so many bytes out of `reader`.
    pub(super) fn of(reader: &mut Reader, place: Place) -> Result<Self, Malformed> {
        let length = reader.variable()?;
        Ok(Self::new(reader.part(length)?, place))
    }

    pub(super) fn new(reader: Reader, place: Place) -> Self {
        Self {
            reader,
            place,
            seen: 0,
        }
    }

    /// Bytes not yet read.
    pub(super) fn left(&self) -> usize {
        self.reader.left()
    }

    pub(super) fn next(&mut self) -> Result<Option<(u8, Value)>, Malformed> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let (id, form) = self.identifier()?;
        let value = self.value(form)?;
        check_range(id, &value)?;
        Ok(Some((id, value)))
    }

    /// Reads to the end where only the rules matter.
    pub(super) fn check(mut self) -> Result<(), Malformed> {
        while self.next()?.is_some() {}
        Ok(())
    }

    fn identifier(&mut self) -> Result<(u8, Form), Malformed> {
        let number = self.reader.variable()?;
        let known = u8::try_from(number).ok().and_then(|id| {
            let (form, places) = definition(id)?;
            places.meets(self.place).then_some((id, form))
        });
        let Some((id, form)) = known else {
            let detail = format!("property `{number:#04x}` is not one of this packet");
            return Err(Malformed::packet(Level::V5, VIOLATION, detail));
        };
        self.check_once(id)?;
        Ok((id, form))
    }

    /// A PUBLISH of a server names every subscription that it matched.
    fn check_once(&mut self, id: u8) -> Result<(), Malformed> {
        let bit = 1_u64 << id;
        let repeatable =
            id == id::USER || (id == id::SUBSCRIPTION_ID && self.place.meets(Place::PUBLISH));
        if self.seen & bit != 0 && !repeatable {
            let detail = format!("property `{id:#04x}` more than once");
            return Err(Malformed::protocol(Level::V5, VIOLATION, detail));
        }
        self.seen |= bit;
        Ok(())
    }

    fn value(&mut self, form: Form) -> Result<Value, Malformed> {
        let reader = &mut self.reader;
        Ok(match form {
            Form::Flag => Value::Number(flag(reader.byte()?)?),
            Form::U16 => Value::Number(reader.u16()?.into()),
            Form::U32 => Value::Number(reader.u32()?),
            Form::Variable => Value::Number(u32::try_from(reader.variable()?).unwrap_or(u32::MAX)),
            Form::Text => Value::Text(reader.text()?),
            Form::Binary => Value::Binary(reader.binary()?),
            Form::Pair => Value::Pair(reader.text()?, reader.text()?),
        })
    }
}

fn flag(byte: u8) -> Result<u32, Malformed> {
    if byte <= 1 {
        return Ok(byte.into());
    }
    let detail = format!("property value `{byte}` instead of 0 or 1");
    Err(Malformed::protocol(Level::V5, VIOLATION, detail))
}

fn check_range(id: u8, value: &Value) -> Result<(), Malformed> {
    if !matches!(value, Value::Number(0)) {
        return Ok(());
    }
    match id {
        id::TOPIC_ALIAS => {
            let clause = Clause::both("MQTT-3.3.2-8");
            Err(Malformed::coded(0x94, Level::V5, clause, "topic alias `0`"))
        }
        id::RECEIVE_MAXIMUM | id::MAXIMUM_PACKET_SIZE | id::SUBSCRIPTION_ID => {
            let detail = format!("property `{id:#04x}` with the value `0`");
            Err(Malformed::protocol(Level::V5, VIOLATION, detail))
        }
        _ => Ok(()),
    }
}
