//! One life of rumqttd's router: its thread, its queue and the shared publishing links.
//!
//! Bounds: the router's own queue of 1 000 events; `links_max` links; `log_bytes` per filter. The router never stops by itself; when a
//! panic has killed it ([`Incarnation::is_dead`]) every link sees [`Down`] and the engine starts the next life.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::{Router, RouterConfig};

use super::{Down, Settings};

/// rumqttd's names for its event type are private, so its sender lives in closures.
pub(super) struct Incarnation {
    build: Box<BuildLink>,
    depth: Box<dyn Fn() -> usize + Send + Sync>,
    dead: Box<dyn Fn() -> bool + Send + Sync>,
    publishing: Vec<Mutex<PublishingLink>>,
}

type BuildLink = dyn Fn(&str) -> Result<(LinkTx, LinkRx), Down> + Send + Sync;

/// A link that only publishes, shared by many sessions.
pub(super) struct PublishingLink {
    pub(super) tx: LinkTx,
    /// Bytes handed over since the router last emptied the buffer.
    pub(super) waiting_bytes: usize,
    /// Held, because the router disconnects nobody but drops what it cannot notify.
    _rx: LinkRx,
}

impl Incarnation {
    pub(super) fn start(settings: &Settings) -> Result<Self, Down> {
        let events = Router::new(0, config(settings)).spawn();
        let (depth_of, life_of) = (events.clone(), events.clone());
        let mut incarnation = Self {
            build: Box::new(move |id| {
                let (to_router, from_router, _connack) = LinkBuilder::new(id, events.clone())
                    .clean_session(true)
                    .dynamic_filters(false)
                    // The router's aliases are keyed by filter and name wrong topics (facts §2).
                    .topic_alias_max(0)
                    .build()
                    .map_err(|_| Down)?;
                // The buffer is made for 200 packets of 392 bytes; most links never need that.
                *to_router.buffer() = VecDeque::new();
                Ok((to_router, from_router))
            }),
            depth: Box::new(move || depth_of.len()),
            dead: Box::new(move || life_of.is_disconnected()),
            publishing: Vec::new(),
        };
        for index in 0..settings.publishing_links.max(1) {
            let (tx, rx) = incarnation.build_link(&format!("publishing-{index}"))?;
            incarnation.publishing.push(Mutex::new(PublishingLink {
                tx,
                waiting_bytes: 0,
                _rx: rx,
            }));
        }
        Ok(incarnation)
    }

    /// Blocks until the router has taken the link in: microseconds, but call it on a blocking thread.
    pub(super) fn build_link(&self, id: &str) -> Result<(LinkTx, LinkRx), Down> {
        (self.build)(id)
    }

    /// The shared link of a session, by its number.
    pub(super) fn publishing(&self, session: u64) -> Option<MutexGuard<'_, PublishingLink>> {
        let count = u64::try_from(self.publishing.len())
            .ok()
            .filter(|count| *count > 0)?;
        let index = usize::try_from(session % count).ok()?;
        let link = self.publishing.get(index)?;
        Some(link.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Events that wait for the router.
    pub(super) fn depth(&self) -> usize {
        (self.depth)()
    }

    pub(super) fn is_dead(&self) -> bool {
        (self.dead)()
    }
}

fn config(settings: &Settings) -> RouterConfig {
    /// rumqttd drops a filter's oldest segment at a time.
    const SEGMENTS: usize = 8;
    RouterConfig {
        max_connections: settings.links_max,
        max_outgoing_packet_count: READ_BATCH,
        // rumqttd panics below 1 KiB.
        max_segment_size: (settings.log_bytes / SEGMENTS).max(1024),
        max_segment_count: SEGMENTS,
        custom_segment: None,
        initialized_filters: None,
        shared_subscriptions_strategy: rumqttd::Strategy::default(),
    }
}

/// Messages that the router hands to a link in one go; it pauses a link whose buffer has reached 199.
const READ_BATCH: u64 = 200;
