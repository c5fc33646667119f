//! How other tasks speak to a session: orders and messages of its inboxes.
//!
//! Orders are flags and never lost: judging twice is judging once. Messages are bounded by [`MESSAGES`] and [`BYTES`]; beyond it the
//! sender is told. An idle mailbox holds no buffer. A mailbox that is shut takes nothing more, and whoever waits for a takeover is let
//! go on.

use super::card::Card;
use super::carried::Carried;
use super::inboxes::Inboxed;
use super::sweep::Sweep;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// Messages that wait in one mailbox: a burst, not a store.
const MESSAGES: usize = 512;
const BYTES: usize = 2 << 20;

/// Another connection of the same canonical client id asks for the session.
#[derive(Debug)]
pub(crate) struct Takeover {
    /// It starts anew: the old state ends with the old connection.
    pub(crate) clean: bool,
    /// Gets the state, if there is one to carry over.
    pub(crate) reply: oneshot::Sender<Option<Box<Carried>>>,
}

/// What a session is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Rules or records changed: ask the policy again.
    /// The rounds that wait for it.
    Judge(Vec<Arc<Sweep>>),
    /// End for another connection.
    TakeOver(Takeover),
    /// An operator wants it closed.
    Close,
    /// The broker shuts down.
    Drain,
}

/// What a session finds in its mailbox.
#[derive(Debug)]
pub(crate) enum Mail {
    Order(Order),
    Messages {
        messages: VecDeque<Inboxed>,
        /// How many more found no room since the last ones were taken.
        lost: u64,
    },
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    Taken,
    Full,
    Shut,
}

/// One session's mailbox, shared with the table of sessions.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// Whose it is.
    pub(crate) card: Card,
    /// Its record was removed: nothing is kept for it.
    is_removed: AtomicBool,
    pending: Mutex<Pending>,
}

// The flags are independent of each other: any of them may be set at any time.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
struct Pending {
    drain: bool,
    close: bool,
    takeover: Option<Takeover>,
    judge: Option<Vec<Arc<Sweep>>>,
    messages: VecDeque<Inboxed>,
    bytes: usize,
    lost: u64,
    waker: Option<Waker>,
    shut: bool,
    parked: bool,
}

impl Mailbox {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            card,
            is_removed: AtomicBool::new(false),
            pending: Mutex::default(),
        }
    }

    /// Gives an order; false where the session has ended (a takeover is then dropped, which lets its sender go on).
    pub(crate) fn order(&self, order: Order) -> bool {
        let mut pending = self.lock();
        if pending.shut {
            return false;
        }
        match order {
            Order::Judge(sweeps) => pending.judge.get_or_insert_default().extend(sweeps),
            Order::TakeOver(takeover) => pending.takeover = Some(takeover),
            Order::Close => pending.close = true,
            Order::Drain => pending.drain = true,
        }
        wake(pending);
        true
    }

    /// Hands over a message of one of the session's inboxes. Never blocks.
    pub(crate) fn post(&self, inboxed: Inboxed) -> Posted {
        let mut pending = self.lock();
        if pending.shut {
            return Posted::Shut;
        }
        let bytes = pending.bytes + inboxed.bytes();
        if pending.messages.len() >= MESSAGES || bytes > BYTES && !pending.messages.is_empty() {
            pending.lost += 1;
            return Posted::Full;
        }
        pending.bytes = bytes;
        pending.messages.push_back(inboxed);
        wake(pending);
        Posted::Taken
    }

    /// The next order, or else the messages if `messages` are wanted now.
    pub(crate) fn poll(&self, context: &Context<'_>, messages: bool) -> Poll<Mail> {
        let mut pending = self.lock();
        if let Some(mail) = pending.next(messages) {
            return Poll::Ready(mail);
        }
        if !pending
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()))
        {
            pending.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Takes nothing more; returns the messages that nobody took.
    pub(crate) fn shut(&self) -> VecDeque<Inboxed> {
        let mut pending = self.lock();
        pending.shut = true;
        pending.takeover = None;
        pending.waker = None;
        std::mem::take(&mut pending.messages)
    }

    /// Marks that the session lives without a connection, or no more.
    pub(crate) fn set_parked(&self, parked: bool) {
        self.lock().parked = parked;
    }

    /// Whether the session lives without a connection.
    pub(crate) fn is_parked(&self) -> bool {
        self.lock().parked
    }

    /// Marks that the record was removed, for good: a later record of the same id is another client.
    pub(crate) fn set_removed(&self) {
        self.is_removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }

    /// A poisoned lock is taken all the same: no holder leaves the flags half written.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn next(&mut self, messages: bool) -> Option<Mail> {
        if std::mem::take(&mut self.drain) {
            return Some(Mail::Order(Order::Drain));
        }
        if std::mem::take(&mut self.close) {
            return Some(Mail::Order(Order::Close));
        }
        if let Some(takeover) = self.takeover.take() {
            return Some(Mail::Order(Order::TakeOver(takeover)));
        }
        if let Some(sweeps) = self.judge.take() {
            return Some(Mail::Order(Order::Judge(sweeps)));
        }
        if messages && !self.messages.is_empty() {
            self.bytes = 0;
            return Some(Mail::Messages {
                messages: std::mem::take(&mut self.messages),
                lost: std::mem::take(&mut self.lost),
            });
        }
        // A loss is told at once, also to a session that has no room for more.
        if self.lost > 0 {
            return Some(Mail::Messages {
                messages: VecDeque::new(),
                lost: std::mem::take(&mut self.lost),
            });
        }
        None
    }
}

fn wake(mut pending: MutexGuard<'_, Pending>) {
    let waker = pending.waker.take();
    drop(pending);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
impl Takeover {
    /// One whose sender does not listen.
    pub(crate) fn probe() -> Self {
        Self {
            clean: false,
            reply: oneshot::channel().0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::inboxes::tests::inboxed;

    fn poll(mailbox: &Mailbox, messages: bool) -> Poll<Mail> {
        mailbox.poll(&Context::from_waker(Waker::noop()), messages)
    }

    /// Messages and losses.
    fn taken(mailbox: &Mailbox, messages: bool) -> Option<(usize, u64)> {
        match poll(mailbox, messages) {
            Poll::Ready(Mail::Messages { messages, lost }) => Some((messages.len(), lost)),
            _ => None,
        }
    }

    fn mailbox() -> Mailbox {
        Mailbox::new(Card::probe("d"))
    }

    #[test]
    fn orders_come_before_messages_and_are_not_lost_in_a_full_box() {
        let mailbox = mailbox();
        while mailbox.post(inboxed("t")) == Posted::Taken {}
        assert_eq!(mailbox.post(inboxed("t")), Posted::Full);
        assert!(mailbox.order(Order::Judge(Vec::new())) && mailbox.order(Order::Judge(Vec::new())));
        assert!(mailbox.order(Order::TakeOver(Takeover::probe())));
        assert!(matches!(
            poll(&mailbox, true),
            Poll::Ready(Mail::Order(Order::TakeOver(_)))
        ));
        assert!(matches!(
            poll(&mailbox, true),
            Poll::Ready(Mail::Order(Order::Judge(_)))
        ));
        // The loss is told also while no messages are wanted.
        assert_eq!(taken(&mailbox, false), Some((0, 2)));
        assert_eq!(taken(&mailbox, false), None);
        assert_eq!(taken(&mailbox, true), Some((MESSAGES, 0)));
        assert_eq!(mailbox.post(inboxed("t")), Posted::Taken);
    }

    #[test]
    fn a_shut_mailbox_takes_nothing_and_lets_a_takeover_go_on() {
        let mailbox = mailbox();
        let (reply, mut answer) = oneshot::channel();
        mailbox.order(Order::TakeOver(Takeover {
            clean: false,
            reply,
        }));
        mailbox.post(inboxed("t"));
        assert_eq!(mailbox.shut().len(), 1);
        assert!(matches!(
            answer.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        ));
        assert!(!mailbox.order(Order::Judge(Vec::new())));
        assert_eq!(mailbox.post(inboxed("t")), Posted::Shut);
    }
}
