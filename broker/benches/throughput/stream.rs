//! Numbered messages at a fixed rate from one client to another, and how long each took: the traffic that something else may disturb.
//!
//! Open loop: nothing that the broker does delays the next message, so a broker that stands still shows in every message that it keeps
//! waiting. QoS 1 on both sides. Memory: some 40 bytes per message.

use crate::connection::{self, Client};
use crate::frames::{self, Frame, Template};
use crate::progress::Progress;
use crate::server::Server;
use crate::traffic::{ack, read_acks};
use crate::{Failure, identity};
use bytes::Buf;
use iotda_broker::session::wire::Qos;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Messages of one millisecond, which is as fine as the runtime's clock: 2 000 per second.
const PER_TICK: u32 = 2;
const TICK: Duration = Duration::from_millis(1);
const SIZE: usize = 64;
const TOPIC: &str = "bench/stream";

pub(crate) struct Stream {
    shared: Arc<Shared>,
    publisher: JoinHandle<Result<(), Failure>>,
    subscriber: JoinHandle<Result<(), Failure>>,
}

struct Shared {
    is_over: AtomicBool,
    progress: Progress,
    /// When each message was written.
    sent: Mutex<Vec<Instant>>,
    samples: Mutex<Vec<Sample>>,
}

/// One delivery.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    sent: Instant,
    /// Milliseconds.
    took: f64,
}

/// Some time of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Window {
    pub(crate) fn since(start: Instant) -> Self {
        let end = Instant::now();
        Self { start, end }
    }

    /// So much time in which nothing is done to the broker.
    pub(crate) async fn quiet(duration: Duration) -> Self {
        let start = Instant::now();
        tokio::time::sleep(duration).await;
        Self::since(start)
    }

    fn contains(&self, moment: Instant) -> bool {
        self.start <= moment && moment < self.end
    }
}

/// Milliseconds of what was sent within any of these windows.
pub(crate) fn within(samples: &[Sample], windows: &[Window]) -> Vec<f64> {
    let is_within = |sample: &&Sample| windows.iter().any(|window| window.contains(sample.sent));
    let within = samples.iter().filter(is_within);
    within.map(|sample| sample.took).collect()
}

impl Stream {
    /// Two connections of the application.
    pub(crate) async fn start(server: &Server) -> Result<Self, Failure> {
        let join = async |id| {
            let connect = identity::named(identity::APPLICATION, id);
            connection::join(server.address, &connect).await
        };
        let mut subscriber = join("stream-subscriber").await?;
        subscriber.subscribe(TOPIC, Qos::AtLeastOnce).await?;
        let publisher = join("stream-publisher").await?;
        let shared = Arc::new(Shared {
            is_over: AtomicBool::new(false),
            progress: Progress::new(1, SIZE as u64),
            sent: Mutex::default(),
            samples: Mutex::default(),
        });
        Ok(Self {
            publisher: tokio::spawn(publish(publisher, Arc::clone(&shared))),
            subscriber: tokio::spawn(subscribe(subscriber, Arc::clone(&shared))),
            shared,
        })
    }

    /// Every delivery, and what went wrong with others.
    pub(crate) async fn finish(self) -> Result<(Vec<Sample>, Option<String>), Failure> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.publisher.await??;
        let progress = &self.shared.progress;
        let sent = progress.sent.load(Ordering::Relaxed);
        progress.until(|| progress.total() >= sent).await;
        if self.subscriber.is_finished() {
            self.subscriber.await??;
        } else {
            self.subscriber.abort();
        }
        let samples = std::mem::take(&mut *lock(&self.shared.samples));
        Ok((samples, progress.trouble(sent)))
    }
}

async fn publish(mut client: Client<TcpStream>, shared: Arc<Shared>) -> Result<(), Failure> {
    let template = Template::new(TOPIC, 0, Qos::AtLeastOnce, SIZE);
    let (mut number, mut acknowledged, mut out) = (0_u32, 0_u32, Vec::new());
    let mut clock = tokio::time::interval(TICK);
    loop {
        let is_over = shared.is_over.load(Ordering::Relaxed);
        if is_over && acknowledged == number {
            return Ok(());
        }
        tokio::select! {
            _ = clock.tick(), if !is_over => {
                for number in number..number + PER_TICK {
                    template.write(number, &mut out);
                }
                number += PER_TICK;
                shared.progress.sent.fetch_add(PER_TICK.into(), Ordering::Relaxed);
                let now = Instant::now();
                lock(&shared.sent).extend((0..PER_TICK).map(|_| now));
                client.stream.write_all(&out).await?;
                out.clear();
            }
            acks = read_acks(&mut client) => acknowledged += acks?,
        }
    }
}

async fn subscribe(mut client: Client<TcpStream>, shared: Arc<Shared>) -> Result<(), Failure> {
    let (mut expected, mut acks) = (0, Vec::new());
    loop {
        if client.stream.read_buf(&mut client.input).await? == 0 {
            return Err("the broker has closed the stream's subscriber".into());
        }
        let now = Instant::now();
        while let Some((frame, size)) = frames::next(&client.input)? {
            client.input.advance(size);
            if let Frame::Message {
                number, packet_id, ..
            } = frame
            {
                shared.take(number, &mut expected, now);
                ack(packet_id, &mut acks);
            }
        }
        shared.progress.moved.notify_waiters();
        client.stream.write_all(&acks).await?;
        acks.clear();
    }
}

impl Shared {
    fn take(&self, number: u32, expected: &mut u32, now: Instant) {
        if *expected != number {
            self.progress.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        *expected = number + 1;
        if let Some(delivered) = self.progress.delivered.first() {
            delivered.fetch_add(1, Ordering::Relaxed);
        }
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(sent) = lock(&self.sent).get(place).copied() {
            let took = now.duration_since(sent).as_secs_f64() * 1e3;
            lock(&self.samples).push(Sample { sent, took });
        }
    }
}

fn lock<T>(list: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
