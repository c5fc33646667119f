//! Full mutual-TLS handshakes with CONNECT and CONNACK, one after the other, per second of server CPU.

use crate::options::Options;
use crate::{Failure, certificates, connection, identity, server};
use tokio::io::AsyncWriteExt;

/// Two devices, so that the handshake of one overlaps with the end of the other.
const DEVICES: [(&str, &str); 2] = [("device1", "demo_device1"), ("device2", "demo_device2")];

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn run(count: usize, options: &Options) -> Result<(), Failure> {
    let server = server::ours(0, options)?;
    for (file, id) in DEVICES {
        handshakes(&server, file, id, 10).await?;
    }
    let each = count.div_ceil(DEVICES.len());
    let (cpu, start) = (
        server.process.settled_cpu_microseconds().await?,
        std::time::Instant::now(),
    );
    let [(first, first_id), (second, second_id)] = DEVICES;
    let (one, two) = tokio::join!(
        handshakes(&server, first, first_id, each),
        handshakes(&server, second, second_id, each)
    );
    one?;
    two?;
    let wall = start.elapsed();
    let cpu = server.process.settled_cpu_microseconds().await? - cpu;
    let done = (each * DEVICES.len()) as f64;
    println!(
        "{done} mutual TLS handshakes with CONNECT: {:.0} per server CPU second ({:.3} ms each), {:.0} per second of this run",
        done * 1e6 / cpu.max(1) as f64,
        cpu as f64 / 1e3 / done,
        done / wall.as_secs_f64()
    );
    Ok(())
}

async fn handshakes(
    server: &server::Server,
    file: &str,
    id: &str,
    count: usize,
) -> Result<(), Failure> {
    let connector = certificates::connector(server, Some(file))?;
    for _ in 0..count {
        let stream = certificates::connect(server, &connector).await?;
        let mut client = connection::greet(stream, &identity::certificate_connect(id)).await?;
        client.stream.write_all(&[0xe0, 0]).await?;
        client.stream.shutdown().await?;
    }
    Ok(())
}
