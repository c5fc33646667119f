//! The fixed header: who may send which packet, with which flags, and how long it is.
//!
//! Bounds: at most five bytes are looked at; a wrong first byte is refused before the length is there, a length over the limit before
//! the body is. So a connection never buffers what it will refuse.

use super::malformed::{Clause, Malformed, VIOLATION};
use super::packet::Level;

/// Who sent the packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// The type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

/// A fixed header that has passed every check that it allows.
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The low four bits of the first byte.
    pub(super) flags: u8,
    /// Bytes of the header itself.
    pub(super) length: usize,
    /// Bytes that follow it.
    pub(super) remaining: usize,
    /// The length was written in as few bytes as possible: a duty in MQTT 5 only.
    pub(super) minimal: bool,
}

impl Header {
    /// Bytes of the whole packet.
    pub(super) fn packet(&self) -> usize {
        self.length + self.remaining
    }

    /// MQTT 5 wants the shortest form; a CONNECT is asked once its level is known.
    pub(super) fn check_minimal(&self, level: Level) -> Result<(), Malformed> {
        if self.minimal || level != Level::V5 {
            return Ok(());
        }
        Err(not_minimal(level))
    }
}

/// Reads the header at the front of `input`; `None` while it is not complete. `level` is none before CONNECT.
pub(super) fn parse(
    input: &[u8],
    sender: Sender,
    level: Option<Level>,
    max_packet: u32,
) -> Result<Option<Header>, Malformed> {
    let Some((&first, lengths)) = input.split_first() else {
        return Ok(None);
    };
    let kind = kind(first, sender, level)?;
    let spoken = level.unwrap_or(Level::V4);
    let Some((remaining, width, minimal)) = variable_length(lengths, spoken)? else {
        return Ok(None);
    };
    let header = Header {
        kind,
        flags: first & 0x0f,
        length: 1 + width,
        remaining,
        minimal,
    };
    if level.is_some() {
        header.check_minimal(spoken)?;
    }
    check_size(&header, spoken, max_packet)?;
    Ok(Some(header))
}

fn check_size(header: &Header, level: Level, max_packet: u32) -> Result<(), Malformed> {
    let limit = usize::try_from(max_packet).unwrap_or(usize::MAX);
    if header.packet() <= limit {
        return Ok(());
    }
    let detail = format!(
        "packet of `{}` bytes: the limit is {max_packet}",
        header.packet()
    );
    let clause = Clause::new("MQTT-4.8.0-1", "MQTT-3.2.2-15");
    Err(Malformed::coded(0x95, level, clause, detail))
}

/// Value, bytes used and whether they were the fewest; `None` while the last byte is missing.
pub(super) fn variable_length(
    input: &[u8],
    level: Level,
) -> Result<Option<(usize, usize, bool)>, Malformed> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1, index == 0 || byte != 0)));
        }
    }
    if input.len() < 4 {
        return Ok(None);
    }
    let detail = "variable byte integer of more than four bytes";
    Err(Malformed::packet(level, VIOLATION, detail))
}

pub(super) fn not_minimal(level: Level) -> Malformed {
    let detail = "variable byte integer is longer than it need be";
    Malformed::packet(level, Clause::both("MQTT-1.5.5-1"), detail)
}

/// Everything that the first byte alone can get wrong.
fn kind(first: u8, sender: Sender, level: Option<Level>) -> Result<Kind, Malformed> {
    let spoken = level.unwrap_or(Level::V4);
    let Some(kind) = known(first >> 4, spoken) else {
        let detail = format!("packet type `{}` is reserved", first >> 4);
        return Err(Malformed::packet(spoken, VIOLATION, detail));
    };
    check_turn(kind, sender, level)?;
    check_flags(kind, first & 0x0f, spoken)?;
    Ok(kind)
}

fn known(nibble: u8, level: Level) -> Option<Kind> {
    Some(match nibble {
        1 => Kind::Connect,
        2 => Kind::ConnAck,
        3 => Kind::Publish,
        4 => Kind::PubAck,
        5 => Kind::PubRec,
        6 => Kind::PubRel,
        7 => Kind::PubComp,
        8 => Kind::Subscribe,
        9 => Kind::SubAck,
        10 => Kind::Unsubscribe,
        11 => Kind::UnsubAck,
        12 => Kind::PingReq,
        13 => Kind::PingResp,
        14 => Kind::Disconnect,
        15 if level == Level::V5 => Kind::Auth,
        _ => return None,
    })
}

/// CONNECT is a client's first packet and only that; the other packets have a direction (table 2-1).
fn check_turn(kind: Kind, sender: Sender, level: Option<Level>) -> Result<(), Malformed> {
    let spoken = level.unwrap_or(Level::V4);
    let (id, detail) = match (sender, kind, level) {
        (Sender::Client, Kind::Connect, None) => return Ok(()),
        (Sender::Client, _, None) => ("MQTT-3.1.0-1", format!("{kind:?} before Connect")),
        (Sender::Client, Kind::Connect, Some(_)) => ("MQTT-3.1.0-2", "a second Connect".to_owned()),
        _ if allowed(kind, sender, spoken) => return Ok(()),
        _ => return Err(wrong_side(kind, spoken)),
    };
    Err(Malformed::protocol(spoken, Clause::both(id), detail))
}

pub(super) fn wrong_side(kind: Kind, level: Level) -> Malformed {
    let detail = format!("{kind:?} is not for this side to send");
    Malformed::protocol(level, VIOLATION, detail)
}

fn allowed(kind: Kind, sender: Sender, level: Level) -> bool {
    match kind {
        Kind::Publish | Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp => true,
        Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::PingReq => {
            sender == Sender::Client
        }
        Kind::ConnAck | Kind::SubAck | Kind::UnsubAck | Kind::PingResp => sender == Sender::Server,
        Kind::Disconnect => sender == Sender::Client || level == Level::V5,
        Kind::Auth => level == Level::V5,
    }
}

fn check_flags(kind: Kind, flags: u8, level: Level) -> Result<(), Malformed> {
    let (expected, clause) = match kind {
        Kind::Publish => return check_publish_flags(flags, level),
        Kind::PubRel => (2, Clause::both("MQTT-3.6.1-1")),
        Kind::Subscribe => (2, Clause::both("MQTT-3.8.1-1")),
        Kind::Unsubscribe => (2, Clause::both("MQTT-3.10.1-1")),
        Kind::Disconnect => (0, Clause::both("MQTT-3.14.1-1")),
        Kind::Auth => (0, Clause::both("MQTT-3.15.1-1")),
        _ => (0, Clause::new("MQTT-2.2.2-2", "MQTT-2.1.3-1")),
    };
    // 3.1 sends these three at QoS 1, and again with DUP where no answer comes.
    let again = expected == 2 && level == Level::V3;
    if flags == expected || (again && flags == expected | 0x08) {
        return Ok(());
    }
    let detail = format!("{kind:?} with the reserved flags `{flags}` instead of {expected}");
    Err(Malformed::packet(level, clause, detail))
}

fn check_publish_flags(flags: u8, level: Level) -> Result<(), Malformed> {
    let (dup, qos) = (flags & 0x08 != 0, flags >> 1 & 0x03);
    if qos == 3 {
        let detail = "Publish with QoS `3`";
        return Err(Malformed::packet(
            level,
            Clause::both("MQTT-3.3.1-4"),
            detail,
        ));
    }
    if dup && qos == 0 {
        let detail = "Publish with DUP and QoS 0";
        return Err(Malformed::packet(
            level,
            Clause::both("MQTT-3.3.1-2"),
            detail,
        ));
    }
    Ok(())
}
