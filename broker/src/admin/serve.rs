//! The admin port's connections: HTTP/1.1 by hyper, bounded, because `/livez`, `/readyz` and `/metrics` ask for no token.
//!
//! Bounds: [`Bounds`]. A visitor beyond the places waits in the system's queue until one is free, and a silent one gives its place back after
//! the deadline of the head. On failure of a connection it ends; on failure to accept one, the next is accepted after a pause.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::warn;

/// After a failure to accept: out of files, for example.
const PAUSE: Duration = Duration::from_millis(200);

/// What visitors may take up together, and each.
pub(super) struct Bounds {
    /// Connections at once.
    pub(super) connections: usize,
    /// Until the head of a request is there: after the connection was made, and after the answer before.
    pub(super) head: Duration,
    /// One connection altogether: whoever does not read his answers holds it no longer.
    pub(super) connection: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 64,
            head: Duration::from_secs(10),
            connection: Duration::from_mins(5),
        }
    }
}

/// Serves until `stopped` is done, then finishes the requests under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stopped: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let stopping = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head);
    let mut stopped = pin!(stopped);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stopped => break,
            visitor = visitor(&listener, &places) => visitor,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = stopping.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // However it ends, it was the visitor's.
            let _ = timeout(bounds.connection, connection).await;
            drop(place);
        });
    }
    drop(listener);
    stopping.shutdown().await;
}

/// The next connection, once there is a place for it. Cancel-safe.
async fn visitor(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes it, so there is always a place at last.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one write; without it some wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            Err(cause) => {
                warn!(%cause, "a connection to the admin port cannot be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    async fn serving(bounds: Bounds) -> (SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(serve(listener, router, bounds, async {
            let _ = stopped.await;
        }));
        (address, stop)
    }

    async fn all_of(stream: &mut TcpStream) -> String {
        let mut told = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut told).await;
        String::from_utf8(told).unwrap()
    }

    #[tokio::test]
    async fn a_silent_visitor_gives_its_place_back() {
        let bounds = Bounds {
            connections: 1,
            head: Duration::from_millis(100),
            ..Bounds::default()
        };
        let (address, _stop) = serving(bounds).await;
        for begun in [b"".as_slice(), b"GET / HTTP/1.1\r\nHo"] {
            let mut silent = TcpStream::connect(address).await.unwrap();
            silent.write_all(begun).await.unwrap();
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(GET).await.unwrap();
            assert!(all_of(&mut next).await.ends_with("here"));
            assert!(!all_of(&mut silent).await.contains("here"));
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_kept_busy_ends_too() {
        let bounds = Bounds {
            connections: 1,
            connection: Duration::from_millis(200),
            ..Bounds::default()
        };
        let (address, _stop) = serving(bounds).await;
        let mut deaf = TcpStream::connect(address).await.unwrap();
        let (_unread, mut endless) = deaf.split();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        let ended = async { while endless.write_all(&request).await.is_ok() {} };
        timeout(Duration::from_secs(15), ended).await.unwrap();
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(GET).await.unwrap();
        assert!(all_of(&mut next).await.ends_with("here"));
    }

    #[tokio::test]
    async fn a_stop_lets_go_of_who_waits() {
        let (address, stop) = serving(Bounds::default()).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 15];
        idle.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        stop.send(()).unwrap();
        assert!(all_of(&mut idle).await.ends_with("here"));
        assert!(TcpStream::connect(address).await.is_err());
    }
}
