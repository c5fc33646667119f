//! The first packet: reads a CONNECT within its bounds, and says how its absence is answered.
//!
//! Bounded by the deadline and by the size of a CONNECT, since nobody has proven anything yet. What is no CONNECT at all is closed
//! without a word (MQTT-3.1.0-1).

use super::broker::Broker;
use super::claim::Arrival;
use super::connection::{Connection, Stream};
use super::decided;
use super::refusal::Refusing;
use super::terms::packet_max;
use super::wire::{self, FromClient, Level};
use crate::decision::Cause;
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::timeout;

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
        match wire::decode(&mut connection.input, None, max) {
            Ok(Some(FromClient::Connect(connect))) => return Ok(*connect),
            Ok(Some(_)) => return Err(NoHello::Silence),
            Ok(None) => {}
            Err(malformed) => return Err(broken(&connection.input, &malformed)),
        }
        match poll_fn(|context| connection.poll_read(context)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(NoHello::Silence),
        }
    }
}

/// Tells a client that there is no room, in its own version, and closes. What sends no CONNECT in time is just closed.
pub async fn turn_away(broker: &Broker, stream: Stream, arrival: &Arrival, deadline: Duration) {
    let mut connection = Connection::new(stream);
    if let Ok(connect) = hello(&mut connection, deadline, TURNED_AWAY_MAX).await {
        let full = Refusing::new(
            Cause::Limit,
            "the broker has no room for another connection",
        );
        decided::refused_by_host(broker, arrival, &full, connect.level);
        let most = packet_max(&connect);
        full.connack(connect.level, most, &mut connection.output);
        connection.close().await;
    }
}

fn broken(input: &[u8], malformed: &wire::Malformed) -> NoHello {
    wire::answer_level(input).map_or(NoHello::Silence, |level| NoHello::Broken {
        level,
        cause: Cause::Protocol(malformed.code),
        detail: malformed.to_string(),
    })
}
