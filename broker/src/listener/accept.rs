//! The accept loop of one listener.

use super::Bound;
use super::admit::{Door, Limits, admit, turn_away};
use crate::session::Broker;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

/// After the first failed accept; doubled up to [`PAUSE_MAX`]. Accepting again at once would only burn the processor that closing
/// connections needs.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Accepts until `shutdown` turns true.
pub(super) async fn run(broker: Arc<Broker>, bound: Bound, mut shutdown: watch::Receiver<bool>) {
    let name = bound.settings.name.clone();
    let limits = Limits::new(&bound.settings);
    let door = Arc::new(Door::new(broker, bound.settings, bound.acceptor));
    let accepting = accept_all(&bound.socket, &door, &limits);
    tokio::select! {
        // An error says that nobody can ask for a shutdown any more: the process is ending.
        _ = shutdown.wait_for(|down| *down) => info!(listener = name, "no more connections are accepted"),
        () = accepting => {}
    }
}

async fn accept_all(socket: &TcpListener, door: &Arc<Door>, limits: &Limits) {
    let mut pause = PAUSE;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                pause = PAUSE;
                receive(door, limits, stream, peer);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                warn!(listener = door.name(), %error, "a connection cannot be accepted: trying again in {pause:?}");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Gives the connection a task of its own, or no place. Never waits.
fn receive(door: &Arc<Door>, limits: &Limits, stream: TcpStream, peer: SocketAddr) {
    // Small packets both ways: waiting for more to send costs 40 ms per answer. An error shows again at the first write.
    stream.set_nodelay(true).ok();
    let door = Arc::clone(door);
    match (limits.connection(), limits.half_open()) {
        (Some(connection), Some(half_open)) => {
            tokio::spawn(admit(door, stream, peer, connection, half_open));
        }
        (None, _) => {
            door.broker.metrics.connected("refused", "connections_max");
            if let Some(permit) = limits.turned_away() {
                tokio::spawn(turn_away(door, stream, peer, permit));
            }
        }
        (_, None) => door.broker.metrics.connected("refused", "half_open_max"),
    }
}

/// It went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
