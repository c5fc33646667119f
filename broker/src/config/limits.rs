//! Bounds on what clients may take up. A number of 0 is refused: there is no «unlimited».

use serde::Deserialize;
use std::time::Duration;

/// See each field; what is beyond a limit is refused or closed with a code, and counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once, all listeners together; more are closed at accept. Default: 10 000.
    pub connections: usize,
    /// Of these, connections whose TLS handshake or CONNECT is not done. Default: 1 000.
    pub half_open: usize,
    /// How long a TLS handshake may take. Default: 10 s.
    #[serde(with = "humantime_serde")]
    pub handshake_deadline: Duration,
    /// How long the CONNECT may take after accept or handshake. Default: 10 s.
    #[serde(with = "humantime_serde")]
    pub connect_deadline: Duration,
    /// The largest MQTT packet from a client, in bytes. Default: 1 MiB of payload and 64 KiB + 1 KiB for topic and properties.
    /// At least 1 024, at most 256 MiB (the protocol's own limit).
    pub packet_bytes: u32,
    /// `QoS` 1 messages from one client that wait for their PUBACK (MQTT 5 receive maximum). Default: 64.
    pub receive_maximum: u16,
    /// `QoS` 1 messages towards one client that wait for its PUBACK. Default: 32.
    pub inflight: u16,
    /// Messages waiting for one client; the newest is dropped beyond it. Default: 1 000.
    pub queue_messages: usize,
    /// Bytes of those messages. Default: 4 MiB.
    pub queue_bytes: usize,
    /// A client that takes no byte for so long is closed. Default: 30 s.
    #[serde(with = "humantime_serde")]
    pub write_stall: Duration,
    /// How long a session may outlive its connection at most. Default: 1 day.
    #[serde(with = "humantime_serde")]
    pub session_expiry: Duration,
    /// Sessions that outlive their connections; the one that expires first goes beyond it. Default: 10 000.
    pub persistent_sessions: usize,
    /// Topic aliases that a client may use (MQTT 5). Default: 16.
    pub topic_aliases: u16,
    /// How long a stop waits for connections to end. Default: 5 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            half_open: 1_000,
            handshake_deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(10),
            packet_bytes: (1 << 20) + (64 << 10) + (1 << 10),
            receive_maximum: 64,
            inflight: 32,
            queue_messages: 1_000,
            queue_bytes: 4 << 20,
            write_stall: Duration::from_secs(30),
            session_expiry: Duration::from_hours(24),
            persistent_sessions: 10_000,
            topic_aliases: 16,
            drain: Duration::from_secs(5),
        }
    }
}
