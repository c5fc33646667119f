//! Publishes all the time on the topic that is allowed and denied in turn, at MQTT 5, whose acknowledgements say what became of a message.

use crate::connection::{self, Client};
use crate::frames::{self, Frame, Template};
use crate::rules::EXTRA_TOPIC;
use crate::stage::{Extra, Stage, Stages};
use crate::{Failure, identity};
use bytes::Buf;
use iotda_broker::session::wire::{Connect, Level, Qos};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Written at once, so that some are on their way when the rules change.
const BURST: u32 = 8;
const PAUSE: Duration = Duration::from_millis(8);
/// Not authorized.
const REFUSED: u8 = 0x87;

/// What became of its messages.
#[derive(Default)]
pub(crate) struct Probed {
    pub(crate) sent: u32,
    /// By number.
    pub(crate) refused: Vec<u32>,
}

/// A connection of the application.
pub(crate) async fn join(address: SocketAddr) -> Result<Client<TcpStream>, Failure> {
    let connect = Connect {
        level: Level::V5,
        ..identity::named(identity::APPLICATION, "probe")
    };
    connection::join(address, &connect).await
}

/// Runs until the stage is over; `publisher` is its number in the messages.
pub(crate) async fn run(
    mut client: Client<TcpStream>,
    publisher: u32,
    watcher: usize,
    stages: Arc<Stages>,
) -> Result<Probed, Failure> {
    let template = Template::at(Level::V5, EXTRA_TOPIC, publisher, Qos::AtLeastOnce, 64);
    let (mut sent, mut refused, mut out) = (0, Vec::new(), Vec::new());
    loop {
        let before = stages.now();
        if before.extra == Extra::Over {
            return Ok(Probed { sent, refused });
        }
        for number in sent..sent + BURST {
            template.write(number, &mut out);
        }
        client.stream.write_all(&out).await?;
        out.clear();
        let codes = read_codes(&mut client, sent).await?;
        let after = stages.now();
        for (number, code) in codes {
            if code >= 0x80 {
                refused.push(number);
            }
            check(&stages, before, after, code);
        }
        if before == after {
            stages.has_tested(watcher, before.number);
        }
        sent += BURST;
        sleep(PAUSE).await;
    }
}

/// Between two stages either answer is right, but no other.
fn check(stages: &Stages, before: Stage, after: Stage, code: u8) {
    let extra = if before == after {
        before.extra
    } else {
        Extra::Changing
    };
    let is_right = match extra {
        Extra::Allowed => code < 0x80,
        Extra::Denied => code == REFUSED,
        Extra::Changing | Extra::Over => code < 0x80 || code == REFUSED,
    };
    if !is_right {
        stages.is_wrong(format!("a PUBLISH is answered {code:#04x} while {extra:?}"));
    }
}

/// The codes of one burst, whose first message has this number. Refusals may come before what the engine has to take first.
async fn read_codes(client: &mut Client<TcpStream>, first: u32) -> Result<Vec<(u32, u8)>, Failure> {
    let mut codes = Vec::new();
    while codes.len() < BURST as usize {
        let Some((frame, size)) = frames::next(&client.input)? else {
            let read = client.stream.read_buf(&mut client.input);
            let read = timeout(connection::PATIENCE, read).await;
            if read.map_err(|_| "no acknowledgement comes to the probe")?? == 0 {
                return Err("the broker has closed the probe's connection".into());
            }
            continue;
        };
        client.input.advance(size);
        if let Frame::PubAck { packet_id, code } = frame {
            let number = (first..first + BURST).find(|one| frames::packet_id(*one) == packet_id);
            codes.push((number.ok_or("a PUBACK for nothing")?, code));
        }
    }
    Ok(codes)
}
