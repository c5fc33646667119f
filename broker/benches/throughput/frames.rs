//! Numbered messages, written and read without an allocation: a load client must cost less than the broker that it measures.
//!
//! The payload is a JSON text that starts `{"services":[],"p":"<publisher>","s":"<number>"`, both eight hex digits, so that a policy that
//! looks at it finds a property report.

use crate::Failure;
use bytes::{Bytes, BytesMut};
use iotda_broker::session::wire::{Level, Publish, Qos, client};

const HEAD: &str = r#"{"services":[],"p":""#;
const DIGITS: usize = 8;
const MIDDLE: &str = r#"","s":""#;
const REST: &str = r#"","d":""#;
const TAIL: &str = r#""}"#;

/// A PUBLISH in wire form whose number and packet id are replaced for every message.
pub(crate) struct Template {
    packet: Vec<u8>,
    payload: usize,
    numbered: bool,
    /// Bytes between the packet id and the payload: the length of the properties, which are none.
    properties: usize,
}

impl Template {
    pub(crate) fn new(topic: &str, publisher: u32, qos: Qos, size: usize) -> Self {
        Self::at(Level::V4, topic, publisher, qos, size)
    }

    pub(crate) fn at(level: Level, topic: &str, publisher: u32, qos: Qos, size: usize) -> Self {
        let fixed = HEAD.len() + MIDDLE.len() + REST.len() + TAIL.len() + 2 * DIGITS;
        let padding = "x".repeat(size.saturating_sub(fixed));
        let payload = format!(
            "{HEAD}{publisher:08x}{MIDDLE}{:08x}{REST}{padding}{TAIL}",
            0
        );
        let packet = Publish {
            dup: false,
            qos,
            retain: false,
            topic: topic.into(),
            packet_id: 1,
            alias: None,
            expiry: None,
            properties: Bytes::new(),
            payload: Bytes::from(payload.clone()),
        };
        let mut out = BytesMut::new();
        client::publish(level, &packet, &mut out);
        Self {
            packet: out.to_vec(),
            payload: payload.len(),
            numbered: qos != Qos::AtMostOnce,
            properties: usize::from(level == Level::V5),
        }
    }

    pub(crate) fn write(&self, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.packet);
        let payload = out.len() - self.payload;
        let at = payload + HEAD.len() + DIGITS + MIDDLE.len();
        if let Some(digits) = out.get_mut(at..at + DIGITS) {
            digits.copy_from_slice(&hex(number));
        }
        let end = payload - self.properties;
        if let Some(id) = out.get_mut(end - 2..end).filter(|_| self.numbered) {
            id.copy_from_slice(&packet_id(number).to_be_bytes());
        }
    }
}

/// 1 to 65 535 and round again; no window meets itself.
pub(crate) fn packet_id(number: u32) -> u16 {
    (number % 65_535) as u16 + 1
}

fn hex(number: u32) -> [u8; DIGITS] {
    std::array::from_fn(|digit| {
        let nibble = (number >> (4 * (DIGITS - 1 - digit))).to_le_bytes()[0] & 0x0f;
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        }
    })
}

/// What a load client wants to know of a packet.
pub(crate) enum Frame {
    /// Publisher, number and packet id (0 for QoS 0).
    Message {
        publisher: u32,
        number: u32,
        packet_id: u16,
    },
    /// `code` is 0 at level 4.
    PubAck {
        packet_id: u16,
        code: u8,
    },
    PingResp,
    Other,
}

/// The packet at the front of `input` and its size; `None` while it is not complete.
pub(crate) fn next(input: &[u8]) -> Result<Option<(Frame, usize)>, Failure> {
    let Some((start, end)) = bounds(input)? else {
        return Ok(None);
    };
    let (Some(first), Some(body)) = (input.first(), input.get(start..end)) else {
        return Ok(None);
    };
    let frame = match first >> 4 {
        3 => message(*first, body).ok_or("a delivery is not what was published")?,
        4 => puback(body).ok_or("a PUBACK without a packet id")?,
        13 => Frame::PingResp,
        _ => Frame::Other,
    };
    Ok(Some((frame, end)))
}

/// Where the body starts and ends.
fn bounds(input: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let mut length = 0;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let start = index + 2;
            return Ok((input.len() >= start + length).then_some((start, start + length)));
        }
    }
    if input.len() > 4 {
        Err("a packet without an end".into())
    } else {
        Ok(None)
    }
}

fn puback(body: &[u8]) -> Option<Frame> {
    let (packet_id, rest) = body.split_first_chunk::<2>()?;
    Some(Frame::PubAck {
        packet_id: u16::from_be_bytes(*packet_id),
        code: rest.first().copied().unwrap_or(0),
    })
}

fn message(first: u8, body: &[u8]) -> Option<Frame> {
    let (length, body) = body.split_first_chunk::<2>()?;
    let mut body = body.get(usize::from(u16::from_be_bytes(*length))..)?;
    let mut packet_id = 0;
    if first & 0x06 != 0 {
        let (id, rest) = body.split_first_chunk::<2>()?;
        (packet_id, body) = (u16::from_be_bytes(*id), rest);
    }
    let (publisher, rest) = body.get(HEAD.len()..)?.split_first_chunk::<DIGITS>()?;
    let (number, _) = rest.get(MIDDLE.len()..)?.split_first_chunk::<DIGITS>()?;
    Some(Frame::Message {
        publisher: value(*publisher)?,
        number: value(*number)?,
        packet_id,
    })
}

fn value(hex: [u8; DIGITS]) -> Option<u32> {
    hex.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u32::from(digit))
    })
}
