//! Reads the primitive values of a packet's body. Every read checks what is left, so no input can run past the packet.
//!
//! Strings and binary data are slices that share the packet's memory; nothing is copied.

use super::header::{not_minimal, variable_length};
use super::malformed::{Clause, Malformed, VIOLATION};
use super::packet::{Level, Qos};
use bytes::{Buf, Bytes};
use bytestring::ByteString;

/// What is left of a body.
pub(super) struct Reader {
    body: Bytes,
    level: Level,
}

impl Reader {
    pub(super) fn new(body: Bytes, level: Level) -> Self {
        Self { body, level }
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// For a CONNECT, whose level is one of its own fields.
    pub(super) fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    pub(super) fn left(&self) -> usize {
        self.body.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.body.try_get_u8().map_err(|_| self.truncated())
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.body.try_get_u16().map_err(|_| self.truncated())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.body.try_get_u32().map_err(|_| self.truncated())
    }

    /// A variable byte integer inside a body exists in MQTT 5 only, where it has to be minimal.
    pub(super) fn variable(&mut self) -> Result<usize, Malformed> {
        let read = variable_length(&self.body, self.level)?;
        let (value, width, minimal) = read.ok_or_else(|| self.truncated())?;
        if !minimal {
            return Err(not_minimal(self.level));
        }
        self.body.advance(width);
        Ok(value)
    }

    /// `length` bytes as a reader of their own.
    pub(super) fn part(&mut self, length: usize) -> Result<Self, Malformed> {
        Ok(Self::new(self.take(length)?, self.level))
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, Malformed> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// Well-formed UTF-8 without NUL. A byte order mark is a character like any other (MQTT-1.5.4-3); control characters are let
    /// through, as the specification allows, for the policy to judge.
    pub(super) fn text(&mut self) -> Result<ByteString, Malformed> {
        let bytes = self.binary()?;
        if bytes.contains(&0) {
            let clause = Clause::new("MQTT-1.5.3-2", "MQTT-1.5.4-2");
            return Err(Malformed::packet(self.level, clause, "text with a NUL"));
        }
        ByteString::try_from(bytes).map_err(|error| {
            let clause = Clause::new("MQTT-1.5.3-1", "MQTT-1.5.4-1");
            Malformed::packet(self.level, clause, format!("text is not UTF-8: {error}"))
        })
    }

    /// Never 0.
    pub(super) fn packet_id(&mut self) -> Result<u16, Malformed> {
        let id = self.u16()?;
        if id == 0 {
            let clause = Clause::new("MQTT-2.3.1-1", "MQTT-2.2.1-3");
            return Err(Malformed::protocol(self.level, clause, "packet id `0`"));
        }
        Ok(id)
    }

    /// The rest of the packet, which ends here.
    pub(super) fn rest(self) -> Bytes {
        self.body
    }

    /// Nothing may follow what has been read.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            return Ok(());
        }
        let detail = format!("`{}` bytes more than the packet has use for", self.left());
        Err(Malformed::packet(self.level, VIOLATION, detail))
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.body.len() {
            return Err(self.truncated());
        }
        Ok(self.body.split_to(length))
    }

    fn truncated(&self) -> Malformed {
        let detail = "packet ends in the middle of a field";
        Malformed::packet(self.level, VIOLATION, detail)
    }
}

/// The QoS that two bits spell; 3 is none.
pub(super) fn qos(bits: u8) -> Option<Qos> {
    match bits & 0x03 {
        0 => Some(Qos::AtMostOnce),
        1 => Some(Qos::AtLeastOnce),
        2 => Some(Qos::ExactlyOnce),
        _ => None,
    }
}
