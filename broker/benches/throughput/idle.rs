//! Memory of our broker per idle TLS session.

use crate::connection::{self, Client};
use crate::options::Options;
use crate::server::{self, Server};
use crate::{Failure, certificates, process};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Handshakes at a time: below the broker's limit of half-open connections.
const AT_A_TIME: usize = 16;
/// Sessions before the first look, so that what is made once is not counted.
const WARM: usize = 50;

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn run(sessions: usize, options: &Options) -> Result<(), Failure> {
    let sessions = process::fitting(sessions);
    let server = Arc::new(server::ours(sessions + WARM, options)?);
    let connector = certificates::connector(&server, None)?;
    let warm = join(&server, &connector, sessions..sessions + WARM).await?;
    let (memory, cpu) = look(&server).await?;
    let idle = join(&server, &connector, 0..sessions).await?;
    let (grown, spent) = look(&server).await?;
    println!(
        "{} idle TLS sessions: {:.1} KiB each, {:.0} µs of server CPU to connect each ({} KiB resident in all)",
        idle.len(),
        grown.saturating_sub(memory) as f64 / 1024.0 / idle.len().max(1) as f64,
        (spent - cpu) as f64 / idle.len().max(1) as f64,
        grown / 1024
    );
    drop((warm, idle));
    Ok(())
}

/// Memory and CPU once the broker has come to rest.
async fn look(server: &Server) -> Result<(u64, u64), Failure> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu = server.process.settled_cpu_microseconds().await?;
    Ok((server.process.resident_bytes()?, cpu))
}

async fn join(
    server: &Arc<Server>,
    connector: &TlsConnector,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<Client<TlsStream<TcpStream>>>, Failure> {
    let (mut joined, mut running) = (Vec::new(), JoinSet::new());
    for number in numbers {
        if running.len() >= AT_A_TIME {
            joined.extend(running.join_next().await.transpose()?.transpose()?);
        }
        let (server, connector) = (Arc::clone(server), connector.clone());
        running.spawn(async move {
            let stream = certificates::connect(&server, &connector).await?;
            connection::greet(stream, &server.device(number)?).await
        });
    }
    while let Some(client) = running.join_next().await {
        joined.push(client??);
    }
    Ok(joined)
}
