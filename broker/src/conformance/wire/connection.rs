//! One connection of a case: whole packets in, bytes out.
//!
//! Bounded: a packet may have [`LARGEST`] bytes, every wait has its time. Packets that a step does not ask for wait in their order for the
//! next one. Whatever the server breaks is an [`Event`], never an error.

use super::dial::Stream;
use super::event::Event;
use crate::session::wire::Level;
use crate::session::wire::client;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// The largest payload that IoTDA takes is 1 MB.
const LARGEST: usize = 4 << 20;

/// A connection, and what has been read ahead.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    input: BytesMut,
    ahead: VecDeque<Event>,
    pub(super) level: Level,
    /// CONNACK has accepted it.
    pub(super) accepted: bool,
    closed: bool,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, level: Level) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            ahead: VecDeque::new(),
            level,
            accepted: false,
            closed: false,
        }
    }

    /// A server that has closed is heard when it is listened to, so a failing write says nothing here.
    pub(super) async fn send(&mut self, bytes: &[u8], within: Duration) {
        let until = Instant::now() + within;
        let sent = timeout_at(until, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        let _ = sent.await;
    }

    /// The next thing that happens, from what was read ahead first.
    pub(super) async fn next(&mut self, within: Duration) -> Event {
        match self.ahead.pop_front() {
            Some(event) => event,
            None => self.read(Instant::now() + within).await,
        }
    }

    /// The first thing that `wanted` takes, or that no later one can follow; what comes before it stays for later.
    pub(super) async fn find(
        &mut self,
        within: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> Event {
        if let Some(at) = self.ahead.iter().position(&wanted)
            && let Some(event) = self.ahead.remove(at)
        {
            return event;
        }
        let until = Instant::now() + within;
        loop {
            let event = self.read(until).await;
            match &event {
                Event::Packet { .. } if !wanted(&event) => self.ahead.push_back(event),
                _ => return event,
            }
        }
    }

    async fn read(&mut self, until: Instant) -> Event {
        loop {
            match self.take() {
                Ok(Some(event)) => return event,
                Ok(None) => {}
                Err(cause) => {
                    self.closed = true;
                    return self.unreadable(cause);
                }
            }
            if self.closed {
                return Event::Closed;
            }
            match timeout_at(until, self.stream.read_buf(&mut self.input)).await {
                Err(_) => return Event::Silence,
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => self.closed = true,
            }
        }
    }

    /// One packet, once it is there as a whole. `Err` is why nothing can be read any more.
    fn take(&mut self) -> Result<Option<Event>, &'static str> {
        let length = match packet_length(&self.input)? {
            Some(length) if length <= self.input.len() => length,
            Some(length) if length > LARGEST => return Err("it is too large"),
            _ => return Ok(None),
        };
        let raw = self.input.split_to(length).freeze();
        Ok(Some(
            match client::decode(&mut BytesMut::from(raw.as_ref()), self.level, u32::MAX) {
                Ok(Some(packet)) => Event::Packet { raw, packet },
                Ok(None) => Event::Malformed {
                    raw,
                    cause: "it ends too early".into(),
                },
                Err(malformed) => Event::Malformed {
                    raw,
                    cause: malformed.to_string(),
                },
            },
        ))
    }

    fn unreadable(&mut self, cause: &str) -> Event {
        Event::Malformed {
            raw: Bytes::from(std::mem::take(&mut self.input)),
            cause: cause.to_owned(),
        }
    }
}

/// Bytes of the packet at the front, once its header is there.
fn packet_length(input: &[u8]) -> Result<Option<usize>, &'static str> {
    let mut remaining = 0_usize;
    for (at, byte) in input.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(2 + at + remaining));
        }
    }
    if input.len() >= 5 {
        return Err("its length has more than four bytes");
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_its_header_says() {
        for (input, length) in [
            (&[][..], Ok(None)),
            (&[0xd0], Ok(None)),
            (&[0xd0, 0], Ok(Some(2))),
            (&[0x30, 0x80], Ok(None)),
            (&[0x30, 0x80, 1], Ok(Some(131))),
            (
                &[0x30, 0xff, 0xff, 0xff, 0xff],
                Err("its length has more than four bytes"),
            ),
        ] {
            assert_eq!(packet_length(input), length, "{input:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_asked_for_waits_in_order() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut connection = Connection::new(Box::new(ours), Level::V4);
        // PUBLISH «t», PINGRESP, and the first byte of something.
        theirs
            .write_all(&[0x30, 3, 0, 1, b't', 0xd0, 0, 0x30])
            .await
            .unwrap();
        drop(theirs);
        let second = Duration::from_secs(1);
        let is_pong = |event: &Event| event.describe() == "PINGRESP";
        assert!(is_pong(&connection.find(second, is_pong).await));
        assert!(
            connection
                .next(second)
                .await
                .describe()
                .starts_with("PUBLISH on `t`")
        );
        assert_eq!(connection.next(second).await, Event::Closed);
    }

    #[tokio::test]
    async fn what_breaks_the_specification_is_told() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut connection = Connection::new(Box::new(ours), Level::V4);
        theirs.write_all(&[0xd0, 1, 0]).await.unwrap();
        let seen = connection.next(Duration::from_secs(1)).await;
        assert!(matches!(seen, Event::Malformed { .. }), "{seen:?}");
        let nothing = connection.next(Duration::from_millis(10)).await;
        assert_eq!(nothing, Event::Silence);
    }
}
