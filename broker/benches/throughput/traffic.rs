//! One publisher, one subscriber: numbered messages in, every delivery checked.
//!
//! Bounds: so many messages as `progress` lets are between publishers and the slowest subscriber at any time, and `window` of a QoS 1
//! publisher are without an acknowledgement.

use crate::Failure;
use crate::connection::{self, Client};
use crate::frames::{self, Frame, Template};
use crate::progress::Progress;
use bytes::Buf;
use iotda_broker::session::wire::Qos;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Reads, checks and acknowledges until it is aborted.
pub(crate) async fn subscribe(
    mut client: Client<TcpStream>,
    number: usize,
    publishers: usize,
    progress: Arc<Progress>,
) -> Result<(), Failure> {
    let mut expected = vec![0; publishers];
    let mut acks = Vec::new();
    client.input.reserve(256 * 1024);
    loop {
        if client.stream.read_buf(&mut client.input).await? == 0 {
            return Err("the broker has closed a subscriber's connection".into());
        }
        let count = take(&mut client, &mut expected, &mut acks, &progress)?;
        if let Some(delivered) = progress.delivered.get(number) {
            delivered.fetch_add(count, Ordering::Relaxed);
        }
        progress.moved.notify_waiters();
        if !acks.is_empty() {
            client.stream.write_all(&acks).await?;
            acks.clear();
        }
    }
}

/// Takes every message that is there as a whole.
fn take(
    client: &mut Client<TcpStream>,
    expected: &mut [u32],
    acks: &mut Vec<u8>,
    progress: &Progress,
) -> Result<u64, Failure> {
    let (mut at, mut count) = (0, 0);
    while let Some((frame, size)) = frames::next(client.input.get(at..).unwrap_or_default())? {
        at += size;
        let Frame::Message {
            publisher,
            number,
            packet_id,
        } = frame
        else {
            continue;
        };
        count += 1;
        let next = expected
            .get_mut(usize::try_from(publisher)?)
            .ok_or("an unknown publisher")?;
        if *next != number {
            progress.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        *next = number + 1;
        ack(packet_id, acks);
    }
    client.input.advance(at);
    Ok(count)
}

/// The PUBACK that a delivery wants; none at QoS 0.
pub(crate) fn ack(packet_id: u16, acks: &mut Vec<u8>) {
    if packet_id != 0 {
        let [high, low] = packet_id.to_be_bytes();
        acks.extend_from_slice(&[0x40, 2, high, low]);
    }
}

/// Publishes until the time is up, and waits for what is not acknowledged.
pub(crate) async fn publish(
    mut client: Client<TcpStream>,
    template: Template,
    qos: Qos,
    window: u32,
    until: Instant,
    progress: Arc<Progress>,
) -> Result<(), Failure> {
    let (mut number, mut acknowledged, mut out) = (0_u32, 0_u32, Vec::new());
    loop {
        let open = Instant::now() < until;
        let room = if qos == Qos::AtMostOnce {
            window
        } else {
            window - (number - acknowledged)
        };
        if open && room > 0 {
            if !progress.until(|| progress.has_room()).await {
                let (missing, sent) = (progress.in_flight(), progress.sent.load(Ordering::Relaxed));
                return Err(format!("{missing} of {sent} messages do not arrive").into());
            }
            for number in number..number + room {
                template.write(number, &mut out);
            }
            number += room;
            progress.sent.fetch_add(room.into(), Ordering::Relaxed);
            client.stream.write_all(&out).await?;
            out.clear();
        }
        if qos == Qos::AtMostOnce && open {
            continue;
        }
        if qos == Qos::AtMostOnce || (!open && acknowledged == number) {
            // The connection must outlive the last delivery: some brokers drop what a client sent just before it left.
            let _ = progress.until(|| progress.in_flight() == 0).await;
            return Ok(());
        }
        acknowledged += read_acks(&mut client).await?;
    }
}

/// Publishes so many messages per second, one at a time, at QoS 1: what devices do, within the limits that the policy sets them.
pub(crate) async fn publish_paced(
    mut client: Client<TcpStream>,
    template: Template,
    rate: u32,
    is_over: impl Fn() -> bool,
    progress: Arc<Progress>,
) -> Result<(), Failure> {
    let (mut number, mut acknowledged, mut out) = (0_u32, 0_u32, Vec::new());
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
    while !is_over() || acknowledged < number {
        tokio::select! {
            _ = clock.tick(), if !is_over() => {
                template.write(number, &mut out);
                number += 1;
                progress.sent.fetch_add(1, Ordering::Relaxed);
                client.stream.write_all(&out).await?;
                out.clear();
            }
            acks = read_acks(&mut client) => acknowledged += acks?,
        }
    }
    Ok(())
}

/// How many messages the broker has acknowledged since the last call; waits for at least one.
pub(crate) async fn read_acks(client: &mut Client<TcpStream>) -> Result<u32, Failure> {
    let read = timeout(
        connection::PATIENCE,
        client.stream.read_buf(&mut client.input),
    )
    .await;
    if read.map_err(|_| "no acknowledgement comes")?? == 0 {
        return Err("the broker has closed a publisher's connection".into());
    }
    let (mut at, mut count) = (0, 0);
    while let Some((frame, size)) = frames::next(client.input.get(at..).unwrap_or_default())? {
        at += size;
        count += u32::from(matches!(frame, Frame::PubAck { .. }));
    }
    client.input.advance(at);
    Ok(count)
}
