//! The engine behind us: takes accepted messages, hands out matching ones. (STUB: signatures only)

use crate::contract::{self, Qos};
use bytes::Bytes;
use bytestring::ByteString;

/// An accepted message on its way from a publisher to its receivers.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: ByteString,
    pub payload: Bytes,
    /// The publisher's QoS.
    pub qos: Qos,
    /// Number of the publishing session ([`Engine::next_number`]), for no-local. 0: the host itself.
    pub publisher: u64,
    /// Unix milliseconds after which it is not delivered any more.
    pub expires: Option<contract::UtcMs>,
    /// MQTT 5 properties to forward, in wire form (`session::wire::Publish::properties`).
    pub properties: Bytes,
    /// Unique among the copies of one publication: a link with overlapping filters gets one copy per filter, all with the same number.
    pub number: u64,
}

#[derive(Clone)]
pub struct Engine {/* Arc … */}

/// One of the shared publishing links. A session takes one and stays on it, so its order holds.
#[derive(Clone)]
pub struct Publisher {/* … */}
impl Publisher {
    /// Hands over all of `batch` in order and empties it; waits where the engine is busy. QoS 1 may be acknowledged after it returns.
    pub async fn publish(&self, batch: &mut Vec<Message>) -> Result<(), Down> {
        let _ = batch;
        unimplemented!()
    }
}

/// A session's own link: opened at its first SUBSCRIBE that needs one (`Grant::needs_link`).
pub struct Link {/* … */}
impl Link {
    pub async fn subscribe(&mut self, filter: &str) -> Result<(), Down> {
        let _ = filter;
        unimplemented!()
    }
    pub async fn unsubscribe(&mut self, filter: &str) -> Result<(), Down> {
        let _ = filter;
        unimplemented!()
    }
    /// Waits for messages and appends all that are there (at most ~200) to `into`. Cancel-safe. Returns how many messages the engine has dropped
    /// because this reader was too slow (0 normally). The caller matches every message exactly against its own filters.
    pub async fn receive(&mut self, into: &mut Vec<Message>) -> Result<u64, Down> {
        let _ = into;
        unimplemented!()
    }
    pub async fn close(self) {}
}

/// Takes a message of an inbox to its addressee; called from the engine's inbox tasks, must not block.
pub trait Deliver: Send + Sync + 'static {
    /// `template` indexes the inboxes of the call that set them.
    fn deliver(&self, template: usize, message: Message);
}

impl Engine {
    pub fn start(settings: &Settings) -> Result<Self, Down> {
        let _ = settings;
        unimplemented!()
    }
    pub fn next_number(&self) -> u64 {
        unimplemented!()
    }
    pub fn publisher(&self, session: u64) -> Publisher {
        let _ = session;
        unimplemented!()
    }
    pub async fn open(&self) -> Result<Link, Down> {
        unimplemented!()
    }
    /// Replaces the inboxes of all clients: filters as `grant::inbox::Template::filter` gives them.
    pub async fn inboxes(
        &self,
        filters: Vec<String>,
        deliver: std::sync::Arc<dyn Deliver>,
    ) -> Result<(), Down> {
        let _ = (filters, deliver);
        unimplemented!()
    }
    /// Events waiting in the engine's queue.
    pub fn depth(&self) -> usize {
        unimplemented!()
    }
    pub fn is_down(&self) -> bool {
        unimplemented!()
    }
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub publishing_links: usize,
    pub log_bytes: usize,
}
impl Default for Settings {
    fn default() -> Self {
        Self {
            publishing_links: 2,
            log_bytes: 16 << 20,
        }
    }
}

/// The engine is gone: the session answers with the fault codes and closes; the host starts a new engine.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the message engine is down")]
pub struct Down;
