//! What a downlink on a topic never used before and a disconnect cost, with so many idle device sessions: it must not depend on their number.

use crate::cases::median;
use crate::connection::{self, Client};
use crate::options::Options;
use crate::server::{self, Server};
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

type Device = Client<TcpStream>;

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
        "sessions | connect CPU µs | KiB | downlink on a new topic: CPU µs, median µs, p99 µs | disconnect: CPU µs, next downlink ms"
    );
    for size in sizes {
        let sessions = process::fitting(*size);
        let server = Arc::new(server::ours(sessions, options.config.as_deref())?);
        let cost = measure(&server, sessions).await?;
        println!(
            "{sessions:>8} | {:>14.0} | {:>3.1} | {:>8.0} {:>8.0} {:>8.0} | {:>8.0} {:>8.1}",
            cost.connect_cpu,
            cost.memory_kib,
            cost.downlink_cpu,
            cost.downlink_median,
            cost.downlink_p99,
            cost.disconnect_cpu,
            cost.behind_disconnects / 1e3
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn measure(server: &Arc<Server>, sessions: usize) -> Result<Cost, Failure> {
    let mut app = connection::join(
        server.address,
        &identity::named(identity::APPLICATION, "scale"),
    )
    .await?;
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
        latencies.push(downlink(&mut app, &mut devices, number * 7919 % sessions, number).await?);
    }
    let delivered = server.process.settled_cpu_microseconds().await?;

    let leaving = DISCONNECTS.min(sessions / 2);
    drop(devices.split_off(sessions - leaving));
    let behind = downlink(&mut app, &mut devices, 0, DOWNLINKS).await?;
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

async fn join_all(server: &Arc<Server>, sessions: usize) -> Result<Vec<Device>, Failure> {
    let mut running = JoinSet::new();
    let mut joined: Vec<Option<Device>> = (0..sessions).map(|_| None).collect();
    for number in 0..sessions {
        if running.len() >= AT_A_TIME {
            keep(&mut joined, running.join_next().await.transpose()?)?;
        }
        let server = Arc::clone(server);
        running.spawn(async move {
            let client = connection::join(server.address, &server.client(number)?).await?;
            Ok((number, client))
        });
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

/// A command to one device, on a topic of its own. Microseconds from the write of the application to the read of the device.
async fn downlink(
    app: &mut Device,
    devices: &mut [Device],
    device: usize,
    request: usize,
) -> Result<f64, Failure> {
    let topic = format!(
        "$oc/devices/{}/sys/commands/request_id={request}",
        identity::device(device)
    );
    let packet = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: topic.as_str().into(),
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
    let device = devices.get_mut(device).ok_or("no such device")?;
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
