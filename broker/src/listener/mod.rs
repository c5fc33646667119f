//! Listeners: accept, limit, hand over. One accept loop per address, one task per connection.
//!
//! Binding is apart from running, so that every port is bound, or its error told, before anything runs. Nobody can stand in the way of
//! others: handshake and CONNECT happen in the connection's own task, within deadlines, and the number of connections and of those
//! without a session yet are limited. Beyond the first limit a client is told (CONNACK 3 / 0x97), some at a time;
//! beyond the second it is closed. An accept that fails (out of file descriptors) is logged and tried again after a pause.

mod accept;
mod admit;

use crate::session::Broker;
use crate::tls::Acceptor;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that the kernel has accepted and we have not: a fleet that reconnects at once.
const BACKLOG: u32 = 4_096;

/// One listener. The name is what policies and logs call it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Such as `mqtts`.
    pub name: String,
    /// Address and port; port 0 picks a free one.
    pub addr: SocketAddr,
    /// TLS, or plain TCP.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Connections at the same time.
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    /// Connections that have no session yet.
    #[serde(default = "half_open_max")]
    pub half_open_max: usize,
    /// For the TLS handshake.
    #[serde(default = "deadline", with = "humantime_serde")]
    pub handshake_deadline: Duration,
    /// From the end of the handshake to the end of the CONNECT packet.
    #[serde(default = "deadline", with = "humantime_serde")]
    pub connect_deadline: Duration,
}

impl Settings {
    /// A listener with the default limits.
    pub fn new(name: &str, addr: SocketAddr, tls: bool) -> Self {
        Self {
            name: name.to_owned(),
            addr,
            tls,
            connections_max: connections_max(),
            half_open_max: half_open_max(),
            handshake_deadline: deadline(),
            connect_deadline: deadline(),
        }
    }
}

fn yes() -> bool {
    true
}

fn connections_max() -> usize {
    100_000
}

/// Each costs up to 16 KiB of CONNECT and a TLS handshake's state, for ten seconds.
fn half_open_max() -> usize {
    2_048
}

fn deadline() -> Duration {
    Duration::from_secs(10)
}

/// A listener whose port is bound, and that accepts nobody yet.
pub struct Bound {
    settings: Settings,
    socket: TcpListener,
    acceptor: Option<Acceptor>,
}

/// Why a listener cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, not ours, or the port needs privileges.
    #[error(
        "the listener `{name}` cannot listen on `{addr}`: {cause}; choose another address or stop what uses it"
    )]
    Bind {
        /// The listener's name.
        name: String,
        /// Its address.
        addr: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// It shall speak TLS and was given no certificate.
    #[error("the listener `{0}` has TLS on and no certificate: give it one, or turn TLS off")]
    NoCertificate(String),
}

impl Bound {
    /// Binds the port. `acceptor` is used where the settings turn TLS on.
    pub fn bind(settings: Settings, acceptor: Option<Acceptor>) -> Result<Self, Error> {
        let acceptor = acceptor.filter(|_| settings.tls);
        if settings.tls && acceptor.is_none() {
            return Err(Error::NoCertificate(settings.name));
        }
        let socket = listen(settings.addr).map_err(|cause| Error::Bind {
            name: settings.name.clone(),
            addr: settings.addr,
            cause,
        })?;
        Ok(Self {
            settings,
            socket,
            acceptor,
        })
    }

    /// The listener's name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The address with the port that was picked.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted broker takes its port back while old connections of it linger in the kernel.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Accepts on all listeners, each for its broker, until `shutdown` turns true. Connections that were accepted live on: the caller drains them
/// with [`crate::session::Sessions::drain`].
pub async fn run(listeners: Vec<(Arc<Broker>, Bound)>, shutdown: watch::Receiver<bool>) {
    let mut loops = JoinSet::new();
    for (broker, bound) in listeners {
        loops.spawn(accept::run(broker, bound, shutdown.clone()));
    }
    loops.join_all().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_unknown_fields() {
        let parse = |text: &str| serde_json::from_str::<Settings>(text);
        let settings =
            parse(r#"{"name":"mqtts","addr":"127.0.0.1:0","connect_deadline":"3s"}"#).unwrap();
        let mut expected = Settings::new("mqtts", SocketAddr::from(([127, 0, 0, 1], 0)), true);
        expected.connect_deadline = Duration::from_secs(3);
        assert_eq!(settings, expected);
        assert!(parse(r#"{"name":"mqtts","addr":"127.0.0.1:0","tsl":true}"#).is_err());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = Bound::bind(Settings::new("a", addr, false), None).unwrap();
        let taken = first.local_addr().unwrap();
        let error = Bound::bind(Settings::new("b", taken, false), None)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("`b`") && error.contains(&taken.to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn tls_without_a_certificate_is_refused() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let error = Bound::bind(Settings::new("mqtts", addr, true), None)
            .err()
            .unwrap();
        assert!(matches!(error, Error::NoCertificate(name) if name == "mqtts"));
    }
}
