//! What a downlink on a topic never used before and a disconnect cost, with so many idle device sessions: it must not depend on their number.

use crate::cases::median;
use crate::connection::{self, Client};
use crate::options::Options;
use crate::server::{self, Kind, Server};
use crate::{Failure, identity, process};
use bytes::{Bytes, BytesMut};
use iotda_broker::session::wire::client::{self, FromServer};
use iotda_broker::session::wire::{Level, Publish, Qos};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Enough for the kernel's clock of 10 ms to tell 100 µs each from 110.
const DOWNLINKS: usize = 2_000;
const DISCONNECTS: usize = 500;
const AT_A_TIME: usize = 32;

pub(crate) type Device = Client<TcpStream>;

/// Microseconds.
struct Cost {
    connect_cpu: f64,
    memory_kib: f64,
    downlink_cpu: f64,
    downlink_median: f64,
    downlink_p99: f64,
    disconnect_cpu: f64,
    /// Of a downlink that was sent right behind the disconnects.
    behind_disconnects: f64,
}

pub(crate) async fn run(sizes: &[usize], options: &Options) -> Result<(), Failure> {
    println!(
        "medians and CPU in µs; a downlink goes to one device, on a topic that was never used before\n"
    );
    println!("{HEAD}");
    for kind in Kind::ALL {
        for size in sizes {
            let sessions = process::fitting(*size);
            if let Some(server) = server::start(kind, sessions, options)? {
                let server = Arc::new(server);
                print_row(kind, sessions, &measure(&server, sessions).await?);
            }
        }
    }
    Ok(())
}

const HEAD: &str = "broker     sessions | connect CPU      KiB | downlink CPU  median     p99 | disconnect CPU  next downlink";

fn print_row(kind: Kind, sessions: usize, cost: &Cost) {
    println!(
        "{:<10} {sessions:>8} | {:>11.0} {:>8.1} | {:>12.0} {:>7.0} {:>7.0} | {:>14.0} {:>14.0}",
        kind.name(),
        cost.connect_cpu,
        cost.memory_kib,
        cost.downlink_cpu,
        cost.downlink_median,
        cost.downlink_p99,
        cost.disconnect_cpu,
        cost.behind_disconnects
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn measure(server: &Arc<Server>, sessions: usize) -> Result<Cost, Failure> {
    let mut app = connection::join(server.address, &server.client(sessions)).await?;
    let (cpu, memory) = (
        server.process.settled_cpu_microseconds().await?,
        server.process.resident_bytes()?,
    );
    let mut devices = join_all(server, sessions).await?;
    let connected = server.process.settled_cpu_microseconds().await?;
    let grown = server.process.resident_bytes()?.saturating_sub(memory);

    let mut latencies = Vec::new();
    for number in 0..DOWNLINKS {
        // A stride that is prime to the usual sizes: neighbours of a hash table are no neighbours here.
        let device = number * 7919 % sessions;
        let topic = command_topic(server, device, number);
        let device = devices.get_mut(device).ok_or("no such device")?;
        latencies.push(downlink(&mut app, device, &topic).await?);
    }
    let delivered = server.process.settled_cpu_microseconds().await?;

    let leaving = DISCONNECTS.min(sessions / 2);
    drop(devices.split_off(sessions - leaving));
    let topic = command_topic(server, 0, DOWNLINKS);
    let first = devices.first_mut().ok_or("no device")?;
    let behind = downlink(&mut app, first, &topic).await?;
    let left = server.process.settled_cpu_microseconds().await?;
    latencies.sort_by(f64::total_cmp);
    Ok(Cost {
        connect_cpu: (connected - cpu) as f64 / sessions as f64,
        memory_kib: grown as f64 / 1024.0 / sessions as f64,
        downlink_cpu: (delivered - connected) as f64 / DOWNLINKS as f64,
        downlink_median: median(latencies.iter().copied()).unwrap_or(f64::NAN),
        downlink_p99: latencies
            .get(DOWNLINKS * 99 / 100)
            .copied()
            .unwrap_or(f64::NAN),
        disconnect_cpu: (left - delivered) as f64 / leaving.max(1) as f64,
        behind_disconnects: behind,
    })
}

/// Ours has inboxes; elsewhere a device has to subscribe to what is meant for it.
async fn join(server: &Server, number: usize) -> Result<Device, Failure> {
    let mut client = connection::join(server.address, &server.device(number)?).await?;
    if server.kind != Kind::Ours {
        client
            .subscribe(&format!("bench/{number}/commands/+"), Qos::AtMostOnce)
            .await?;
    }
    Ok(client)
}

fn command_topic(server: &Server, device: usize, request: usize) -> String {
    match server.kind {
        Kind::Ours => format!(
            "$oc/devices/{}/sys/commands/request_id={request}",
            identity::device(device)
        ),
        Kind::Stock | Kind::Mosquitto => format!("bench/{device}/commands/request_id={request}"),
    }
}

/// Every device of these numbers, with nothing to do.
pub(crate) async fn join_all(
    server: &Arc<Server>,
    sessions: usize,
) -> Result<Vec<Device>, Failure> {
    let mut running = JoinSet::new();
    let mut joined: Vec<Option<Device>> = (0..sessions).map(|_| None).collect();
    for number in 0..sessions {
        if running.len() >= AT_A_TIME {
            keep(&mut joined, running.join_next().await.transpose()?)?;
        }
        let server = Arc::clone(server);
        running.spawn(async move { Ok((number, join(&server, number).await?)) });
    }
    while let Some(ended) = running.join_next().await {
        keep(&mut joined, Some(ended?))?;
    }
    Ok(joined.into_iter().flatten().collect())
}

fn keep(
    joined: &mut [Option<Device>],
    ended: Option<Result<(usize, Device), Failure>>,
) -> Result<(), Failure> {
    if let Some((number, client)) = ended.transpose()?
        && let Some(place) = joined.get_mut(number)
    {
        *place = Some(client);
    }
    Ok(())
}

/// A command to one device. Microseconds from the write of the application to the read of the device.
async fn downlink(app: &mut Device, device: &mut Device, topic: &str) -> Result<f64, Failure> {
    let packet = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: topic.into(),
        packet_id: 0,
        alias: None,
        expiry: None,
        properties: Bytes::new(),
        payload: Bytes::from_static(br#"{"service_id":"Bench","command_name":"PING","paras":{}}"#),
    };
    let mut out = BytesMut::new();
    client::publish(Level::V4, &packet, &mut out);
    let start = Instant::now();
    app.stream.write_all(&out).await?;
    loop {
        if let FromServer::Publish(received) = device.receive().await?
            && received.publish.topic == topic
        {
            return Ok(microseconds(start.elapsed()));
        }
    }
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
