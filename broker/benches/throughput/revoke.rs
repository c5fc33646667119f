//! From the freeze of a device that is sent messages all the time to its closed socket, and to the last message that still reached it.
//!
//! One device after the other, each with a command per millisecond while it is its turn; another one per millisecond goes to all in turn.

use crate::connection::{self, Client};
use crate::options::Options;
use crate::scale;
use crate::server::{self, Server};
use crate::spread::Spread;
use crate::{Failure, identity, process};
use bytes::{Bytes, BytesMut};
use iotda_broker::session::wire::client;
use iotda_broker::session::wire::{Level, Publish, Qos};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Frozen by another process; fewer, because each takes a process.
const BY_COMMAND_LINE: usize = 30;
const TICK: Duration = Duration::from_millis(1);
/// How long the messages flow before the freeze.
const WARM: Duration = Duration::from_millis(30);

struct Fleet {
    server: Server,
    /// How many bytes each device has read.
    read: Arc<Vec<AtomicUsize>>,
    devices: Vec<JoinHandle<Ended>>,
    /// Whose turn it is.
    turn: Arc<AtomicUsize>,
    sender: JoinHandle<Result<(), Failure>>,
}

/// How a device's connection ended.
struct Ended {
    last: Instant,
    closed: Instant,
}

/// Milliseconds since the freeze.
#[derive(Default)]
struct Times {
    closed: Vec<f64>,
    last: Vec<f64>,
}

pub(crate) async fn run(devices: usize, options: &Options) -> Result<bool, Failure> {
    let by_command_line = BY_COMMAND_LINE.min(devices);
    let all = process::fitting(devices + by_command_line);
    let mut fleet = Fleet::gather(all, options).await?;
    let (mut by_call, mut by_process) = (Times::default(), Times::default());
    for device in 0..all - by_command_line {
        by_call.add(&fleet.freeze_by_call(device).await?);
    }
    for device in all - by_command_line..all {
        by_process.add(&fleet.freeze_by_command_line(device).await?);
    }
    fleet.is_restored(0).await?;
    fleet.sender.abort();
    println!(
        "\n{:<48}{:>10}{:>10}{:>10}   goal",
        "from a freeze, ms", "median", "p99", "max"
    );
    by_call.print("HTTP call sent", "median 10, p99 50");
    by_process.print("command line's process ended", "p99 250");
    println!();
    Ok(true)
}

impl Fleet {
    async fn gather(count: usize, options: &Options) -> Result<Self, Failure> {
        let server = Arc::new(server::ours(count, options)?);
        let joined = scale::join_all(&server, count).await?;
        let app = connection::join(server.address, &server.client(0)).await?;
        let read: Arc<Vec<AtomicUsize>> =
            Arc::new((0..count).map(|_| AtomicUsize::default()).collect());
        let devices = joined.into_iter().enumerate();
        let devices = devices
            .map(|(number, client)| tokio::spawn(receive(client, number, Arc::clone(&read))));
        let turn = Arc::default();
        Ok(Self {
            server: Arc::into_inner(server).ok_or("a device is still joining")?,
            devices: devices.collect(),
            sender: tokio::spawn(send(app, count, Arc::clone(&turn))),
            turn,
            read,
        })
    }

    async fn freeze_by_call(&mut self, device: usize) -> Result<(Instant, Ended), Failure> {
        self.give_turn(device).await?;
        let answer = self
            .server
            .admin()?
            .freeze(&identity::device(device))
            .await?;
        Ok((answer.sent, self.ended(device).await?))
    }

    async fn freeze_by_command_line(&mut self, device: usize) -> Result<(Instant, Ended), Failure> {
        self.give_turn(device).await?;
        let id = identity::device(device);
        // The other worker threads go on.
        let ran =
            tokio::task::block_in_place(|| self.server.command_line(&["device", "freeze", &id]));
        let exit = Instant::now();
        ran?;
        Ok((exit, self.ended(device).await?))
    }

    /// Lets messages flow to a device that must be connected and get them.
    async fn give_turn(&self, device: usize) -> Result<(), Failure> {
        let read = || {
            self.read
                .get(device)
                .map_or(0, |read| read.load(Ordering::Relaxed))
        };
        self.turn.store(device, Ordering::Relaxed);
        sleep(WARM).await;
        let before = read();
        sleep(WARM).await;
        if self.devices.get(device).is_none_or(JoinHandle::is_finished) {
            return Err(format!("device {device} was closed before it was frozen").into());
        }
        if read() == before {
            return Err(format!("device {device} gets no messages").into());
        }
        Ok(())
    }

    async fn ended(&mut self, device: usize) -> Result<Ended, Failure> {
        let handle = self.devices.get_mut(device).ok_or("no such device")?;
        let ended = timeout(connection::PATIENCE, handle).await;
        Ok(ended.map_err(|_| format!("device {device} is frozen and not closed"))??)
    }

    /// A frozen device is refused, and let in once it is not frozen any more.
    async fn is_restored(&self, device: usize) -> Result<(), Failure> {
        let connect = identity::device_connect(device)?;
        if connection::join(self.server.address, &connect)
            .await
            .is_ok()
        {
            return Err("a frozen device may connect".into());
        }
        self.server
            .admin()?
            .unfreeze(&identity::device(device))
            .await?;
        connection::join(self.server.address, &connect)
            .await
            .map(drop)
    }
}

/// Reads until the broker closes the connection.
async fn receive(
    mut client: Client<TcpStream>,
    number: usize,
    read: Arc<Vec<AtomicUsize>>,
) -> Ended {
    let mut last = Instant::now();
    loop {
        let count = client.stream.read_buf(&mut client.input).await;
        let now = Instant::now();
        match count {
            Ok(0) | Err(_) => return Ended { last, closed: now },
            Ok(count) => {
                last = now;
                client.input.clear();
                if let Some(read) = read.get(number) {
                    read.fetch_add(count, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Two commands per millisecond: one to the device whose turn it is, one to all in turn.
async fn send(
    mut app: Client<TcpStream>,
    devices: usize,
    turn: Arc<AtomicUsize>,
) -> Result<(), Failure> {
    let mut clock = tokio::time::interval(TICK);
    let mut out = BytesMut::new();
    for next in (0..devices).cycle() {
        clock.tick().await;
        for device in [turn.load(Ordering::Relaxed), next] {
            put_command(device, &mut out);
        }
        app.stream.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

fn put_command(device: usize, out: &mut BytesMut) {
    let packet = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: format!(
            "$oc/devices/{}/sys/commands/request_id=1",
            identity::device(device)
        )
        .into(),
        packet_id: 0,
        alias: None,
        expiry: None,
        properties: Bytes::new(),
        payload: Bytes::from_static(br#"{"service_id":"Bench","command_name":"PING","paras":{}}"#),
    };
    client::publish(Level::V4, &packet, out);
}

impl Times {
    /// 0 for what had happened before.
    fn add(&mut self, (began, ended): &(Instant, Ended)) {
        let since = |moment: Instant| moment.saturating_duration_since(*began).as_secs_f64() * 1e3;
        self.closed.push(since(ended.closed));
        self.last.push(since(ended.last));
    }

    fn print(&self, name: &str, goal: &str) {
        for (end, times) in [
            ("closed socket", &self.closed),
            ("last delivery", &self.last),
        ] {
            let name = format!("{name}: {end} ({})", times.len());
            println!("{name:<48}{}   {goal}", Spread::of(times.iter().copied()));
        }
    }
}
