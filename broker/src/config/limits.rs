//! Bounds on connections. A number of 0 is refused: there is no «unlimited».

use serde::Deserialize;
use std::time::Duration;

/// See each field; what is beyond a limit is refused or closed with a code, and counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of one listener at once; more get CONNACK 3 / 0x97, some at a time. Default: 10 000.
    pub connections: usize,
    /// Of these, connections whose TLS handshake or CONNECT is not done; more are closed. Default: 1 000.
    pub half_open: usize,
    /// How long a TLS handshake may take. Default: 10 s.
    #[serde(with = "humantime_serde")]
    pub handshake_deadline: Duration,
    /// How long the CONNECT may take after accept or handshake. Default: 10 s.
    #[serde(with = "humantime_serde")]
    pub connect_deadline: Duration,
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
            drain: Duration::from_secs(5),
        }
    }
}
