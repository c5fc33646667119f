//! One accepted connection: its places, its handshake, and into its session.

use super::Settings;
use crate::metrics::Metrics;
use crate::session::{self, Arrival, Broker, Stream, connect};
use crate::tls::{Acceptor, Proof};
use prometheus_client::metrics::gauge::Gauge;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::debug;

/// Clients that are told at the same time that there is no room; more are closed without a word. Each may cost a handshake, 0.6 ms.
const TURNED_AWAY: usize = 64;
/// For the handshake, and again for the CONNECT.
const TURN_AWAY_DEADLINE: Duration = Duration::from_secs(1);

/// What all connections of one listener share.
pub(super) struct Door {
    pub(super) broker: Arc<Broker>,
    settings: Settings,
    /// The listener's name, shared with each session.
    name: Arc<str>,
    acceptor: Option<Acceptor>,
}

impl Door {
    pub(super) fn new(broker: Arc<Broker>, settings: Settings, acceptor: Option<Acceptor>) -> Self {
        Self {
            broker,
            name: settings.name.as_str().into(),
            settings,
            acceptor,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn arrival(&self, peer: SocketAddr, proof: Proof, followed: u64) -> Arrival {
        Arrival {
            listener: Arc::clone(&self.name),
            peer,
            encrypted: self.acceptor.is_some(),
            proof,
            followed,
        }
    }
}

/// The places of one listener.
pub(super) struct Limits {
    connections: Arc<Semaphore>,
    half_open: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        let places = |number: usize| Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)));
        Self {
            connections: places(settings.connections_max),
            half_open: places(settings.half_open_max),
            turned_away: places(TURNED_AWAY),
        }
    }

    pub(super) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        place(&self.connections)
    }

    pub(super) fn half_open(&self) -> Option<OwnedSemaphorePermit> {
        place(&self.half_open)
    }

    pub(super) fn turned_away(&self) -> Option<OwnedSemaphorePermit> {
        place(&self.turned_away)
    }
}

fn place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).try_acquire_owned().ok()
}

/// Serves one connection. `connection` is held to its end, `half_open` until it has a session.
pub(super) async fn admit(
    door: Arc<Door>,
    stream: TcpStream,
    peer: SocketAddr,
    connection: OwnedSemaphorePermit,
    half_open: OwnedSemaphorePermit,
) {
    let counted = Counted::new(&door.broker.metrics.shared);
    // Before the handshake: whatever changes after it is looked at again.
    let followed = door.broker.followed();
    if let Some((stream, proof)) =
        shake_hands(&door, stream, peer, door.settings.handshake_deadline).await
    {
        let arrival = door.arrival(peer, proof, followed);
        let deadline = door.settings.connect_deadline;
        connect::serve(
            Arc::clone(&door.broker),
            stream,
            arrival,
            deadline,
            half_open,
        )
        .await;
    }
    drop((counted, connection));
}

/// Tells a client that there is no room, by a code in its own version.
pub(super) async fn turn_away(
    door: Arc<Door>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    let followed = door.broker.followed();
    if let Some((stream, proof)) = shake_hands(&door, stream, peer, TURN_AWAY_DEADLINE).await {
        let arrival = door.arrival(peer, proof, followed);
        session::turn_away(&door.broker, stream, &arrival, TURN_AWAY_DEADLINE).await;
    }
    drop(permit);
}

async fn shake_hands(
    door: &Door,
    stream: TcpStream,
    peer: SocketAddr,
    deadline: Duration,
) -> Option<(Stream, Proof)> {
    let Some(acceptor) = &door.acceptor else {
        return Some((Box::new(stream), Proof::default()));
    };
    let metrics = &door.broker.metrics.shared;
    // Boxed: the handshake's state is given back before the long life of the session.
    let shaken = timeout(deadline, Box::pin(acceptor.accept(stream))).await;
    match shaken {
        Ok(Ok((stream, proof))) => {
            metrics.handshake("ok");
            Some((Box::new(stream), proof))
        }
        Ok(Err(error)) => {
            metrics.handshake("failed");
            debug!(%peer, listener = door.name(), %error, "the handshake failed");
            None
        }
        Err(_) => {
            metrics.handshake("timeout");
            debug!(%peer, listener = door.name(), "the handshake took too long");
            None
        }
    }
}

/// A gauge that is right also after a panic.
struct Counted(Gauge);

impl Counted {
    fn new(metrics: &Metrics) -> Self {
        metrics.connections.inc();
        Self(metrics.connections.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
