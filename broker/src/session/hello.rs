//! The first packet: reads a CONNECT within its bounds, and says how its absence is answered.
//!
//! Bounded by the deadline and by the size of a CONNECT, since nobody has proven anything yet. What is no CONNECT at all is closed
//! without a word (MQTT-3.1.0-1).

use super::connection::{Connection, Stream};
use super::refusal::Refusing;
use super::wire::{self, FromClient, Level};
use crate::decision::Cause;
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::timeout;

/// MQTT's longest name of a protocol, and what stands around it: enough to see the level.
const PEEK: usize = 16;
const UNSUPPORTED: u8 = 0x84;
/// A CONNECT that is turned away unread: enough for a usual one.
const TURNED_AWAY_MAX: u32 = 4 * 1024;

/// Why there is no CONNECT.
#[derive(Debug, PartialEq)]
pub(crate) enum NoHello {
    /// The client left, was too slow, or speaks something else.
    Silence,
    /// A CONNECT that breaks the specification, in the numbering that its sender understands.
    Broken {
        level: Level,
        cause: Cause,
        detail: String,
    },
}

/// Reads the first packet.
pub(crate) async fn hello(
    connection: &mut Connection,
    deadline: Duration,
    max: u32,
) -> Result<wire::Connect, NoHello> {
    let read = timeout(deadline, read(connection, max)).await;
    read.unwrap_or(Err(NoHello::Silence))
}

async fn read(connection: &mut Connection, max: u32) -> Result<wire::Connect, NoHello> {
    loop {
        // The decoder may have taken the packet when it refuses it.
        let front: Vec<u8> = connection.input.iter().copied().take(PEEK).collect();
        match wire::decode(&mut connection.input, None, max) {
            Ok(Some(FromClient::Connect(connect))) => return Ok(*connect),
            Ok(Some(_)) => return Err(NoHello::Silence),
            Ok(None) => {}
            Err(malformed) => return Err(broken(&front, &malformed)),
        }
        match poll_fn(|context| connection.poll_read(context)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(NoHello::Silence),
        }
    }
}

/// Tells a client that there is no room, in its own version, and closes. What sends no CONNECT in time is just closed.
pub async fn turn_away(stream: Stream, deadline: Duration) {
    let mut connection = Connection::new(stream);
    if let Ok(connect) = hello(&mut connection, deadline, TURNED_AWAY_MAX).await {
        let full = Refusing::new(
            Cause::Limit,
            "the broker has no room for another connection",
        );
        full.connack(connect.level, &mut connection.output);
        connection.close().await;
    }
}

fn broken(front: &[u8], malformed: &wire::Malformed) -> NoHello {
    match protocol_level(front) {
        None => NoHello::Silence,
        Some(sent) => NoHello::Broken {
            level: if sent >= 5 { Level::V5 } else { Level::V4 },
            cause: Cause::Protocol(if (4..=5).contains(&sent) {
                malformed.code
            } else {
                UNSUPPORTED
            }),
            detail: malformed.to_string(),
        },
    }
}

/// The protocol level of what starts like a CONNECT; `None` for anything else.
fn protocol_level(front: &[u8]) -> Option<u8> {
    let (first, mut rest) = front.split_first()?;
    if *first != 0x10 {
        return None;
    }
    // The remaining length: at most four bytes, of which all but the last have their top bit set.
    for _ in 0..4 {
        let (byte, left) = rest.split_first()?;
        rest = left;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    let level = names.iter().find_map(|name| rest.strip_prefix(*name))?;
    level.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(code: u8) -> wire::Malformed {
        wire::Malformed {
            code,
            clause: "MQTT-3.1.2-1",
            detail: "x".into(),
        }
    }

    #[test]
    fn every_level_is_answered_in_its_own_numbering() {
        // front, code of the decoder, CONNACK; no CONNACK where it is none of ours
        let rows: [(&[u8], u8, Option<(Level, Option<u8>)>); 7] = [
            (
                b"\x10\x14\0\x06MQIsdp\x03",
                0x84,
                Some((Level::V4, Some(1))),
            ),
            (b"\x10\x14\0\x04MQTT\x03", 0x84, Some((Level::V4, Some(1)))),
            (
                b"\x10\x14\0\x04MQTT\x06",
                0x84,
                Some((Level::V5, Some(0x84))),
            ),
            (b"\x10\x14\0\x04MQTT\x04", 0x81, Some((Level::V4, None))),
            (
                b"\x10\xFF\x01\0\x04MQTT\x05",
                0x82,
                Some((Level::V5, Some(0x82))),
            ),
            (b"GET / HTTP/1.1\r\n", 0x81, None),
            (b"\x10\x14\0\x05HELLO\x04", 0x84, None),
        ];
        for (front, code, answer) in rows {
            let got = match broken(front, &malformed(code)) {
                NoHello::Silence => None,
                NoHello::Broken { level, cause, .. } => Some((level, cause.connack(level))),
            };
            assert_eq!(got, answer, "{front:?}");
        }
    }

    #[test]
    fn a_cut_packet_has_no_level() {
        let whole = b"\x10\x14\0\x04MQTT\x04";
        for cut in 0..whole.len() {
            assert_eq!(protocol_level(&whole[..cut]), None);
        }
        assert_eq!(protocol_level(whole), Some(4));
    }
}
