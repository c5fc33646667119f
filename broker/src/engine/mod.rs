//! The engine behind us: takes accepted messages, hands out matching ones. The only room that knows rumqttd exists.
//!
//! Invariant: the router never disconnects a link by itself and never sees a raw topic, filter, client id, alias, subscription id,
//! retain flag, QoS above 0, acknowledgement or shared subscription. Each of those can kill or confuse it:
//!
//! | rumqttd 0.20 (facts) | guard here |
//! |---|---|
//! | P1 a topic that starts with a long character kills the router | `topic`: every topic and filter gets a prefix |
//! | P2 `$share` and an un-acknowledged message kill it at disconnect | no shared subscriptions, nothing is acknowledged inside |
//! | P3 a wake-up for a link that is gone kills it | `link`: wake-up and goodbye come from one task; takeover is the host's |
//! | P4 a shadow request for a link that is gone kills it | never sent |
//! | P6 a refused client id poisons the listener | `LinkIds`: our own ids; rumqttd's listeners are not used |
//! | `$` topics are refused or dropped | `topic` |
//! | QoS 2, acknowledgements out of order, receive maximum | QoS 0 inside; the publisher's QoS travels in the `envelope` |
//! | topics and client ids are never forgotten | `topic` cuts variable levels; link ids are used again |
//! | a slow reader is set forward silently | `cursors` |
//!
//! Bounds: [`Settings`]. Failure: [`Down`]; a supervisor starts the next router within 100 ms and says so in the log; sessions with a link
//! of their own are closed with the fault code and come back.

mod cursors;
mod envelope;
mod inbox;
mod link;
mod publisher;
mod router;
mod topic;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use bytestring::ByteString;
use tokio::sync::mpsc;

use crate::contract::{self, Qos};
pub use inbox::Deliver;
pub use link::{BATCH, Link};
pub use publisher::Publisher;
use router::Incarnation;

/// An accepted message on its way from a publisher to its receivers.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The true topic.
    pub topic: ByteString,
    /// What the publisher sent.
    pub payload: Bytes,
    /// The publisher's QoS.
    pub qos: Qos,
    /// Number of the publishing session ([`Engine::next_number`]), for no-local. 0: the host itself.
    pub publisher: u64,
    /// Unix milliseconds after which it is not delivered any more.
    pub expires: Option<contract::UtcMs>,
    /// MQTT 5 properties to forward, in wire form (`session::wire::Publish::properties`).
    pub properties: Bytes,
    /// Given by the engine, unique among publications: a link with overlapping filters gets one copy per filter, all with this number.
    pub number: u64,
}

impl Message {
    /// For whoever keeps it for long: a copy where others may lie in the same buffer, see `envelope`.
    #[must_use]
    pub fn detached(self) -> Self {
        if self.payload.len() >= envelope::ROW {
            return self;
        }
        Self {
            topic: ByteString::from(&*self.topic),
            payload: Bytes::copy_from_slice(&self.payload),
            properties: Bytes::copy_from_slice(&self.properties),
            ..self
        }
    }
}

/// Limits of the engine.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Shared links to publish on, 1 to 64; default 2. One per core is enough.
    pub publishing_links: usize,
    /// Topic and payload bytes that the engine keeps per filter for readers that are behind, 8 KiB at least; default 4 MiB: some 15 000
    /// property reports, besides what waits in the reader's own queue. What a slower reader loses is counted (`engine_gap`) and logged,
    /// and one that was promised every message (QoS 1) is closed. It is never given back while the router lives, and a client may have
    /// `subscriptions_max` filters: raise it for back-ends that pause for seconds only where devices cannot choose filters freely.
    pub log_bytes: usize,
    /// Sessions with a subscription that no inbox serves, at most; default 10 000. Each takes about 30 KB and slows every disconnect.
    pub links_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            publishing_links: 2,
            log_bytes: 4 << 20,
            links_max: 10_000,
        }
    }
}

/// The engine is gone or full: the session answers with the fault codes and closes; the supervisor starts a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the message engine is down or has no link left: the broker restarts it; see `engine.links_max`"
)]
pub struct Down;

/// A handle to the running engine. Clone is cheap.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    inboxes: Arc<tokio::sync::Mutex<inbox::Inboxes>>,
}

struct Inner {
    incarnation: ArcSwap<Incarnation>,
    link_ids: LinkIds,
    /// What is left of dropped links, on its way to the closer.
    leaving: mpsc::UnboundedSender<link::Ends>,
    messages: AtomicU64,
    sessions: AtomicU64,
    restarts: AtomicU64,
}

impl Engine {
    /// Starts the router. Call it inside a tokio runtime.
    pub fn start(settings: &Settings) -> Result<Self, Down> {
        let (leaving, left) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            incarnation: ArcSwap::from_pointee(Incarnation::start(settings)?),
            link_ids: LinkIds::default(),
            leaving,
            messages: AtomicU64::new(1),
            sessions: AtomicU64::new(1),
            restarts: AtomicU64::new(0),
        });
        tokio::spawn(close_links(Arc::downgrade(&inner), left));
        tokio::spawn(supervise(Arc::downgrade(&inner), settings.clone()));
        Ok(Self {
            inner,
            inboxes: Arc::default(),
        })
    }

    /// A number for a session, never used before in this process and never 0.
    pub fn next_number(&self) -> u64 {
        self.inner.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// The publishing link of a session, by its number.
    pub fn publisher(&self, session: u64) -> Publisher {
        Publisher::new(Arc::clone(&self.inner), session)
    }

    /// A session's own link.
    pub async fn open(&self) -> Result<Link, Down> {
        Link::open(Arc::clone(&self.inner)).await
    }

    /// Replaces the inboxes of all clients; filters as `grant::inbox::Template::filter` gives them. Returns when they are in force.
    pub async fn inboxes(
        &self,
        filters: Vec<String>,
        deliver: Arc<dyn Deliver>,
    ) -> Result<(), Down> {
        self.inboxes
            .lock()
            .await
            .replace(&self.inner, filters, &deliver)
            .await
    }

    /// Events that wait in the router's queue, of 1 000.
    pub fn depth(&self) -> usize {
        self.inner.incarnation.load().depth()
    }

    /// The router is dead and not yet replaced.
    pub fn is_down(&self) -> bool {
        self.inner.incarnation.load().is_dead()
    }

    /// How often the router had to be started again.
    pub fn restarts(&self) -> u64 {
        self.inner.restarts.load(Ordering::Relaxed)
    }
}

impl Inner {
    /// The first of `count` message numbers in a row.
    fn take_numbers(&self, count: usize) -> u64 {
        self.messages
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed)
    }

    fn close_later(&self, ends: link::Ends) {
        // Fails only when the runtime ends, and the router with it.
        let _ = self.leaving.send(ends);
    }
}

/// Ids of links, used again as soon as the router has let go: it keeps half a kilobyte for every id that it has ever seen.
#[derive(Default)]
struct LinkIds {
    free: Mutex<Vec<String>>,
    made: AtomicU64,
}

impl LinkIds {
    fn take(&self) -> String {
        let free = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        free.unwrap_or_else(|| format!("link-{}", self.made.fetch_add(1, Ordering::Relaxed)))
    }

    fn give_back(&self, id: String) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id);
    }
}

/// The closer: one goodbye at a time, in the order in which links were dropped.
async fn close_links(engine: Weak<Inner>, mut left: mpsc::UnboundedReceiver<link::Ends>) {
    while let Some(ends) = left.recv().await {
        let id = link::close(ends).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        engine.link_ids.give_back(id);
    }
}

/// Starts the router again when a panic has killed it.
async fn supervise(engine: Weak<Inner>, settings: Settings) {
    const LOOK: Duration = Duration::from_millis(100);
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if !engine.incarnation.load().is_dead() {
            continue;
        }
        match Incarnation::start(&settings) {
            Ok(next) => {
                engine.incarnation.store(Arc::new(next));
                let restarts = engine.restarts.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::error!(
                    restarts,
                    "the message engine died and was started again: sessions with own subscriptions are closed"
                );
            }
            Err(error) => {
                tracing::error!(%error, "the message engine died and does not start: trying again");
            }
        }
    }
}

#[cfg(test)]
mod tests;
