//! What the engine and the inboxes have for the client, as fast as there is room for it.
//!
//! Nothing more is fetched before it is gone, so a client that reads slowly fills its queue, then its link and its mailbox, which drop
//! and say how much: a gap is counted and logged, and a client that was promised every message (QoS 1) is disconnected, so that it
//! knows. Bounded by one batch of the mailbox; a turn takes [`BATCH`] messages, so that orders and packets wait no longer.

use super::deliver::Accepted;
use super::end::End;
use super::inboxes::Inboxed;
use super::outbound::Offered;
use super::queue::Queued;
use super::session::Session;
use crate::contract::Qos;
use crate::engine::{BATCH, Message};
use bytes::BytesMut;
use std::collections::VecDeque;

/// Messages of inboxes on their way into the queue. Those of the link stay in it until there is room.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    inboxed: VecDeque<Inboxed>,
}

/// One of them.
enum Next {
    Linked(Message),
    Inboxed(Inboxed),
}

impl Incoming {
    pub(super) fn is_empty(&self) -> bool {
        self.inboxed.is_empty()
    }
}

impl Session {
    /// Whether anything shall be fetched.
    pub(super) fn wants_more(&self) -> bool {
        self.incoming.is_empty() && self.outbound.wants_more()
    }

    /// The link has brought something. `lost`: what the engine dropped because this reader was too slow.
    pub(super) fn linked(&mut self, lost: u64) -> Result<(), End> {
        self.tell_loss("engine_gap", lost, |session| {
            let mut linked = session.subscriptions.iter().filter(|one| one.linked);
            linked.any(|one| one.qos != Qos::AtMostOnce)
        })
    }

    /// What the client's inboxes brought. `lost`: what its mailbox had no room for.
    pub(super) fn bring_inboxed(
        &mut self,
        messages: VecDeque<Inboxed>,
        lost: u64,
    ) -> Result<(), End> {
        self.incoming.inboxed.extend(messages);
        self.tell_loss("mailbox_full", lost, |session| {
            let mut all = session.subscriptions.iter();
            all.any(|one| !one.linked && one.qos != Qos::AtMostOnce)
        })
    }

    /// What was kept while the client was away, as far as it is wanted by now. Lent: it leaves the store when it was handed on for good.
    pub(super) fn bring_kept(&mut self) {
        let subscriptions = &self.subscriptions;
        let grant = &self.rules.grant;
        // Nobody gets anything while everything is refused: it stays kept.
        let is_open = !self.rules.denies_all;
        let wanted = |topic: &str| {
            is_open
                && (grant.is_unsolicited(topic) || subscriptions.matching(topic, false).is_some())
        };
        let kept = self.broker.away.lend(&self.seat.mailbox, wanted);
        // They are older than whatever has come since.
        for one in kept.into_iter().rev() {
            self.incoming.inboxed.push_front(one);
        }
    }

    /// Judges what waits, and writes or queues it, as long as there is room.
    pub(super) async fn accept_incoming(&mut self, output: &mut BytesMut) -> Result<(), End> {
        while let Some((message, rule)) = self.accept_uninspected(output)? {
            // Boxed: a session that inspects nothing holds no room for it.
            if let Some(passed) = Box::pin(self.inspected_delivery(message, rule)).await {
                let offered = self.outbound.offer(passed);
                self.note(offered)?;
            }
        }
        Ok(())
    }

    /// Up to a message that must be inspected.
    fn accept_uninspected(&mut self, output: &mut BytesMut) -> Result<Option<(Queued, u16)>, End> {
        for _ in 0..BATCH {
            if !self.outbound.wants_more() {
                break;
            }
            let accepted = match self.next_incoming() {
                None => break,
                Some(Next::Linked(message)) => self.accept_linked(&message, output),
                Some(Next::Inboxed(inboxed)) => self.accept_inboxed(&inboxed, output),
            };
            match accepted {
                Accepted::Done(offered) => self.note(offered)?,
                Accepted::Inspect(message, rule) => return Ok(Some((message, rule))),
            }
        }
        Ok(None)
    }

    /// Those of the inboxes first: they are addressed to this client.
    fn next_incoming(&mut self) -> Option<Next> {
        if let Some(inboxed) = self.incoming.inboxed.pop_front() {
            return Some(Next::Inboxed(inboxed));
        }
        // An empty ring gives its memory back.
        self.incoming.inboxed = VecDeque::new();
        self.link.as_mut()?.take().map(Next::Linked)
    }

    fn note(&mut self, offered: Offered) -> Result<(), End> {
        match offered {
            Offered::Waits(displaced) => self.tally.queue_full += displaced as u64,
            Offered::Dropped => self.tally.queue_full += 1,
            Offered::Full => return Err(End::SlowReader),
        }
        Ok(())
    }

    /// The connection has ended with messages on the way: those of inboxes that keep are kept, older ones first. A session that lives on
    /// stores the others.
    pub(super) async fn save_incoming(&mut self, lives_on: bool) {
        let incoming = std::mem::take(&mut self.incoming);
        if lives_on {
            self.store_inboxed(incoming.inboxed).await;
            return;
        }
        self.outbound.give_up();
        for inboxed in incoming.inboxed {
            self.leave_to_store(&inboxed);
        }
    }

    /// Keeps a message of an inbox that keeps; true where it is one. One that was lent comes back with its slip.
    pub(super) fn leave_to_store(&self, inboxed: &Inboxed) -> bool {
        let keeps = inboxed.inbox.keep_messages > 0;
        if keeps && inboxed.slip.is_none() {
            self.broker.away.keep(&self.seat.mailbox, inboxed);
        }
        keeps
    }

    fn tell_loss(
        &self,
        why: &'static str,
        lost: u64,
        promised: impl FnOnce(&Self) -> bool,
    ) -> Result<(), End> {
        if lost == 0 {
            return Ok(());
        }
        self.broker.metrics.dropped(why, lost);
        let client = &*self.seat.mailbox.card.client;
        tracing::warn!(
            client,
            lost,
            why,
            "messages were dropped: this client reads too slowly"
        );
        if promised(self) {
            Err(End::SlowReader)
        } else {
            Ok(())
        }
    }
}
