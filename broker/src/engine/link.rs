//! A link of one reader: a session's own, or one inbox template's.
//!
//! Bounds: the router pauses a link whose buffer holds 199 notifications and goes on when we say so; what waits meanwhile lies in the
//! filter's log (`log_bytes`), and what falls out of it is counted by [`Cursors`]. Failure: [`Down`] where the router is dead.
//! A link says goodbye itself, in the task that also wakes the router, because a wake-up for a link that is gone kills the router
//! (facts: P3); that task is the closer, which gets what is left of a dropped link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rumqttd::Notification;
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, Packet};

use super::cursors::Cursors;
use super::{Down, Inner, Message, envelope, topic};

/// Messages that one `receive` appends at most: what the router puts into a link before it pauses it.
pub const BATCH: usize = 200;

/// A session's own link; it leaves the engine when it is dropped. Opened at its first SUBSCRIBE that can bring something that no inbox delivers.
pub struct Link {
    /// `None` only while dropping.
    ends: Option<Ends>,
    engine: Arc<Inner>,
    filters: Vec<String>,
    /// How many different ones: as many streams of messages come.
    streams: usize,
    cursors: Cursors,
    /// Messages that came in while a SUBACK was awaited.
    early: VecDeque<Message>,
    lost: u64,
    /// The router has paused this link and waits to be woken.
    paused: bool,
    acknowledged: bool,
    /// A moment that has passed: not to wait for the router.
    opened: Instant,
}

pub(super) struct Ends {
    id: String,
    tx: LinkTx,
    rx: LinkRx,
}

impl Link {
    /// Built as a whole on the blocking thread, so that a caller who stops waiting leaves a link that closes itself.
    pub(super) async fn open(engine: Arc<Inner>) -> Result<Self, Down> {
        tokio::task::spawn_blocking(move || Self::build(engine))
            .await
            .map_err(|_| Down)?
    }

    fn build(engine: Arc<Inner>) -> Result<Self, Down> {
        let id = engine.link_ids.take();
        let Ok((tx, rx)) = engine.incarnation.load().build_link(&id) else {
            engine.link_ids.give_back(id);
            return Err(Down);
        };
        Ok(Self {
            ends: Some(Ends { id, tx, rx }),
            engine,
            filters: Vec::new(),
            streams: 0,
            cursors: Cursors::default(),
            early: VecDeque::new(),
            lost: 0,
            paused: false,
            acknowledged: false,
            opened: Instant::now(),
        })
    }

    /// Returns when the router has taken the filter in: whatever is published after that arrives.
    pub async fn subscribe(&mut self, filter: &str) -> Result<(), Down> {
        let filter = topic::engine_filter(filter);
        if self.filters.contains(&filter) {
            // Two client filters may share an engine filter (`id=1`, `id=2`); count both, subscribe once.
            self.filters.push(filter);
            return Ok(());
        }
        self.acknowledged = false;
        self.ends
            .as_mut()
            .ok_or(Down)?
            .tx
            .subscribe(filter.clone())
            .map_err(|_| Down)?;
        self.filters.push(filter);
        self.streams += 1;
        while !self.acknowledged {
            // First: a link that was paused before is told nothing, not even that.
            self.wake_if_paused().await?;
            let first = self.next().await?;
            let first = self.note(first);
            self.early.extend(first);
        }
        Ok(())
    }

    /// Messages that are already on their way may still arrive; the caller matches each against its own filters.
    pub fn unsubscribe(&mut self, filter: &str) -> Result<(), Down> {
        let filter = topic::engine_filter(filter);
        let Some(at) = self.filters.iter().position(|known| *known == filter) else {
            return Ok(());
        };
        self.filters.swap_remove(at);
        if self.filters.contains(&filter) {
            return Ok(());
        }
        self.streams -= 1;
        self.cursors.forget();
        self.ends
            .as_mut()
            .ok_or(Down)?
            .tx
            .unsubscribe(filter)
            .map(drop)
            .map_err(|_| Down)
    }

    /// Waits for messages and appends all that are there, about 200 at most. Cancel-safe: nothing that was appended is lost.
    ///
    /// Returns how many messages the engine has dropped because this reader was too slow: normally 0. One publication comes as often as
    /// there are filters on this link that match it, with the same number; topics that only share an engine topic come too.
    pub async fn receive(&mut self, into: &mut VecDeque<Message>) -> Result<u64, Down> {
        let lost = self.ready().await?;
        into.reserve(BATCH);
        into.extend(std::iter::from_fn(|| self.take()).take(BATCH));
        // Now, and not with the next call: the router fills the link while the caller works on these.
        self.wake_if_paused().await?;
        Ok(lost + std::mem::take(&mut self.lost))
    }

    /// Waits until [`Link::take`] has something; cancel-safe. Returns what [`Link::receive`] does, up to now.
    pub async fn ready(&mut self) -> Result<u64, Down> {
        loop {
            self.wake_if_paused().await?;
            if !self.early.is_empty() || self.lost > 0 {
                return Ok(std::mem::take(&mut self.lost));
            }
            let first = self.next().await?;
            let first = self.note(first);
            self.early.extend(first);
        }
    }

    /// The next message that is there, without waiting.
    #[inline]
    pub fn take(&mut self) -> Option<Message> {
        if !self.early.is_empty() {
            return self.early.pop_front();
        }
        loop {
            let next = self.ends.as_mut()?.rx.recv_deadline(self.opened).ok()?;
            if let Some(message) = self.note(next) {
                return Some(message);
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Notification>, Down> {
        self.ends
            .as_mut()
            .ok_or(Down)?
            .rx
            .next()
            .await
            .map_err(|_| Down)
    }

    #[inline]
    fn note(&mut self, notification: Option<Notification>) -> Option<Message> {
        match notification? {
            Notification::Forward(forward) => {
                if let Some((_, offset)) = forward.cursor {
                    self.lost += self.cursors.note(offset, self.streams);
                }
                envelope::open(forward.publish.topic, forward.publish.payload)
            }
            Notification::Unschedule => {
                self.paused = true;
                None
            }
            other => {
                let packet: Option<Packet> = other.into();
                self.acknowledged |= matches!(packet, Some(Packet::SubAck(..)));
                None
            }
        }
    }

    /// The router goes on filling a link that it has paused.
    pub async fn wake_if_paused(&mut self) -> Result<(), Down> {
        if self.paused {
            self.ends
                .as_ref()
                .ok_or(Down)?
                .rx
                .wake()
                .await
                .map_err(|_| Down)?;
            self.paused = false;
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(ends) = self.ends.take() {
            self.engine.close_later(ends);
        }
    }
}

/// Says goodbye and waits until the router has let go; only then may the id serve again.
pub(super) async fn close(mut ends: Ends) -> String {
    let goodbye = Packet::Disconnect(
        Disconnect {
            reason_code: DisconnectReasonCode::NormalDisconnection,
        },
        None,
    );
    if ends.tx.send(goodbye).await.is_ok() {
        while ends.rx.next().await.is_ok() {}
    }
    ends.id
}
