//! Who a session belongs to: what the table of sessions, the log and the admin API know of it. Immutable, no secret in it.

use super::wire::Level;
use crate::contract::UtcMs;
use std::net::SocketAddr;
use std::sync::Arc;

/// The visiting card of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    /// The canonical client id: the key of takeover.
    pub(crate) client: Arc<str>,
    /// The id of the registry's record; the same text for devices.
    pub(crate) record: Arc<str>,
    /// The client id as the client sent it, or as it was assigned.
    pub(crate) raw_client: Box<str>,
    pub(crate) username: Option<Box<str>>,
    /// Empty for an application.
    pub(crate) product: Box<str>,
    /// Empty for an application.
    pub(crate) node: Box<str>,
    /// The authority that vouches for the client's certificate.
    pub(crate) authority: Option<Box<str>>,
    pub(crate) peer: SocketAddr,
    pub(crate) listener: Arc<str>,
    pub(crate) level: Level,
    pub(crate) connected_at: UtcMs,
}

#[cfg(test)]
impl Card {
    /// A device of this id.
    pub(crate) fn probe(client: &str) -> Self {
        Self {
            client: client.into(),
            record: client.into(),
            raw_client: client.into(),
            username: None,
            product: "p".into(),
            node: client.into(),
            authority: None,
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
            listener: "mqtts".into(),
            level: Level::V4,
            connected_at: 0,
        }
    }
}
